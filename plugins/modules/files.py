#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Keep several whole files with their owners and modes in one step
version_added: 0.1.0
description:
  - Writes each file that is missing or differs, and sets owner, group and mode of each. Folders that are missing on the way are made, 0755 and root's.
  - Does in one task what a loop over M(ansible.builtin.template) or M(ansible.builtin.copy) does in as many tasks as there are files.
  - All that is to be written is validated first. If one file is refused, none is written.
  - In check mode an owner or group that does not exist yet is taken as about to be made, and nothing is validated.
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it stands. A symbolic link or a directory in its place is refused.
        type: path
        required: true
      content:
        description: All of it. A last line without an end gets one.
        type: str
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
        default: "0644"
      validate:
        description: A command that ends with 0 if it finds no fault with the new file, whose name it gets in place of C(%s).
        type: str
      previous:
        description: Where the content that is replaced is kept, to be put back if the new one turns out not to do.
        type: path
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
- name: Render a timer and its service
  prodready.django.files:
    files:
      - path: /etc/systemd/system/tidy.service
        content: "{{ lookup('ansible.builtin.template', 'tidy.service.j2') }}"
      - path: /etc/systemd/system/tidy.timer
        content: "{{ lookup('ansible.builtin.template', 'tidy.timer.j2') }}"
"""

RETURN = r"""
changed_paths:
  description: The files that were written, or whose owner or mode was changed.
  type: list
  elements: str
  returned: success
  sample: [/etc/systemd/system/tidy.timer]
"""

import os
import shlex
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _files


def refusal(module, entry):
    """What the command to validate a file has against it, or nothing."""
    handle, name = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as stream:
        stream.write(entry.content)
    rc, out, err = module.run_command([part.replace("%s", name) for part in shlex.split(entry.validate)])
    os.unlink(name)
    return "" if rc == 0 else (err.strip() or out.strip() or "it ended with {0}".format(rc)).replace(name, entry.path)


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str", "default": "0644"},
                    "validate": {"type": "str"},
                    "previous": {"type": "path"},
                },
            }
        },
        supports_check_mode=True,
    )
    try:
        changes = _files.changes([_files.Entry.of(entry) for entry in module.params["files"]])
        if not module.check_mode:
            for change in changes:
                said = refusal(module, change.entry) if change.rewrite and change.entry.validate else ""
                if said:
                    module.fail_json(msg="{0} would be faulty, and nothing was written: {1}".format(change.entry.path, said))
            for change in changes:
                _files.put_in_place(change)
    except (ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changed_paths=[change.entry.path for change in changes], diff=[change.diff() for change in changes])


if __name__ == "__main__":
    main()
