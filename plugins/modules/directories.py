#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: directories
short_description: Keep several directories with their owners and modes in one step
version_added: 0.1.0
description:
  - Makes each directory that is missing and sets owner, group and mode of each, in the order given.
  - Does in one task what a loop over M(ansible.builtin.file) does in as many tasks as there are directories.
  - In check mode an owner or group that does not exist yet is taken as about to be made.
options:
  directories:
    description: The directories, parents before children.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it stands. A symbolic link in its place is refused.
        type: path
        required: true
      owner:
        description: The name of the user that owns it.
        type: str
        default: root
      group:
        description: The name of the group that owns it.
        type: str
        default: root
      mode:
        description: Permissions, in octal.
        type: str
        default: "0755"
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Keep the directories of the newsroom
  prodready.django.directories:
    directories:
      - path: /srv/newsroom
      - path: /srv/newsroom/media
        owner: newsroom
        group: www-data
        mode: "2750"
"""

RETURN = r"""
changed_paths:
  description: The directories that were made or changed.
  type: list
  elements: str
  returned: success
  sample: [/srv/newsroom/media]
"""

import os
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _files


def put_in_place(path, wanted):
    """Make the directory or set what differs; it is never wider open than wanted."""
    uid, gid = _files.numbers(path, wanted)
    os.makedirs(path, mode=0o700, exist_ok=True)
    os.chown(path, uid, gid)
    os.chmod(path, int(wanted["mode"], 8))


def main():
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str", "default": "0755"},
                },
            }
        },
        supports_check_mode=True,
    )
    before, after = {}, {}
    try:
        for entry in module.params["directories"]:
            path = entry["path"]
            wanted = {"owner": entry["owner"], "group": entry["group"], "mode": "{:04o}".format(int(entry["mode"], 8))}
            found = _files.describe(path, stat.S_ISDIR, "directory")
            if found == wanted:
                continue
            before[path], after[path] = found or "absent", wanted
            if not module.check_mode:
                put_in_place(path, wanted)
    except (ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(after), changed_paths=list(after), diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
