#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_settings_info
short_description: Find out what a project's settings lack for production
version_added: 0.2.0
description:
  - Evaluates the settings module of a release with its production environment and as its user, and compares it with what production
    needs. Starts no app and changes nothing.
  - Returns each difference in words, and the settings module that overlays exactly these. Neither holds a secret.
extends_documentation_fragment:
  - prodready.django.project
options:
  name:
    description: The app's name, whose deployment lock is waited for.
    type: str
    required: true
  mode:
    description: V(auto) overlays what differs, V(always) all that production needs, V(never) nothing.
    type: str
    choices: [auto, always, never]
    default: auto
  pooled:
    description: Whether the app's database address is a pooler's that works by transaction.
    type: bool
    default: false
  asgi:
    description: Whether the app is served over ASGI, under which Django wants no persistent connections.
    type: bool
    default: false
  exempt:
    description: Addresses that are asked on the socket, without https.
    type: list
    elements: str
    default: []
  writable:
    description: Directories that the app may write to when its sandbox is closed.
    type: list
    elements: path
    default: []
  silenced:
    description: Findings of C(check --deploy) that were accepted, each with its reason.
    type: dict
    default: {}
  static:
    description:
      - The directory of the release's collected static files. Where it exists without a manifest, none is asked for, as collecting
        them with one has failed before.
    type: path
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Look at the settings of the new release
  prodready.django.django_settings_info:
    name: newsroom
    release: /srv/newsroom/releases/4f2d1c9b8a7e-0a1b2c3d
    user: newsroom
    environment_files: [/etc/prodready/newsroom/env]
"""

RETURN = r"""
differences:
  description: Each setting that will not do, with what the project says, what the overlay says, and why.
  type: list
  elements: dict
  returned: success
  sample: [{"setting": "DEBUG", "project": "True", "overlay": "False", "why": "debug pages show settings and code to strangers"}]
notes:
  description: What cannot be overlaid and somebody should know.
  type: list
  elements: str
  returned: success
told:
  description: The differences and notes for a reader, one line each.
  type: list
  elements: str
  returned: success
overlay:
  description: The files of the overlay, empty where nothing differs.
  type: dict
  returned: success
plain_overlay:
  description: The same without a manifest of static files, for a project whose files cannot be collected with one.
  type: dict
  returned: success
"""

import inspect
import json
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _django_overlay, _django_settings_look
from ansible_collections.prodready.django.plugins.module_utils._django_project import ARGUMENTS, Project, RunError
from ansible_collections.prodready.django.plugins.module_utils._environment_file import to_text
from ansible_collections.prodready.django.plugins.module_utils._masking import last_line
from ansible_collections.prodready.django.plugins.module_utils._releases import Layout, ReleaseError

SENTENCE = (
    "The settings {settings} cannot be read with the production environment: {error}. Expected: the module is imported in {directory}. "
    "Correct the project, or settings_module or environment of the app in prodready_apps (django_app_settings_module, "
    "django_app_environment), or its environment in prodready_secrets (django_app_secrets.environment)"
)


def look(project):
    """What the settings say, or a sentence."""
    text = inspect.getsource(_django_settings_look)
    rc, out, err = project.run(["-"], data=text, overlay={})
    for line in reversed(out.splitlines()):
        if line.startswith(_django_settings_look.MARKER):
            answer = json.loads(line[len(_django_settings_look.MARKER) :])
            break
    else:
        answer = {"error": "{} (it ended with {})".format(last_line(err or out), rc)}
    if "error" in answer:
        error = answer["error"].splitlines()[-1].rstrip(".")
        raise RunError(SENTENCE.format(settings=project.variables.get("DJANGO_SETTINGS_MODULE"), error=error, directory=project.directory))
    return answer["seen"]


def compare(seen, project, params, manifest):
    """The overlay, with or without a manifest of static files."""
    variables = {name: to_text(value) for name, value in project.variables.items()}
    options = {key: params[key] for key in ("pooled", "asgi", "exempt", "writable", "silenced")}
    wanted = _django_overlay.wanted_of(variables, dict(options, manifest=manifest))
    return _django_overlay.Overlay(seen, wanted, everything=params["mode"] == "always").judge()


def told(differences, notes, settings_module, name):
    """The differences for a reader, one line each."""
    lines = ["{}: the project has {}; overlaid by {} ({})".format(one["setting"], one["project"], one["overlay"], one["why"]) for one in differences]
    head = ["{} of {} is overlaid in {} place(s)".format(settings_module, name, len(lines))] if lines else []
    return head + lines + notes


def main():
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            name={"type": "str", "required": True},
            patience={"type": "int", "default": 600},
            mode={"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            pooled={"type": "bool", "default": False},
            asgi={"type": "bool", "default": False},
            exempt={"type": "list", "elements": "str", "default": []},
            writable={"type": "list", "elements": "path", "default": []},
            silenced={"type": "dict", "default": {}},
            static={"type": "path"},
        ),
        supports_check_mode=True,
    )
    params = module.params
    if params["mode"] == "never":
        module.exit_json(changed=False, differences=[], notes=[], told=[], overlay={}, plain_overlay={})
    static = params["static"]
    manifest = not (static and os.path.isdir(static)) or os.path.exists(os.path.join(static, "staticfiles.json"))
    try:
        project = Project(module)
        settings_module = project.variables.get("DJANGO_SETTINGS_MODULE")
        with Layout(params["name"]).locked(params["patience"]):
            seen = look(project)
        overlay = compare(seen, project, params, manifest)
        plain = compare(seen, project, params, False)
    except (RunError, ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        differences=overlay.differences,
        notes=overlay.notes,
        told=told(overlay.differences, overlay.notes, settings_module, params["name"]),
        overlay=_django_overlay.files_of(overlay, settings_module),
        plain_overlay=_django_overlay.files_of(plain, settings_module),
    )


if __name__ == "__main__":
    main()
