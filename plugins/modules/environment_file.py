#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_file
short_description: Own an environment file of a service whole
version_added: 0.1.0
description:
  - Renders all of a file that systemd reads as C(EnvironmentFile=), from two dictionaries, and puts it in place in one step.
  - Values are quoted such that systemd and a POSIX shell read back exactly what was given.
  - The file is written only when it has to be, so that its time says since when its content is in force.
  - A diff shows the variables which are not secret with their values, and secret ones by name only.
options:
  path:
    description: The file to own.
    type: path
    required: true
  variables:
    description: Variables whose values may be seen in a diff.
    type: dict
    default: {}
  secrets:
    description: Variables whose values are never shown. A name that stands in both dictionaries has its value from here.
    type: dict
    default: {}
  group:
    description: The group that may read the file; root when it is not given.
    type: str
    default: root
  mode:
    description: Permissions of the file, in octal.
    type: str
    default: "0600"
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed, without secret values, when in diff mode.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Render the environment of the newsroom
  prodready.django.environment_file:
    path: /etc/prodready/newsroom/env
    group: newsroom
    mode: "0640"
    variables:
      DJANGO_SETTINGS_MODULE: newsroom.settings
      DEBUG: false
    secrets:
      SECRET_KEY: "{{ prodready_secrets.newsroom.secret_key }}"
"""

RETURN = r"""
names:
  description: The names of all variables in the file.
  type: list
  elements: str
  returned: success
  sample: [DEBUG, DJANGO_SETTINGS_MODULE, SECRET_KEY]
"""

import grp
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _files
from ansible_collections.prodready.django.plugins.module_utils._environment_file import (
    EnvironmentFileError,
    changes,
    parse,
    render,
)


def read(path):
    """The file's text, or nothing."""
    try:
        with open(path, encoding="utf-8") as source:
            return source.read()
    except FileNotFoundError:
        return ""


def attributes(path):
    """Owner, group and mode of the file, or None."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777)


def group_id(module):
    """The group's number; None while it is still to be made, which only check mode meets."""
    try:
        return grp.getgrnam(module.params["group"]).gr_gid
    except KeyError:
        if module.check_mode:
            return None
        raise EnvironmentFileError("there is no group {} on this host".format(module.params["group"])) from None


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "variables": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "group": {"type": "str", "default": "root"},
            "mode": {"type": "str", "default": "0600"},
        },
        supports_check_mode=True,
    )
    path, secrets = module.params["path"], module.params["secrets"]
    wanted = dict(module.params["variables"], **secrets)
    try:
        text = render(wanted)
        found = read(path)
        gid, mode = group_id(module), int(module.params["mode"], 8)
    except (EnvironmentFileError, OSError, ValueError) as error:
        module.fail_json(msg=f"{path}: {error}")
    stands = attributes(path)
    changed = found != text or stands != (0, gid, mode)
    before, after = changes(parse(found), wanted, secrets)
    if found != text and before == after:
        before += "(written otherwise)\n"
    if changed and not module.check_mode:
        _files.replace(path, text.encode("utf-8"), 0, gid, mode)
    diff = {"before": before, "after": after, "before_header": path, "after_header": path}
    if stands and stands != (0, gid, mode):
        diff["before"] = "# uid, gid, mode: {}, {}, {:04o}\n".format(*stands) + before
    module.exit_json(changed=changed, names=sorted(wanted), diff=diff)


if __name__ == "__main__":
    main()
