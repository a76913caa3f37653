#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_app_info
short_description: Observe a running Django application
version_added: 0.1.0
description:
  - Reads the settings, the database schema and the migrations of a Django application as its running main process has them, by running a
    small program with that process's interpreter, environment, working directory and account.
  - Asks the application on its socket and through its web server what it answers to strangers.
  - Looks for its secrets in the release tree, in git repositories, on command lines and in the journal.
  - Changes nothing and has no opinion. A secret is reduced to its length, entropy and whereabouts on the host; it is never returned.
  - What could not be found out is an observation with an error; the module itself does not fail.
author:
  - prodready maintainers (@prodready)
options:
  name:
    description:
      - Name of the application.
    type: str
    required: true
  domains:
    description:
      - Host names the application answers to. The first is used where one is enough.
    type: list
    elements: str
    required: true
  service:
    description:
      - The systemd unit whose main process is the application server. The name with C(.service) when not given.
    type: str
  socket:
    description:
      - Path of the Unix socket, or C(address:port), on which the application server accepts requests.
      - C(/run/NAME/gunicorn.sock) when not given.
    type: str
  current:
    description:
      - Link to (or directory of) the release that should run. C(/srv/NAME/current) when not given.
    type: path
  environment_file:
    description:
      - The file with the application's environment. C(/etc/prodready/NAME/env) when not given.
    type: path
  deployment_record:
    description:
      - The file to which each deployment adds a line of JSON. C(/var/lib/prodready/NAME/deployments.jsonl) when not given.
    type: path
  https_port:
    description:
      - Port of the web server's https listener.
    type: int
    default: 443
  contract:
    description:
      - What a probe must know of the application. The keys V(home_path), V(readiness_path), V(login_path), V(cors_path), V(cors_origins)
        and V(jwt_path) are read; what is not given is found in the application's URL configuration where it can be.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Can run in check mode and returns the same as without it.
    support: full
"""

EXAMPLES = r"""
- name: Observe the application
  prodready.django.django_app_info:
    name: newsroom
    domains:
      - news.example.org
    contract:
      readiness_path: /health/ready
  register: newsroom
"""

RETURN = r"""
observations:
  description: Each observation by name, with its V(value) or its V(error), and how many seconds it took.
  returned: always
  type: dict
  sample:
    not_found:
      value: {"below": [{"status": 404, "technical": [], "bytes": 179}]}
      seconds: 0.02
observed_from:
  description: Where it was observed from.
  returned: always
  type: str
  sample: host
"""

import functools
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _django_leaks as leaks
from ansible_collections.prodready.django.plugins.module_utils import _django_live as live
from ansible_collections.prodready.django.plugins.module_utils import _django_running as running
from ansible_collections.prodready.django.plugins.module_utils import _django_secrets as secrets
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, Observer
from ansible_collections.prodready.django.plugins.module_utils._releases import parse_record

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "domains": {"type": "list", "elements": "str", "required": True},
    "service": {"type": "str"},
    "socket": {"type": "str"},
    "current": {"type": "path"},
    "environment_file": {"type": "path"},
    "deployment_record": {"type": "path"},
    "https_port": {"type": "int", "default": 443},
    "contract": {"type": "dict", "default": {}},
}

#: Parts of the look inside that are used here and not shown.
NOT_SHOWN = ("private", "forgery", "jwt_tokens")


def with_defaults(params):
    """The options, with the names every application of the collection has."""
    name = params["name"]
    usual = {
        "service": "{0}.service",
        "socket": "/run/{0}/gunicorn.sock",
        "current": "/srv/{0}/current",
        "environment_file": "/etc/prodready/{0}/env",
        "deployment_record": "/var/lib/prodready/{0}/deployments.jsonl",
    }
    return dict(params, **{key: params[key] or text.format(name) for key, text in usual.items()})


def environment_files(params, process):
    """Modes of the environment file, the owner's beside it, and others the unit reads."""
    declared = params["environment_file"]
    beside = os.path.join(os.path.dirname(declared), "owner.env")
    wanted = [declared] + [path for path in (process or {}).get("environment_files", []) if path != declared]
    found = {path: running.file_mode(path) for path in wanted + [beside]}
    application = [found[path] for path in wanted if found[path]]
    if not application:
        raise ObservationError(f"there is no environment file: {declared} does not exist and the unit reads no other")
    return {"declared": declared, "application": application, "owner": found[beside]}


def deployment(params, process):
    """The newest deployment on record beside the release that runs."""
    if not os.path.exists(params["deployment_record"]):
        raise ObservationError(f"no deployment is on record: {params['deployment_record']} does not exist")
    with open(params["deployment_record"], encoding="utf-8") as handle:
        entries = parse_record(handle.read())
    if not entries:
        raise ObservationError(f"{params['deployment_record']} records no deployment")
    newest = entries[-1]
    return {
        "facts": {"release": newest["id"], "commit": newest.get("commit"), "deployed_at": newest.get("deployed_at")},
        "deployments": len(entries),
        "current": os.path.basename(os.path.realpath(params["current"])),
        "running": os.path.basename((process or {}).get("release") or "") or None,
    }


