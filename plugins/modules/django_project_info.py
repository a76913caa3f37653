#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_project_info
short_description: Look at a Django project of a release before it goes live
version_added: 0.1.0
description:
  - Starts the project once, as the app's user and with the environment given, and changes nothing.
  - Imports the settings and all apps, runs C(check --deploy --fail-level WARNING), connects to the database, and finds out
    which migrations, cache tables and superuser are missing.
  - Then loads in a second process what the application server will load, which loads the middleware too, and looks for the programs
    that the app's units start.
  - Fails with one sentence when the settings do not import, when a check has findings, when the database does not answer, when the
    application server would not start, or when a program is missing. Secrets are masked in it.
  - Waits for another deployment of the app, also for what a killed run left running, so that it sees the end of it.
extends_documentation_fragment:
  - prodready.django.project
options:
  name:
    description: The app's name, whose deployment lock is waited for.
    type: str
    required: true
  superuser:
    description: The superuser to look for, C(username) and C(email). Which of them counts is the user model's affair.
    type: dict
  static_url:
    description: The URL that the web server serves static files under. Settings that say otherwise are refused. Not compared when empty.
    type: str
    default: ""
  server:
    description:
      - What the application server loads, as C(module:name). When empty, C(WSGI_APPLICATION) of the settings, or C(ASGI_APPLICATION) with
        O(asgi=true); where that is not set either, nothing is loaded.
    type: str
    default: ""
  asgi:
    description: Whether uvicorn and its worker for gunicorn have to be in the release as well.
    type: bool
    default: false
  programs:
    description: Programs that have to be in the release, by their names in C(venv/bin); C(manage.py) is looked for in C(source).
    type: list
    elements: str
    default: []
  prepared:
    description:
      - Whether migrations, cache tables and static files are as they will be. While they are not, an application server that does not load
        for want of them is no failure, and RV(unready) says so.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Look at the new release
  prodready.django.django_project_info:
    name: newsroom
    release: /srv/newsroom/releases/4f2d1c9b8a7e-0a1b2c3d
    user: newsroom
    environment_files: [/etc/prodready/newsroom/env]
"""

RETURN = r"""
django:
  description: The version of Django.
  type: str
  returned: success
  sample: 5.2.8
migrations:
  description: Migrations to be applied, and each app's last migration in the code.
  type: dict
  returned: success
  contains:
    pending:
      description: Migrations not applied yet, in their order.
      type: list
      elements: str
      returned: success
    last:
      description: The last migration of each app.
      type: dict
      returned: success
missing_cache_tables:
  description: Tables of database caches that are to be made.
  type: list
  elements: str
  returned: success
superuser:
  description: Whether the superuser exists; empty where none was asked for or the project has no users.
  type: dict
  returned: success
collects_static:
  description: Whether the project has static files to collect.
  type: bool
  returned: success
unready:
  description: Why the application server does not load for want of what is still to be prepared, or nothing.
  type: str
  returned: success
static:
  description: URL and directory of the static files, as the settings have them.
  type: dict
  returned: success
"""

import inspect
import json

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _django_look, _django_served, _django_serving
from ansible_collections.prodready.django.plugins.module_utils._django_project import ARGUMENTS, Project, RunError
from ansible_collections.prodready.django.plugins.module_utils._masking import last_line
from ansible_collections.prodready.django.plugins.module_utils._releases import Layout, ReleaseError

#: What went wrong, and what to do about it, by the stage at which it did.
SENTENCES = {
    "settings": (
        "The project does not start with its production environment: {error}. Expected: settings module {settings} and all "
        "installed apps import in {directory}. Correct the project, or settings_module or environment of the app in prodready_apps "
        "(django_app_settings_module, django_app_environment), or its environment in prodready_secrets (django_app_secrets.environment)"
    ),
    "check": ("`check --deploy` of the project could not run: {error}. Expected: no error while the URLs and apps are loaded. Correct the project"),
    "database": (
        "The project cannot use its database as its own role: {error}. Expected: a connection and the right to read its "
        "tables. Run the postgresql role first, or correct database_app_password of the app in prodready_secrets "
        "(django_app_secrets.database_app_password, and django_app_database where the role is used alone)"
    ),
}


def question(params):
    """What the look is to find out; no secret is among it."""
    superuser = params["superuser"] or {}
    return json.dumps({"superuser": {key: superuser.get(key) for key in ("username", "email")} if superuser else None})


def told(project, program, variables):
    """What one of the programs that are run inside the project says of it as a dict, and its last line where it said nothing."""
    rc, out, err = project.run(["-"], data=inspect.getsource(program), variables=variables)
    for line in reversed(out.splitlines()):
        if line.startswith(program.MARKER):
            return json.loads(line[len(program.MARKER) :]), ""
    return None, "{} (it ended with {})".format(last_line(err or out), rc)


def answer(project, params):
    """The look's own words, or those of an end without any."""
    seen, end = told(project, _django_look, {"PRODREADY_LOOK": question(params)})
    return seen or {"stage": "settings", "error": end}


