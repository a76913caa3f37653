#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: app_removal
short_description: Take away what a role has put on a host
version_added: 0.2.0
description:
  - Stops and removes units, files, directories and lines of shared files, puts back what was there before, and says what went and what stays.
  - What is not ours is left alone. A unit or a file to restore has to carry a mark, and a path has to be a place of this collection.
  - Where the test, or what is done to a service, fails, all files but those of O(units) are put back.
  - A run that was interrupted is simply run again. What says that a service is not yet done with belongs into O(last).
options:
  units:
    description: Patterns of unit files below C(/etc/systemd/system). Those that match are stopped, disabled and removed.
    type: list
    elements: str
    default: []
  marks:
    description: Texts of which a unit file has to hold one to count as ours.
    type: list
    elements: str
    default: []
  proof:
    description: A path without which O(paths) are left alone, because they would be somebody else's. Empty means that nothing else could be there.
    type: path
    default: ""
  paths:
    description: Files and directories to take away whole.
    type: list
    elements: path
    default: []
  last:
    description:
      - Files and directories to take away whole once everything else is done. While one of them is there, O(stop), O(test) and O(restart) are due,
        also where nothing else is left to take away. O(proof) does not matter to them.
    type: list
    elements: path
    default: []
  lines:
    description: Lines to take out of files that others share.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      patterns:
        description: Regular expressions that match such a line from its start.
        type: list
        elements: str
        required: true
  restore:
    description: Files of ours for which what was there before is put back from C(FILE.before-prodready), which goes then.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      mark:
        description: Text that the file holds if it is ours.
        type: str
        required: true
      default:
        description: The content where nothing was kept. With an empty one the file stays as it is.
        type: str
        default: ""
  keep:
    description: Paths, or patterns of them, that are named in RV(kept) where they exist.
    type: list
    elements: path
    default: []
  test:
    description: A command that has to succeed once the files are changed.
    type: list
    elements: str
    default: []
  touch:
    description: A file that gets a new time before and after others are taken away, so that a look at times tells that a reload is due.
    type: path
    default: ""
  stop:
    description: Units to stop and disable when a file was changed, before it is.
    type: list
    elements: str
    default: []
  restart:
    description: Units to restart when a file was changed, if they run.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Take away the units of the newsroom
  prodready.django.app_removal:
    units: [newsroom.service, newsroom.socket, "newsroom-*"]
    marks: [/etc/prodready/newsroom/]
"""

RETURN = r"""
removed:
  description: What was taken away, or would be.
  type: list
  elements: str
  returned: success
  sample: [/etc/systemd/system/newsroom.service]
kept:
  description: What is there and stays.
  type: list
  elements: str
  returned: success
  sample: [/srv/newsroom/media]
