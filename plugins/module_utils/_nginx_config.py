# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to write and what to remove so that a configuration is as wanted. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from ansible_collections.prodready.django.plugins.module_utils._nginx import MARKER


@dataclass(frozen=True)
class Plan:
    """`write`: path → text; `remove`: paths; `keep`: paths whose old content was not ours and is saved first."""

    write: dict = field(default_factory=dict)
    remove: list = field(default_factory=list)
    keep: list = field(default_factory=list)

    @property
    def changed(self):
        return bool(self.write or self.remove)

    def diff(self, before, directory):
        """Before and after of every file, as Ansible shows it."""
        places = [(path, before.get(path, ""), text) for path, text in sorted(self.write.items())]
        places += [(path, before.get(path, ""), "") for path in self.remove]
        return [
            {"before_header": "{0}/{1}".format(directory, path), "after_header": "{0}/{1}".format(directory, path), "before": old, "after": new}
            for path, old, new in places
        ]


def plan(before, files, *, owned, unwanted, delivered=()):
    """Compare what is there (path → text) with what is wanted. `delivered` are files as a package brought them: not worth keeping."""
    wanted = {path: text if text.endswith("\n") else text + "\n" for path, text in files.items()}
    write = {path: text for path, text in wanted.items() if before.get(path) != text}
    stale = [path for path in before if path.startswith(owned + "/") and path not in wanted]
    gone = [path for path in unwanted if path in before and path not in wanted]
    saved = {path[: -len(".before-prodready")] for path in before if path.endswith(".before-prodready")}
    keep = [path for path in write if path in before and MARKER not in before[path][:400] and path not in saved and path not in delivered]
    return Plan(write=write, remove=sorted(set(stale + gone)), keep=keep)


def read(directory, paths, owned):
    """The text of the named files and of every file in the owned directory, as far as they exist."""
    found = {}
    inside = [
        os.path.relpath(os.path.join(folder, name), directory)
        for folder, _folders, names in os.walk(os.path.join(directory, owned))
        for name in names
    ]
    for path in list(paths) + [path + ".before-prodready" for path in paths] + inside:
        place = os.path.join(directory, path)
        if os.path.isfile(place):
            with open(place, encoding="utf-8", errors="surrogateescape") as handle:
                found[path] = handle.read()
        elif os.path.islink(place):
            found[path] = ""
    return found


def write(place, text):
    """Write a whole file, readable for all and writable for root, in one step."""
    folder = os.path.dirname(place)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    temporary = place + ".prodready-new"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as handle:
        os.fchmod(handle.fileno(), 0o644)
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, place)


def is_untouched(directory, path, digests):
    """Whether a file is as its package delivered it. A link to nothing is nobody's work either."""
    place = os.path.join(directory, path)
    real = os.path.realpath(place)
    if not os.path.isfile(real):
        return os.path.islink(place)
    with open(real, "rb") as handle:
        return digests.get(real) == hashlib.md5(handle.read()).hexdigest()  # dpkg's own kind of digest


def only_missing_certificate(messages):
    """Whether nginx stumbled over nothing but a certificate or key that is not there yet."""
    problems = [line for line in messages if "[emerg]" in line]
    return bool(problems) and all("cannot load certificate" in line and "No such file" in line for line in problems)
