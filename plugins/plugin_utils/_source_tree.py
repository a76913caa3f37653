# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project's source as a list of files, wherever it comes from: its digest and one archive of it. PRIVATE to the collection."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, Callable

from ._verdict import ChecklistError

#: What never belongs to a release: histories, caches, virtual environments, and files that hold secrets of a workplace.
ALWAYS_EXCLUDED = (
    ".git", ".hg", ".svn", "__pycache__", "*.pyc", "*.pyo", ".venv*", "venv", "node_modules", ".env", ".env.*",
    ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".coverage", ".DS_Store", "*.egg-info", ".idea", ".vscode",
)  # fmt: skip

#: One time for all files of an archive, so that the same content is the same archive.
_TIME = 946684800


@dataclass(frozen=True)
class Entry:
    """A regular file or a symbolic link of a source, by its path below the top."""

    path: str
    executable: bool
    link: str
    read: Callable[[], bytes]


class Source:
    """The files of a project, sorted by path."""

    def __init__(self, entries: Iterable[Entry], origin: str) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.path)
        self.origin = origin
        self._by_path = {entry.path: entry for entry in self.entries}
        for entry in self.entries:
            _refuse_escape(entry, origin)

    def has(self, path: str) -> bool:
        return normal(path) in self._by_path

    def has_directory(self, path: str) -> bool:
        prefix = normal(path) + "/"
        return prefix in ("./", "/") or any(entry.path.startswith(prefix) for entry in self.entries)

    def text(self, path: str) -> str:
        return self._by_path[normal(path)].read().decode("utf-8", errors="replace")

    def digest(self) -> str:
        """The same for the same names, contents, links and executable bits, and for nothing else."""
        total = hashlib.sha256()
        for entry in self.entries:
            content = hashlib.sha256(entry.link.encode() if entry.link else entry.read()).hexdigest()
            kind = "link" if entry.link else "exec" if entry.executable else "file"
            total.update(f"{entry.path}\0{kind}\0{content}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def write_archive(self, target: BinaryIO) -> None:
        """A compressed tar of everything; the same content makes the same archive."""
        with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as archive:
            for entry in self.entries:
                member = tarfile.TarInfo(entry.path)
                member.mtime = _TIME
                member.mode = 0o750 if entry.executable else 0o640
                if entry.link:
                    member.type, member.linkname = tarfile.SYMTYPE, entry.link
                    archive.addfile(member)
                    continue
                data = entry.read()
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def normal(path: str) -> str:
    return posixpath.normpath(path)


def _refuse_escape(entry: Entry, origin: str) -> None:
    parts = entry.path.split("/")
    if entry.path.startswith("/") or ".." in parts:
        raise ChecklistError(f"{origin} holds '{entry.path}', which leads out of the project; remove it")
    if entry.link:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link))
        if entry.link.startswith("/") or target.split("/")[0] == "..":
            raise ChecklistError(
                f"{origin}: the link '{entry.path}' leads to '{entry.link}', out of the project, where the host has nothing; "
                "replace it by the file, or name it in source.exclude of the app in prodready_apps (django_app_source.exclude)"
            )


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the path, the beginning of it, or one name in it."""
    parts = path.split("/")
    beginnings = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(fnmatch(name, pattern.rstrip("/")) for pattern in patterns for name in (*parts, *beginnings))


def read_tree(top: str, patterns: Sequence[str]) -> Source:
    """A directory of the controller."""
    place = Path(top).expanduser()
    if not place.is_dir():
        raise ChecklistError(
            f"source.path is '{top}', which is no directory on this machine; "
            "expected the project's directory. Correct source.path of the app in prodready_apps (django_app_source.path)"
        )
    return Source(_walk(str(place), "", tuple(patterns)), str(place))


def _walk(top: str, below: str, patterns: tuple[str, ...]) -> Iterator[Entry]:
    with os.scandir(os.path.join(top, below)) as found:
        for one in sorted(found, key=lambda entry: entry.name):
            path = posixpath.join(below, one.name)
            if is_excluded(path, patterns):
                continue
            if one.is_symlink():
                yield Entry(path, False, os.readlink(one.path), bytes)
            elif one.is_dir():
                yield from _walk(top, path, patterns)
            elif one.is_file():
                executable = bool(one.stat().st_mode & stat.S_IXUSR)
                yield Entry(path, executable, "", Path(one.path).read_bytes)


def read_files(files: Mapping[str, str], origin: str) -> Source:
    """Single files of the controller under the names they are to have."""
    entries = []
    for name, path in files.items():
        place = Path(str(path)).expanduser()
        if not place.is_file():
            raise ChecklistError(
                f"source.files has '{path}' for {name}, which is no file on this machine; expected one. "
                "Correct source.files of the app in prodready_apps (django_app_source.files)"
            )
        entries.append(Entry(normal(str(name)), False, "", place.read_bytes))
    return Source(entries, origin)


def read_archive(path: str, patterns: Sequence[str]) -> Source:
    """A tar or zip file; a single directory around everything is taken off."""
    place = Path(path).expanduser()
    if not place.is_file():
        raise ChecklistError(
            f"source.path is '{path}', which is no file on this machine; "
            "expected a tar or zip archive of the project. Correct source.path of the app in prodready_apps (django_app_source.path)"
        )
    if tarfile.is_tarfile(place):
        entries = list(_tar_entries(tarfile.open(place)))  # noqa: SIM115 - read from until the process ends
    elif zipfile.is_zipfile(place):
        entries = list(_zip_entries(zipfile.ZipFile(place)))
    else:
        raise ChecklistError(
            f"{path} is neither a tar nor a zip archive; expected one of them in source.path of the app in prodready_apps (django_app_source.path)"
        )
    tops = {entry.path.split("/")[0] for entry in entries}
    if len(tops) == 1 and all("/" in entry.path for entry in entries):
        entries = [Entry(e.path.split("/", 1)[1], e.executable, e.link, e.read) for e in entries]
    return Source((entry for entry in entries if not is_excluded(entry.path, patterns)), str(place))


def _tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    def reader(member: tarfile.TarInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            content = archive.extractfile(member)
            return content.read() if content else b""

        return read

    for member in archive.getmembers():
        path = normal(member.name)
        if member.issym():
            yield Entry(path, False, member.linkname, bytes)
        elif member.isfile() or member.islnk():
            yield Entry(path, bool(member.mode & 0o100), "", reader(member))


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        if info.is_dir():
            continue
        if stat.S_ISLNK(mode):
            yield Entry(normal(info.filename), False, archive.read(info).decode(), bytes)
        else:
            yield Entry(normal(info.filename), bool(mode & 0o100), "", functools.partial(archive.read, info))
