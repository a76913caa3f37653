#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_current
short_description: Make a release of a Django app the current one
version_added: 0.1.0
description:
  - Points the link C(current) at a built release in one step, adds a line to the deployment record, and removes old releases.
  - Points the link C(previous) at the release that is replaced, before that happens, so that what pages already handed out ask for
    is there all the time.
  - Decides each of these by looking, so that a run killed between them is made good by the next.
  - Never removes the current release, the previous one, or one in which a process still has its working directory.
options:
  name:
    description: The app's name.
    type: str
    required: true
  release:
    description: The identity of the release.
    type: str
    required: true
  commit:
    description: The commit the release was made from, for the record.
    type: str
  version:
    description: What was asked for, such as a tag, for the record.
    type: str
  by:
    description: Who deploys, for the record.
    type: str
  migrations:
    description: The last migration of each app, for the record.
    type: dict
    default: {}
  overlay:
    description: The digest of the settings overlay in force, for the record. Empty where nothing is overlaid.
    type: str
    default: ""
  keep:
    description: How many releases stay, the current one among them.
    type: int
    default: 5
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
- name: Switch to the new release
  prodready.django.django_current:
    name: newsroom
    release: 4f2d1c9b8a7e-0a1b2c3d
    version: v1.4.0
"""

RETURN = r"""
previous:
  description: The release that was current before.
  type: str
  returned: success
recorded:
  description: Whether a line was added to the deployment record.
  type: bool
  returned: success
pruned:
  description: Releases that were removed.
  type: list
  elements: str
  returned: success
"""

import os
import shutil
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._releases import (
    Layout,
    ReleaseError,
    record_line,
    release_before,
    to_prune,
)


def point(link, release):
    """Let the link point to the release, in one step; to none, and it goes."""
    if release is None:
        os.unlink(link)
        return
    temporary = link + ".new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(os.path.join("releases", release), temporary)
    os.replace(temporary, link)


def append(path, line):
    """Add one whole line to the record; half a line of a killed run is ended first."""
    with open(path, "a+b") as record:
        os.fchmod(record.fileno(), 0o644)
        if record.tell():
            record.seek(-1, os.SEEK_END)
            if record.read(1) != b"\n":
                line = "\n" + line
        record.write(line.encode("utf-8"))
        record.flush()
        os.fsync(record.fileno())


def plan(layout, params):
    """What is to be done: `{switch, line, prune}`, and what the links point to before (`current`, `kept`) and after (`before`)."""
    release, entries = params["release"], layout.record_entries()
    current, kept = layout.current_id(), layout.kept_id()
    before = release_before(entries, release, current, kept, layout.names())
    facts = {key: params[key] for key in ("commit", "version", "by", "migrations", "overlay")}
    line = record_line(entries, release, facts, time.time())
    complete = set(filter(layout.is_complete, layout.names()))
    times = {name: os.stat(layout.release(name)).st_mtime for name in complete}
    after = entries + ([{"id": release}] if line else [])
    prune = to_prune(times, after, release, layout.in_use() | ({current, before} - {None}), params["keep"])
    half_built = set(layout.names()) - complete - {release, current, before}
    return {
        "switch": current != release,
        "line": line,
        "prune": sorted(half_built | set(prune)),
        "current": current,
        "kept": kept,
        "before": before,
    }


def carry_out(layout, release, steps):
    """Do what is planned, in an order that may end anywhere: at no moment are the files of what is replaced out of reach."""
    if steps["kept"] != steps["before"]:
        point(layout.previous, steps["before"])
    if steps["switch"]:
        point(layout.current, release)
    if steps["line"]:
        append(layout.record, steps["line"])
    for name in steps["prune"]:
        shutil.rmtree(layout.release(name))


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "commit": {"type": "str"},
            "version": {"type": "str"},
            "by": {"type": "str"},
            "migrations": {"type": "dict", "default": {}},
            "overlay": {"type": "str", "default": ""},
            "keep": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = Layout(params["name"])
    try:
        if module.check_mode:
            steps = plan(layout, params)
        elif not layout.is_complete(params["release"]):
            raise ReleaseError("{} has not been built to its end".format(layout.release(params["release"])))
        else:
            with layout.locked():
                steps = plan(layout, params)
                carry_out(layout, params["release"], steps)
    except (ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps["switch"] or steps["line"] or steps["prune"] or steps["kept"] != steps["before"]),
        previous=steps["current"],
        recorded=bool(steps["line"]),
        pruned=steps["prune"],
        diff={
            "before": {"current": steps["current"], "previous": steps["kept"], "prune": steps["prune"]},
            "after": {"current": params["release"], "previous": steps["before"], "prune": []},
        },
    )


if __name__ == "__main__":
    main()