def look_inside(run_command, params, process):
    """All parts from inside; without a process, nothing."""
    site = live.Site(place=params["socket"], domains=params["domains"], https_port=params["https_port"], settings={}, urls={})
    arguments = {"domains": params["domains"], "contract": params["contract"], "cors_origins": params["contract"].get("cors_origins") or []}
    return running.look_inside(run_command, process, arguments=arguments, ask_live=lambda path: live.ask_readiness(site, path))


def value_of(parts, name):
    """The value of a part, or the reason why there is none."""
    entry = parts.get(name) or parts.get("project") or {}
    if "error" in entry:
        raise ObservationError(entry["error"])
    if name not in parts:
        raise ObservationError(f"looking inside the application ended before '{name}'")
    return entry["value"]


def observe_inside(observer, run_command, params, process):
    """Every part as an observation of its own, with its own time."""
    names = [name for name in running.part_names() if name not in NOT_SHOWN]
    problem, parts = "", {}
    if process is None:
        problem = observer.observations["process"].get("error", "there is no process")
    else:
        try:
            parts = look_inside(run_command, params, process)
        except (ObservationError, OSError) as error:
            problem = str(error)
    for name in names:
        entry = parts.get(name)
        if entry is None or "seconds" not in entry:
            try:
                entry = {"error": problem or str(value_of(parts, name))}
            except ObservationError as error:
                entry = {"error": str(error)}
        observer.observations[name] = dict({"seconds": 0.0}, **entry)
    return parts or {"project": {"error": problem}}


def observe_live(observer, params, parts):
    """What the running site answers. Paths and headers come from the settings where these are known."""

    def known(name):
        return parts.get(name, {}).get("value") or {}

    contract = params["contract"]
    urls = dict(known("urls"))
    if contract.get("login_path"):
        urls["login"] = contract["login_path"]
    site = live.Site(place=params["socket"], domains=params["domains"], https_port=params["https_port"], settings=known("settings"), urls=urls)
    observer.observe("not_found", live.not_found, site)
    observer.observe("bad_request", live.bad_request, site)
    observer.observe("debug_pages", live.debug_pages, site)
    observer.observe("hosts", live.hosts, site)
    home = contract.get("home_path") or "/"
    observer.observe(
        "cors_live", live.cors, site, contract.get("cors_path") or home, contract.get("cors_origins") or known("cors").get("origins") or []
    )
    observer.observe("csrf_live", lambda: live.csrf(site) if contract.get("login_path") or value_of(parts, "urls") else None)
    observer.observe("headers_live", live.headers, site)
    observer.observe("forged_cookie", lambda: live.forged_cookie(site, value_of(parts, "forgery")))

    def tokens():
        if not value_of(parts, "jwt")["installed"]:
            return {"installed": False}
        if not contract.get("jwt_path"):
            raise ObservationError("no address that takes a token is known; set jwt_path in the application's contract")
        return dict(live.tokens(site, contract["jwt_path"], value_of(parts, "jwt_tokens")), installed=True)

    observer.observe("jwt_live", tokens)


def observe_leaks(observer, run_command, params, process, private):
    """Where the keys and the database's passwords stand."""

    def needles(prefix):
        if not private:
            raise ObservationError("the secrets in force are not known: " + observer.observations["settings"].get("error", "no settings"))
        return leaks.Needles({label: secret for label, secret in private.items() if label.startswith(prefix)})

    release = (process or {}).get("release") or os.path.realpath(params["current"])
    state = os.path.dirname(params["deployment_record"])
    for kind, prefix in (("key", "SECRET_KEY"), ("database", "DATABASES.")):
        observer.observe(kind + "_in_release", lambda prefix=prefix: leaks.search_tree(release, needles(prefix)))
        observer.observe(
            kind + "_in_history",
            lambda prefix=prefix: leaks.search_history(
                run_command, leaks.find_repositories([release, os.path.dirname(params["current"]), state]), needles(prefix)
            ),
        )
    observer.observe("database_in_processes", lambda: leaks.search_processes(needles("DATABASES.")))
    observer.observe("database_in_journal", lambda: leaks.search_journal(run_command, params["service"], needles("DATABASES.")))


def observe(module):
    """All observations, masked."""
    params, observer, found = with_defaults(module.params), Observer(), {}
    # A program that is not installed is one observation's error, not the module's.
    run_command = functools.partial(module.run_command, handle_exceptions=False)

    def read():
        found.update(running.read_process(run_command, unit_name=params["service"], current=params["current"]))
        return running.shown(found)

    observer.observe("process", read)
    process = found or None
    if process:
        observer.observe("freshness", running.freshness, process)
    else:
        observer.observations["freshness"] = dict(observer.observations["process"])
    observer.observe("environment_files", environment_files, params, process)
    observer.observe("deployment", deployment, params, process)
    parts = observe_inside(observer, run_command, params, process)
    private = parts.get("private", {}).get("value") or {}
    observe_live(observer, params, parts)
    observe_leaks(observer, run_command, params, process, private)
    hidden = list(private.values()) + secrets.secrets_of_environment((process or {}).get("environ", {}))
    observer.observations = secrets.mask(observer.observations, hidden)
    return observer.result()


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(**observe(module))


if __name__ == "__main__":
    main()