"""

import glob
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _app_removal

UNITS = "/etc/systemd/system"
SAVED = ".before-prodready"


def read(path):
    """A text as it is; bytes that are no text come back unchanged."""
    with open(path, encoding="utf-8", errors="surrogateescape") as handle:
        return handle.read()


class Removal:
    """Looks first at all there is to do, then does it."""

    def __init__(self, module):
        self.module, self.params = module, module.params
        self.undo, self.saved = [], []
        self.units = self._units()
        there = not self.params["proof"] or os.path.lexists(self.params["proof"])
        self.paths = [path for path in self.params["paths"] if there and os.path.lexists(path)]
        self.last = [path for path in self.params["last"] if os.path.lexists(path)]
        self.texts = self._texts()

    def _units(self):
        found = sorted({path for pattern in self.params["units"] for path in glob.glob(os.path.join(UNITS, pattern)) if os.path.isfile(path)})
        return [path for path in found if _app_removal.is_marked(read(path), self.params["marks"])]

    def _texts(self):
        """path → (what it says now, what it will say, what stays of an earlier version)."""
        texts = {}
        for entry in self.params["lines"]:
            if os.path.isfile(entry["path"]):
                before = read(entry["path"])
                after = _app_removal.without_lines(before, entry["patterns"])
                if after != before:
                    texts[entry["path"]] = (before, after, "the app's part of " + entry["path"])
        for entry in self.params["restore"]:
            path, saved = entry["path"], entry["path"] + SAVED
            if os.path.isfile(path):
                before = read(path)
                kept = read(saved) if os.path.isfile(saved) else None
                after = _app_removal.restored(before, entry["mark"], kept, entry["default"] or before)
                if kept is not None and (after is not None or before == kept):
                    self.saved.append(saved)
                if after is not None:
                    texts[path] = (before, after, "{0} ({1})".format(path, "as it was before again" if kept is not None else "a plain one instead"))
        return texts

    def removed(self):
        saved = [path for path in self.saved if path[: -len(SAVED)] not in self.texts]
        return self.units + self.paths + self.last + [said for _before, _after, said in self.texts.values()] + saved

    def run(self, argv, restarted=()):
        rc, out, err = self.module.run_command(argv, cwd="/")
        if rc != 0:
            for put_back in reversed(self.undo):
                put_back()
            if restarted:  # with what it had before; it ran, and a later run would pass over one that does not
                self.module.run_command(["systemctl", "daemon-reload"])
                self.module.run_command(["systemctl", "restart"] + restarted)
            said = " ".join((err or out).split())[-600:]
            back = " All files were put back." if self.undo else ""
            self.module.fail_json(msg="{0} ended with {1}: {2}.{3}".format(" ".join(argv[:6]), rc, said, back))

    def take_units(self):
        if not self.units:
            if self.params["units"]:  # an earlier run may have been interrupted before it said so
                self.run(["systemctl", "daemon-reload"])
            return
        names = [os.path.basename(path) for path in self.units]
        self.run(["systemctl", "stop"] + _app_removal.stop_order(names))
        self.run(["systemctl", "disable", "--quiet"] + names)
        for path in self.units:
            shutil.rmtree(path + ".d", ignore_errors=True)
            os.unlink(path)
        self.run(["systemctl", "daemon-reload"])
        # a unit that had failed stays known until it is forgiven; one that had not is no longer known, which is no failure
        self.module.run_command(["systemctl", "reset-failed"] + _app_removal.stop_order(names))

    def take_aside(self, path):
        stood, aside = os.lstat(path), os.path.join(tempfile.mkdtemp(dir=self.module.tmpdir), "it")

        def put_back():
            shutil.move(aside, path)
            os.chown(path, stood.st_uid, stood.st_gid, follow_symlinks=False)

        shutil.move(path, aside)
        self.undo.append(put_back)

    @staticmethod
    def take_path(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    @staticmethod
    def write(path, text, stood):
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as target:
            os.fchown(target.fileno(), stood.st_uid, stood.st_gid)
            os.fchmod(target.fileno(), stood.st_mode & 0o7777)
            target.write(text)
        os.replace(temporary, path)

    def change(self, path, before, after):
        stood, saved = os.stat(path), path + SAVED
        self.write(path, after, os.stat(saved) if os.path.isfile(saved) else stood)
        self.undo.append(lambda: self.write(path, before, stood))

    def touch(self):
        if self.params["touch"] and os.path.exists(self.params["touch"]):
            os.utime(self.params["touch"])

    def apply(self):
        touched = self.paths or self.last or self.texts
        if touched and self.params["stop"]:
            self.run(["systemctl", "disable", "--quiet", "--now"] + self.params["stop"])
        self.take_units()
        if touched:
            self.take_files()
        for path in self.saved:
            os.unlink(path)
        for path in self.last:
            self.take_path(path)

    def take_files(self):
        """All but what is taken last, and what the services have to be told."""
        self.touch()
        told = self.params["restart"] or self.params["stop"]
        for path in self.paths:
            self.take_aside(path) if told or self.params["test"] else self.take_path(path)
        for path, (before, after, _said) in self.texts.items():
            self.change(path, before, after)
        self.touch()
        if self.params["test"]:
            self.run(self.params["test"])
        if told:
            self.run(["systemctl", "daemon-reload"])
        if self.params["restart"]:
            self.run(["systemctl", "try-restart"] + self.params["restart"], restarted=self.params["restart"])


def main():
    texts = {"type": "list", "elements": "str", "default": []}
    paths = {"type": "list", "elements": "path", "default": []}
    path = {"type": "path", "required": True}
    lines = {"path": path, "patterns": {"type": "list", "elements": "str", "required": True}}
    restore = {"path": path, "mark": {"type": "str", "required": True}, "default": {"type": "str", "default": ""}}
    module = AnsibleModule(
        argument_spec={
            "units": texts,
            "marks": texts,
            "proof": {"type": "path", "default": ""},
            "paths": paths,
            "last": paths,
            "lines": {"type": "list", "elements": "dict", "default": [], "options": lines},
            "restore": {"type": "list", "elements": "dict", "default": [], "options": restore},
            "keep": paths,
            "test": texts,
            "touch": {"type": "path", "default": ""},
            "stop": texts,
            "restart": texts,
        },
        supports_check_mode=True,
    )
    wrong = _app_removal.refused(module.params["paths"] + module.params["last"])
    if wrong:
        module.fail_json(msg="{0} is no place of this collection and is not taken away".format(", ".join(wrong)))
    removal = Removal(module)
    kept = [path for pattern in module.params["keep"] for path in sorted(glob.glob(pattern))]
    removed = removal.removed()
    if not module.check_mode:
        removal.apply()
    module.exit_json(changed=bool(removed), removed=removed, kept=kept)


if __name__ == "__main__":
    main()
