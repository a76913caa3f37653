# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole files and directories beside what is wanted of them: owner, group, mode, content. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from dataclasses import dataclass

#: What a new file is called until it is in place; one name, so that the next run finds what a killed one left.
STAGED = ".prodready-new"


def name_of(lookup, number):
    """The name for a number, or the number where it has none."""
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def describe(path, is_wanted_kind, kind):
    """Owner, group and mode by name, or None for what is not there; anything of another kind raises."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not is_wanted_kind(found.st_mode):
        raise ValueError("{0} is there and is no {1}; move it away".format(path, kind))
    return {
        "owner": name_of(pwd.getpwuid, found.st_uid),
        "group": name_of(grp.getgrgid, found.st_gid),
        "mode": "{0:04o}".format(stat.S_IMODE(found.st_mode)),
    }


def numbers(path, wanted):
    """The numbers of owner and group; one that does not exist raises."""
    try:
        return pwd.getpwnam(wanted["owner"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid
    except KeyError as error:
        raise ValueError("{0}: {1}".format(path, error.args[0])) from None


@dataclass(frozen=True)
class Entry:
    """A file as it is wanted."""

    path: str
    content: bytes
    wanted: dict
    validate: str = ""
    #: Where the content that is replaced is kept; nowhere unless named.
    previous: str = ""

    @classmethod
    def of(cls, options):
        text = options["content"]
        return cls(
            path=options["path"],
            content=(text if not text or text.endswith("\n") else text + "\n").encode("utf-8", "surrogateescape"),
            wanted={"owner": options["owner"], "group": options["group"], "mode": "{0:04o}".format(int(options["mode"], 8))},
            validate=options.get("validate") or "",
            previous=options.get("previous") or "",
        )


@dataclass(frozen=True)
class Change:
    """A file that is not as wanted; `found` and `before` are None where there is none."""

    entry: Entry
    found: dict | None
    before: bytes | None

    @property
    def rewrite(self):
        return self.before != self.entry.content

    def diff(self):
        """Both sides as Ansible shows them."""
        headers = {"before_header": self.entry.path if self.found else "absent", "after_header": self.entry.path}
        if not self.rewrite:
            return dict(headers, before=self.found, after=self.entry.wanted)
        return dict(headers, before=(self.before or b"").decode("utf-8", "replace"), after=self.entry.content.decode("utf-8", "replace"))


def changes(entries):
    """What differs, in the order given."""
    differing = []
    for entry in entries:
        found, before = describe(entry.path, stat.S_ISREG, "file"), None
        if found is not None:
            with open(entry.path, "rb") as stream:
                before = stream.read()
        if found != entry.wanted or before != entry.content:
            differing.append(Change(entry, found, before))
    return differing


def make_folder(path):
    """Make what is missing of a folder, 0755 whatever the umask says."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, 0o755)


def stage(path, content, uid, gid, mode):
    """What a file will be, whole and on the disk beside it, and never wider open than it will be; its name."""
    temporary = path + STAGED
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # what a killed run left, with whatever owner and mode
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:  # no half of a secret stays, such as on a full disk
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return temporary


def replace(path, content, uid, gid, mode):
    """The whole file in one step."""
    os.replace(stage(path, content, uid, gid, mode), path)


def put_in_place(change):
    """Write the file in one step, or set what differs; it is never wider open than wanted."""
    entry = change.entry
    uid, gid = numbers(entry.path, entry.wanted)
    if not change.rewrite:
        os.chown(entry.path, uid, gid)
        os.chmod(entry.path, int(entry.wanted["mode"], 8))
        return
    make_folder(os.path.dirname(entry.path))
    if entry.previous and change.before is not None:
        replace(entry.previous, change.before, uid, gid, int(entry.wanted["mode"], 8))
    replace(entry.path, entry.content, uid, gid, int(entry.wanted["mode"], 8))
