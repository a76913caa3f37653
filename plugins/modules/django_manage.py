#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_manage
short_description: Run management commands of a release as the app's user
version_added: 0.1.0
description:
  - Runs commands of C(django-admin) one after the other in a release, with the app's environment and without root's rights.
  - No secret stands among a command's arguments, and none in what the module says.
  - A process that a killed run left behind keeps the app's deployment lock; the next run waits for it.
extends_documentation_fragment:
  - prodready.django.project
options:
  name:
    description: The app's name, whose deployment lock is taken.
    type: str
    required: true
  commands:
    description: The commands, each a list of its words, such as C([migrate, --noinput]).
    type: list
    elements: list
    required: true
  fills:
    description:
      - A directory that the commands are to fill. It is made under another name, belongs to O(user) while they run, then to
        root, and stands under its name only when all of them succeeded.
      - Nothing is run when it is there already.
    type: path
  fills_variable:
    description: The variable of the environment that tells the commands where O(fills) is.
    type: str
    default: STATIC_ROOT
  compress:
    description: Whether a compressed file is put beside each in O(fills) that shrinks by it.
    type: bool
    default: false
  fallback_overlay:
    description:
      - The overlay to run the commands with once more when they failed with O(overlay). Empty fails at once.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Apply migrations as the owner of the database
  prodready.django.django_manage:
    name: newsroom
    release: /srv/newsroom/current
    user: newsroom
    environment_files: [/etc/prodready/newsroom/env, /etc/prodready/newsroom/owner.env]
    commands:
      - [migrate, --noinput]
"""

RETURN = r"""
commands:
  description: What was run, with how it ended and the last lines of its output, secrets masked.
  type: list
  elements: dict
  returned: success
  sample: [{"command": "migrate --noinput", "rc": 0, "output": ["  Applying articles.0001_initial... OK"]}]
fell_back:
  description: Why the commands were run with O(fallback_overlay), empty where they were not.
  type: str
  returned: success
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._django_manage import compress_tree, failure
from ansible_collections.prodready.django.plugins.module_utils._django_project import ARGUMENTS, Project, RunError
from ansible_collections.prodready.django.plugins.module_utils._releases import Layout, ReleaseError


def run_all(project, commands, variables, lock):
    """Run the commands in their order; the first that fails ends it with a sentence."""
    done = []
    for command in commands:
        words = [str(word) for word in command]
        rc, out, err = project.run(["-m", "django"] + words, variables=variables, lock=lock)
        done.append({"command": " ".join(words), "rc": rc, "output": (out + err).strip().splitlines()[-40:]})
        if rc != 0:
            raise RunError(failure(words, rc, out, err, project.directory))
    return done


def give_to_root(top):
    """All of a tree to root, readable for everybody and writable for nobody else."""
    for directory, _names, files in os.walk(top):
        os.chown(directory, 0, 0)
        os.chmod(directory, 0o755)
        for name in files:
            path = os.path.join(directory, name)
            os.lchown(path, 0, 0)
            if not os.path.islink(path):
                os.chmod(path, 0o644)


def make_empty(path, account):
    """An empty directory of the user's."""
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o755)
    os.chown(path, account.pw_uid, account.pw_gid)


def run_filling(project, params, lock):
    """Run the commands with a directory to fill, which takes its name at the very end. Also why it took the other overlay, if it did."""
    final, reason = params["fills"], ""
    growing = final + ".new"
    make_empty(growing, project.account)
    try:
        done = run_all(project, params["commands"], {params["fills_variable"]: growing}, lock)
    except RunError as error:
        if not params["fallback_overlay"] or params["fallback_overlay"] == params["overlay"]:
            raise
        reason = str(error).split(". Expected:", maxsplit=1)[0]
        make_empty(growing, project.account)
        project.overlay = params["fallback_overlay"]
        done = run_all(project, params["commands"], {params["fills_variable"]: growing}, lock)
    if params["compress"]:
        compress_tree(growing)
    give_to_root(growing)
    os.rename(growing, final)
    return done, reason


def main():
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            name={"type": "str", "required": True},
            commands={"type": "list", "elements": "list", "required": True},
            fills={"type": "path"},
            fills_variable={"type": "str", "default": "STATIC_ROOT"},
            compress={"type": "bool", "default": False},
            fallback_overlay={"type": "dict", "default": {}},
            patience={"type": "int", "default": 600},
        ),
        supports_check_mode=True,
    )
    params, reason = module.params, ""
    if params["fills"] and os.path.isdir(params["fills"]):
        module.exit_json(changed=False, commands=[], fell_back="")
    if module.check_mode:
        module.exit_json(changed=True, commands=[], fell_back="")
    try:
        project = Project(module)
        with Layout(params["name"]).locked(params["patience"]) as lock:
            if params["fills"]:
                done, reason = run_filling(project, params, lock)
            else:
                done = run_all(project, params["commands"], {}, lock)
    except (RunError, ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, commands=done, fell_back=reason)


if __name__ == "__main__":
    main()
