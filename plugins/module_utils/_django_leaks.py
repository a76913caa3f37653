# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a secret stands that should not: counts and places, never the secret. PRIVATE to the collection."""

from __future__ import annotations

import os
import stat
import time

from ansible_collections.prodready.django.plugins.module_utils._django_secrets import SEARCHABLE, forms
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError

#: Bounds of one search; beyond them it says that it is not complete.
FILES, BYTES, SECONDS, LARGEST = 20000, 256 * 1024 * 1024, 6.0, 16 * 1024 * 1024
SHOWN = 20

#: Folders that hold what others wrote, or are searched otherwise.
PASSED_OVER = frozenset((".git", "node_modules", "venv", ".venv"))


class Needles:
    """The secrets to look for, in all forms, under their labels."""

    def __init__(self, secrets):
        self.labels = sorted(secrets)
        self.too_short = sorted(label for label, secret in secrets.items() if len(secret) < SEARCHABLE)
        self.forms = [
            (label, kind, needle)
            for label, secret in secrets.items()
            if len(secret) >= SEARCHABLE
            for kind, needles in forms(secret).items()
            for needle in needles
        ]

    def found_in(self, data):
        """Which secrets stand in these bytes: ["SECRET_KEY (base64)"]."""
        return sorted({"{0} ({1})".format(label, kind) for label, kind, needle in self.forms if needle in data})


def _read(path, limit):
    """The bytes of a regular file, or None; never waits at a pipe, never follows a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as handle:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            return b""
        if info.st_size > limit:
            return None
        return handle.read()


def search_tree(root, needles, clock=time.monotonic):
    """Files below a directory in which a secret stands. Virtual environments and git's own folders are passed over."""
    if not os.path.isdir(root):
        raise ObservationError("{0} is not a directory".format(root))
    result = {"root": root, "files": 0, "bytes": 0, "found": [], "incomplete": [], "secrets": needles.labels, "too_short": needles.too_short}
    until = clock() + SECONDS
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in PASSED_OVER and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg")))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if result["files"] >= FILES or result["bytes"] >= BYTES or clock() > until:
                result["incomplete"].append("stopped after {0} files, {1} bytes".format(result["files"], result["bytes"]))
                return result
            if os.path.islink(path):
                continue
            try:
                data = _read(path, LARGEST)
            except FileNotFoundError:
                continue
            if data is None:
                result["incomplete"].append("{0} is larger than {1} bytes".format(os.path.relpath(path, root), LARGEST))
                continue
            result["files"] += 1
            result["bytes"] += len(data)
            result["found"] += ["{0}: {1}".format(os.path.relpath(path, root), what) for what in needles.found_in(data)]
    result["found"] = result["found"][:SHOWN]
    return result


def find_repositories(roots, depth=3):
    """Git directories (bare ones too) below some directories, not deeper than `depth`."""
    found = set()
    for root in roots:
        base = root.rstrip("/").count("/")
        for folder, folders, files in os.walk(root):
            if "HEAD" in files and "objects" in folders and "refs" in folders:
                found.add(os.path.realpath(folder))
                folders[:] = []
            elif folder.count("/") - base >= depth:
                folders[:] = []
            else:
                folders[:] = [name for name in folders if name not in ("node_modules", "venv", ".venv", "static", "media", "site-packages")]
    return sorted(found)


def _as_owner(folder):
    """git refuses other people's repositories, and their settings should not act with root's rights."""
    owner = os.stat(folder)
    if os.geteuid() in (owner.st_uid,):
        return []
    if os.geteuid() != 0:
        raise NeedsRoot("{0} belongs to another account".format(folder))
    return ["setpriv", "--reuid", str(owner.st_uid), "--regid", str(owner.st_gid), "--clear-groups", "--no-new-privs"]


def search_history(run_command, repositories, needles):
    """Objects of git repositories in which a secret stands: every object, reachable or not."""
    result = {
        "repositories": repositories,
        "objects": 0,
        "bytes": 0,
        "found": [],
        "incomplete": [],
        "secrets": needles.labels,
        "too_short": needles.too_short,
    }
    for folder in repositories:
        git = _as_owner(folder) + ["git", "--git-dir=" + folder, "cat-file", "--batch-all-objects"]
        rc, out, err = run_command(git + ["--batch-check=%(objectsize)"])
        if rc != 0:
            raise ObservationError("git cannot list the objects of {0}: {1}".format(folder, (err or out).strip()[:200]))
        sizes = [int(line) for line in out.split()]
        result["objects"] += len(sizes)
        result["bytes"] += sum(sizes)
        if sum(sizes) > BYTES:
            result["incomplete"].append("{0} holds {1} bytes, more than {2}".format(folder, sum(sizes), BYTES))
            continue
        rc, data, err = run_command(git + ["--batch"], encoding=None)
        if rc != 0:
            raise ObservationError("git cannot read the objects of {0}".format(folder))
        result["found"] += ["{0}: {1}".format(folder, what) for what in needles.found_in(data)]
    return result


def search_processes(needles, proc="/proc"):
    """Processes on whose command line a secret stands."""
    result = {"processes": 0, "found": [], "secrets": needles.labels, "too_short": needles.too_short}
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            with open("{0}/{1}/cmdline".format(proc, pid), "rb") as handle:
                data = handle.read().replace(b"\0", b" ")
            with open("{0}/{1}/comm".format(proc, pid), encoding="utf-8", errors="replace") as handle:
                name = handle.read().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        result["processes"] += 1
        result["found"] += ["{0} {1}: {2}".format(pid, name, what) for what in needles.found_in(data)]
    return result


def search_journal(run_command, unit, needles):
    """Secrets in the journal: the newest lines of the unit, those of everybody, and the unit's own properties."""
    if os.geteuid() != 0:
        raise NeedsRoot("the journal is not readable as a whole")
    result = {"lines": 0, "found": [], "secrets": needles.labels, "too_short": needles.too_short}
    journal = ["journalctl", "-q", "--no-pager", "-a", "-o", "cat"]
    places = {
        "journal of " + unit: journal + ["-u", unit, "-n", "10000"],
        "journal": journal + ["-n", "20000"],
        "properties of " + unit: ["systemctl", "show", "--no-pager", unit],
    }
    for place, argv in places.items():
        rc, data, err = run_command(argv, encoding=None)
        if rc != 0:
            raise ObservationError("{0} ended with {1}: {2}".format(argv[0], rc, err.decode("utf-8", "replace").strip()[:200]))
        result["lines"] += data.count(b"\n")
        result["found"] += ["{0}: {1}".format(place, what) for what in needles.found_in(data)]
    return result
