#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work out the units of an application's extra processes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gunicorn_processes_info
short_description: Work out the units of an application's extra processes
version_added: 0.2.0
description:
  - Checks what was declared in the option C(gunicorn_processes) of the gunicorn role and works out the units that follow from it.
  - It runs on the host because the host's systemd is asked whether it understands the schedules. It changes nothing.
author: prodready maintainers (@prodready)
attributes:
  check_mode:
    support: full
    description: The module changes nothing, so check mode makes no difference.
options:
  name:
    description: Name of the application, with which the names of the units start.
    type: str
    required: true
  processes:
    description: The processes, from name to options.
    type: dict
    default: {}
  current:
    description: The link to the release in force, below which C(source) and C(venv) stand.
    type: str
    required: true
  needs:
    description: Python packages that the release's virtual environment must hold, by the names they are imported with.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Work out the newsroom's processes
  prodready.django.gunicorn_processes_info:
    name: newsroom
    current: /srv/newsroom/current
    processes:
      worker: {command: [celery, -A, newsroom, worker], instances: 2, memory_mb: 300}
      beat: {command: [celery, -A, newsroom, beat], singleton: true}
      clear_sessions: {command: [manage.py, clearsessions], schedule: "*-*-* 03:00"}
  register: plan
"""

RETURN = r"""
processes:
  description: The processes with their defaults, their unit files, the units that run and their command lines.
  returned: always
  type: list
  elements: dict
  sample: [{name: worker, file: newsroom-worker@.service, services: [newsroom-worker@1.service, newsroom-worker@2.service]}]
files:
  description: The unit files that belong on the host, each with the template it is rendered from and what that template needs.
  returned: always
  type: list
  elements: dict
  sample: [{unit: newsroom-worker@.service, src: process.service.j2, memory_mb: 375, directory: process-worker-%i}]
problems:
  description: One sentence for each mistake in the declaration.
  returned: always
  type: list
  elements: str
  sample: ["processes of the app in prodready_apps (gunicorn_processes): beat: found instances 2 of a singleton, expected 1"]
missing:
  description: What the release in force lacks; empty also where there is no release yet.
  returned: always
  type: dict
  contains:
    programs:
      description: Programs that a process starts with and that are not there.
      type: list
      elements: str
      returned: always
      sample: [/srv/newsroom/current/venv/bin/celery]
    packages:
      description: Those of O(needs) that are not installed.
      type: list
      elements: str
      returned: always
      sample: [uvicorn_worker]
memory_mb:
  description: Memory that all of them together need, in megabytes.
  returned: always
  type: int
  sample: 800
connections:
  description: Database connections that all of them together need.
  returned: always
  type: int
  sample: 3
systemd:
  description: Version of systemd.
  returned: always
  type: int
  sample: 257
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _gunicorn_processes, _systemd


def wrong_schedules(module, processes):
    """A sentence for each schedule that systemd does not understand."""
    problems = []
    for process in processes:
        if process["schedule"]:
            rc, _out, err = module.run_command(["systemd-analyze", "calendar", process["schedule"]])
            if rc != 0:
                said = (err.strip().splitlines() or ["no message"])[-1]
                problems.append(
                    "processes of the app in prodready_apps (gunicorn_processes): {0}: found schedule {1!r}, expected a calendar event such as "
                    "'*-*-* 03:00' or 'hourly' (systemd says: {2}). Change schedule.".format(process["name"], process["schedule"], said)
                )
    return problems


def missing_from(current, processes, packages):
    """Programs and packages that the release in force lacks."""
    if not os.path.isdir(current + "/venv"):
        return {"programs": [], "packages": []}
    programs = [path for process in processes for path in process["programs"] if not os.path.exists(path)]
    found = {name for name in packages if glob.glob("{0}/venv/lib/python*/site-packages/{1}".format(current, name))}
    return {"programs": sorted(set(programs)), "packages": [name for name in packages if name not in found]}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "processes": {"type": "dict", "default": {}},
            "current": {"type": "str", "required": True},
            "needs": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    current = module.params["current"]
    processes, problems = _gunicorn_processes.resolve_all(module.params["name"], module.params["processes"], current)
    rc, out, _err = module.run_command(["systemctl", "--version"])
    module.exit_json(
        changed=False,
        processes=processes,
        files=_gunicorn_processes.files(processes),
        problems=problems + wrong_schedules(module, processes),
        missing=missing_from(current, processes, module.params["needs"]),
        systemd=_systemd.parse_version(out) if rc == 0 else 0,
        **_gunicorn_processes.totals(processes),
    )


if __name__ == "__main__":
    main()
