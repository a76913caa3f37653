#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at one gunicorn service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gunicorn_service_info
short_description: Look at one socket activated gunicorn service
version_added: 0.1.0
description:
  - Observes what systemd, the kernel and the service's own socket say about one gunicorn service C(NAME.service) behind C(NAME.socket).
  - It has no opinion and changes nothing, with two exceptions under O(scope=all). With O(effects=canary) or more it starts a short-lived
    service of the same make and leaves nothing behind. With O(effects=disruptive) it kills the main process once and measures how long
    the service takes to answer again.
  - A value out of the service's environment is never returned; the names of changed variables are.
author: prodready maintainers (@prodready)
attributes:
  check_mode:
    support: full
    description: The module changes nothing, so check mode makes no difference.
options:
  name:
    description: Name of the application, which is the name of its two units as well.
    type: str
    required: true
  scope:
    description:
      - V(all) makes every observation.
      - V(process) only says whether the running processes are older than their code, environment, unit or configuration.
      - V(alive) only waits until the application answers.
      - V(steady) only watches the extra processes for a moment, and says what those that do not stay wrote.
    type: str
    choices: [all, process, alive, steady]
    default: all
  current:
    description: The link to the release in force, below which C(source) and C(venv) stand. Empty leaves the code out of the comparison.
    type: str
    default: ""
  environment_file:
    description: The service's environment file. Empty leaves the environment out of the comparison.
    type: str
    default: ""
  config_file:
    description: Gunicorn's configuration file. Empty leaves it out of the comparison.
    type: str
    default: ""
  liveness_path:
    description:
      - Address that answers 200 while the application works.
      - When empty, V(/) is asked and any answer below 500 other than 400 counts.
    type: str
    default: ""
  host:
    description: Host name to send with each request, one of the application's allowed hosts.
    type: str
    default: localhost
  expected_units:
    description: Further units that have to run, such as V(nginx.service).
    type: list
    elements: str
    default: []
  processes:
    description: The extra processes of the application, from name to options, as the gunicorn role takes them.
    type: dict
    default: {}
  stable_seconds:
    description: How long the units have to run without a restart. A process younger than this is watched until it is that old.
    type: int
    default: 30
  wait:
    description: For how many seconds O(scope=alive) waits for an answer.
    type: int
    default: 60
  effects:
    description:
      - What the module may do to the service. With V(canary) it tries from inside a sandbox of the same make what a break-in would, in a
        short-lived service of its own. With V(disruptive) it also kills the main process once.
    type: str
    choices: [none, canary, disruptive]
    default: none
"""

EXAMPLES = r"""
- name: Look at the newsroom's application server
  prodready.django.gunicorn_service_info:
    name: newsroom
    current: /srv/newsroom/current
    environment_file: /etc/prodready/newsroom/env
    config_file: /etc/prodready/newsroom/gunicorn.conf.py
    host: newsroom.example.org
    liveness_path: /health/live/
  become: true
  register: service
"""

RETURN = r"""
observations:
  description:
    - Every observation by name, with its RV(ignore:value) or its RV(ignore:error), and its RV(ignore:seconds).
    - With O(scope=all) these are V(units), V(failed_units), V(process), V(workers), V(limits), V(memory), V(exposure), V(stale), V(reach),
      V(liveness), V(processes), V(running) and, where they are permitted, V(sandbox) and V(recovery).
    - With O(scope=process) these are V(units), V(stale) and V(processes), with O(scope=alive) it is V(waited), with O(scope=steady)
      V(steady).
  returned: always
  type: dict
  sample:
    stale:
      value: {restart: ["environment: DEBUG differ from /etc/prodready/newsroom/env"], reload: []}
      seconds: 0.02
observed_from:
  description: Where the observations were made.
  returned: always
  type: str
  sample: host
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._gunicorn_extra import ExtraProcesses
from ansible_collections.prodready.django.plugins.module_utils._gunicorn_service import GunicornService
from ansible_collections.prodready.django.plugins.module_utils._observe import Observer

_LIVENESS_ATTEMPTS = 5
_RECOVERY_SECONDS = 10
_STEADY_SECONDS = 3


def look_at_all(observer, service, options, run_command):
    """Every observation; watching comes late, when the others have let time pass, and the drill last."""
    for name in ("units", "failed_units", "process", "workers", "limits", "memory", "exposure", "stale", "reach"):
        observer.observe(name, getattr(service, name))
    observer.observe("liveness", service.liveness, _LIVENESS_ATTEMPTS)
    observer.observe("processes", lambda: ExtraProcesses(run_command, options).look(thorough=True))
    observer.observe("running", lambda: service.watch(declared_units(service, options, run_command), options["stable_seconds"]))
    if options["effects"] != "none":
        observer.observe("sandbox", service.sandbox)
    if options["effects"] == "disruptive":
        observer.observe("recovery", service.kill_and_recover, _RECOVERY_SECONDS)


def declared_units(service, options, run_command):
    """Every unit that has to run for this application, each once."""
    extra = ExtraProcesses(run_command, options)
    names = [service.socket, service.service] + extra.services + extra.timers + service.expand(options["expected_units"])
    return list(dict.fromkeys(names))


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "scope": {"type": "str", "choices": ["all", "process", "alive", "steady"], "default": "all"},
            "current": {"type": "str", "default": ""},
            "environment_file": {"type": "str", "default": ""},
            "config_file": {"type": "str", "default": ""},
            "liveness_path": {"type": "str", "default": ""},
            "host": {"type": "str", "default": "localhost"},
            "expected_units": {"type": "list", "elements": "str", "default": []},
            "processes": {"type": "dict", "default": {}},
            "stable_seconds": {"type": "int", "default": 30},
            "wait": {"type": "int", "default": 60},
            "effects": {"type": "str", "choices": ["none", "canary", "disruptive"], "default": "none"},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    observer = Observer()
    service = GunicornService(module.run_command, module.params)
    run, options = module.run_command, module.params
    if options["scope"] == "all":
        look_at_all(observer, service, options, run)
    elif options["scope"] == "process":
        observer.observe("units", service.units)
        observer.observe("stale", service.stale)
        observer.observe("processes", lambda: ExtraProcesses(run, options).look(thorough=False))
    elif options["scope"] == "steady":
        observer.observe("steady", lambda: service.steady(ExtraProcesses(run, options).services, _STEADY_SECONDS))
    else:
        observer.observe("waited", service.wait_until_alive, options["wait"])
    module.exit_json(**observer.result())


if __name__ == "__main__":
    main()
