# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases of an app on disk: their names, what the record says, which may go. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time

from ansible_collections.prodready.django.plugins.module_utils import _lock

MARKER = ".complete"
_NAME = re.compile(r"^[0-9a-f]{12}-[0-9a-f]{8}$")


class ReleaseError(Exception):
    """A sentence saying what stands in the way of a release."""


def release_id(source_id, ingredients):
    """A name that says what is inside: 12 digits of the source, 8 of everything else that makes the release."""
    text = json.dumps(ingredients, sort_keys=True, separators=(",", ":"))
    return "{0}-{1}".format(source_id[:12], hashlib.sha256(text.encode("utf-8")).hexdigest()[:8])


def is_release_id(name):
    """Whether a directory's name is one of ours; others are left alone."""
    return bool(_NAME.match(name))


def parse_record(text):
    """The deployments of a record, oldest first; a line cut short by a killed run is passed over."""
    entries = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("id"):
            entries.append(entry)
    return entries


def previous_id(entries, release):
    """The release that was deployed before this one."""
    for entry in reversed(entries):
        if entry["id"] != release:
            return entry["id"]
    return None


def release_before(entries, release, current, kept, there):
    """The release whose files are still served beside those of `release`: the one that is being replaced, else the one kept so far,
    else what the record says. `kept` is what the link points to; one that is not `there` serves nothing."""
    for name in (current, kept, previous_id(entries, release)):
        if name and name != release and name in there:
            return name
    return None


def record_line(entries, release, facts, now):
    """The line to add for a release that is current now, or None where the record's last line says so already, overlay included."""
    overlay = facts.get("overlay") or None
    if entries and entries[-1]["id"] == release and (entries[-1].get("overlay") or None) == overlay:
        return None
    entry = {
        "id": release,
        "commit": facts.get("commit"),
        "version": facts.get("version"),
        "deployed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "by": facts.get("by"),
        "migrations": facts.get("migrations") or {},
        "previous": previous_id(entries, release),
    }
    if overlay:
        entry["overlay"] = overlay
    return json.dumps(entry, sort_keys=False) + "\n"


def to_prune(releases, entries, current, in_use, keep):
    """Which releases may go. `releases` maps an id to its time; the current, the previous and those in use stay."""
    deployed = {entry["id"]: number for number, entry in enumerate(entries)}
    newest = sorted(releases, key=lambda name: (deployed.get(name, -1), releases[name]), reverse=True)
    stay = {current, previous_id(entries, current)} | set(in_use)
    for name in newest:
        if len(stay & set(releases)) >= keep:
            break
        stay.add(name)
    return sorted(set(releases) - stay)


class Layout:
    """Where the parts of an app stand; the table of names in CONTRIBUTING.md."""

    def __init__(self, name, root="/"):
        self.name = name
        self.tree = os.path.join(root, "srv", name)
        self.releases = os.path.join(self.tree, "releases")
        self.current = os.path.join(self.tree, "current")
        self.previous = os.path.join(self.tree, "previous")
        self.state = os.path.join(root, "var/lib/prodready", name)
        self.record = os.path.join(self.state, "deployments.jsonl")
        self.lock = os.path.join(self.state, ".lock")

    def release(self, release):
        """The directory of a release."""
        return os.path.join(self.releases, release)

    def names(self):
        """The releases there are, complete or not."""
        try:
            return sorted(filter(is_release_id, os.listdir(self.releases)))
        except OSError:
            return []

    def is_complete(self, release):
        """Whether the build of a release came to its end."""
        return os.path.exists(os.path.join(self.release(release), MARKER))

    @staticmethod
    def _target(link):
        try:
            return os.path.basename(os.readlink(link))
        except OSError:
            return None

    def current_id(self):
        """The release the link `current` points to, or None."""
        return self._target(self.current)

    def kept_id(self):
        """The release the link `previous` points to, or None."""
        return self._target(self.previous)

    def record_entries(self):
        """What has been deployed here, oldest first."""
        try:
            with open(self.record, encoding="utf-8") as record:
                return parse_record(record.read())
        except FileNotFoundError:
            return []

    def in_use(self, proc="/proc"):
        """Releases in which some process has its working directory."""
        found = set()
        for pid in filter(str.isdigit, os.listdir(proc)):
            try:
                place = os.readlink(os.path.join(proc, pid, "cwd"))
            except OSError:
                continue
            if place.startswith(self.releases + "/"):
                found.add(place[len(self.releases) + 1 :].split("/")[0])
        return found

    @contextlib.contextmanager
    def locked(self, patience=600, pause=0.5):
        """One deployment at a time. What a killed run left running keeps the lock, handed to it as a file descriptor."""
        try:
            with _lock.held(self.lock, "another deployment of {0}".format(self.name), patience, pause) as descriptor:
                yield descriptor
        except _lock.Busy as error:
            raise ReleaseError(str(error)) from None
