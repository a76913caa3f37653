#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Start several systemd units, now and at boot, in one step
version_added: 0.1.0
description:
  - Enables each unit that is not enabled and starts each that is not active, in the order given.
  - Does in one task what a loop over M(ansible.builtin.systemd_service) does in as many tasks as there are units.
  - systemd reads its files anew first where a unit is unknown to it or older than its file.
options:
  names:
    description: The units, with their suffixes. Instances of a template are named one by one.
    type: list
    elements: str
    required: true
  daemon_reload:
    description:
      - Whether systemd reads its files anew in any case. A unit's first drop-in is not noticed by systemd 252, for one.
    type: bool
    default: false
  restart:
    description: Whether a unit that is active is started anew, as a timer whose times have changed.
    type: bool
    default: false
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
- name: Start the timers
  prodready.django.units:
    names: [tidy.timer, report.timer]
"""

RETURN = r"""
changed_units:
  description: The units that were enabled or started.
  type: list
  elements: str
  returned: success
  sample: [tidy.timer]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _systemd
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

#: What needs no enabling: there is no [Install], or it was made for this boot.
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")


def systemctl(module, *words):
    """One order to systemd; what it says is what we say."""
    rc, out, err = module.run_command(["systemctl", *words])
    if rc != 0:
        module.fail_json(msg="systemctl {0} ended with {1}: {2}".format(" ".join(words), rc, err.strip() or out.strip() or "no message"))


def state(unit):
    return {"enabled": unit["UnitFileState"] in ENABLED, "active": unit["ActiveState"] in ("active", "activating", "reloading")}


def main():
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "daemon_reload": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    names = module.params["names"]
    try:
        units = _systemd.show(module.run_command, names) if names else {}
        unread = any(unit["LoadState"] == "not-found" or unit["NeedDaemonReload"] for unit in units.values())
        if (unread or module.params["daemon_reload"]) and not module.check_mode:
            systemctl(module, "daemon-reload")
            units = _systemd.show(module.run_command, names)
        before = {name: state(unit) for name, unit in units.items()}
        due = [name for name, found in before.items() if not all(found.values()) or module.params["restart"]]
        if due and not module.check_mode:
            absent = [name for name in due if not before[name]["enabled"]]
            if absent:
                systemctl(module, "enable", *absent)
            for name in due:
                systemctl(module, "restart" if before[name]["active"] else "start", name)
    except ObservationError as error:
        module.fail_json(msg=str(error))
    wanted = {"enabled": True, "active": True}
    module.exit_json(
        changed=bool(due),
        changed_units=due,
        diff={"before": {name: before[name] for name in due}, "after": dict.fromkeys(due, wanted)},
    )


if __name__ == "__main__":
    main()