def loaded(project, params, seen):
    """How loading went of what the application server will load."""
    asked = _django_serving.question(params["server"], seen["server"], params["asgi"])
    if not asked["server"] and not asked["packages"]:
        return {"name": "", "error": "", "wants": ""}
    found, end = told(project, _django_served, {"PRODREADY_SERVED": json.dumps(asked)})
    return found or {"name": asked["server"], "error": end, "wants": ""}


def objection(seen, project, static_url):
    """The sentence for a look that found the project unfit, or nothing."""
    if seen.get("error"):
        settings = project.variables.get("DJANGO_SETTINGS_MODULE")
        error = seen["error"].splitlines()[-1] if seen["stage"] != "database" else " ".join(seen["error"].split())
        return SENTENCES[seen["stage"]].format(error=error.rstrip("."), settings=settings, directory=project.directory)
    if seen["findings"]:
        return (
            "`check --deploy --fail-level WARNING` has {} finding(s): {} Expected: none. Correct the settings, or accept a "
            "finding with its reason: silenced_checks: {{{}: 'why it does not apply'}} of the app in prodready_apps (django_app_silenced_checks), or "
            "SILENCED_SYSTEM_CHECKS of the settings"
        ).format(
            len(seen["findings"]),
            " ".join("({level} {id}) {message}".format(**found) for found in seen["findings"]),
            seen["findings"][0]["id"],
        )
    if seen["collects_static"] and static_url and seen["static"]["url"].startswith("/") and seen["static"]["url"] != static_url:
        return (
            "STATIC_URL of the settings is '{}', and static files are served under '{}'; expected the same. Correct static_url of "
            "the app in prodready_apps (django_app_static_url), or STATIC_URL".format(seen["static"]["url"], static_url)
        )
    return None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            name={"type": "str", "required": True},
            superuser={"type": "dict"},
            static_url={"type": "str", "default": ""},
            server={"type": "str", "default": ""},
            asgi={"type": "bool", "default": False},
            programs={"type": "list", "elements": "str", "default": []},
            prepared={"type": "bool", "default": False},
            patience={"type": "int", "default": 600},
        ),
        supports_check_mode=True,
    )
    params = module.params
    try:
        project = Project(module)
        with Layout(params["name"]).locked(params["patience"]):
            seen = answer(project, params)
            missing = _django_serving.missing_programs(params["release"], params["programs"])
            sentence = objection(seen, project, params["static_url"]) or _django_serving.programs_objection(missing, params["release"])
            found = {"error": ""} if sentence else loaded(project, params, seen)
    except (RunError, ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))
    seen["unready"] = found["error"] if found["error"] and not params["prepared"] and _django_serving.excused(found, seen) else ""
    sentence = sentence or (None if seen["unready"] else _django_serving.loading_objection(found, project.directory))
    if sentence:
        module.fail_json(msg=sentence, findings=seen.get("findings", []))
    for key in ("findings", "engine", "server"):
        seen.pop(key, None)
    seen["superuser"] = seen.get("superuser") or {}
    module.exit_json(changed=False, **seen)


if __name__ == "__main__":
    main()
