# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One running service of an app: who it is, what confines it, whether it is older than what it should run. PRIVATE to the collection."""

from __future__ import annotations

import os
import time

from ansible_collections.prodready.django.plugins.module_utils import _environment_file, _gunicorn, _masking, _proc, _systemd
from ansible_collections.prodready.django.plugins.module_utils._cgroup import ControlGroup
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

#: Folders that hold no code, or none that a server would load.
_NO_CODE = frozenset({"__pycache__", ".git", "node_modules", "static", "media", "venv", ".venv"})
_CODE = (".py", ".html", ".mo")
_JOURNAL_LINES = 300


def read_for_root(path):
    """The text of a file; no right to read it is said in the words every probe uses."""
    try:
        return _proc.read_text(path)
    except PermissionError:
        raise NeedsRoot("{0} is not readable".format(path)) from None


def newest_file(folder):
    """(mtime, path) of the newest source file below a folder; (0, "") where there is none."""
    newest = (0.0, "")
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NO_CODE]
        for name in files:
            if name.endswith(_CODE):
                path = os.path.join(parent, name)
                try:
                    newest = max(newest, (os.stat(path).st_mtime, path))
                except FileNotFoundError:
                    continue
    return newest


def newest_package(venv):
    """(mtime, name) of the package installed last in a virtual environment."""
    newest = (0.0, "")
    library = os.path.join(venv, "lib")
    for version in sorted(os.listdir(library)) if os.path.isdir(library) else []:
        packages = os.path.join(library, version, "site-packages")
        for entry in os.scandir(packages) if os.path.isdir(packages) else []:
            if entry.name.endswith(".dist-info"):
                newest = max(newest, (entry.stat().st_mtime, entry.name[: -len(".dist-info")]))
    return newest


def newer_files(unit, started):
    """Files of a unit, as systemd lists them, that are newer than a moment."""
    files = [unit["FragmentPath"]] + unit["DropInPaths"]
    return [path for path in files if path and os.path.exists(path) and os.stat(path).st_mtime > started]


def active_since(unit):
    """Epoch seconds since when a unit without a process, such as a socket or a timer, is active."""
    return time.time() - time.monotonic() + (unit["ActiveEnterTimestampMonotonic"] or 0) / 1e6


def journal(run_command, unit, environment_file):
    """What a service wrote last that tells why it does not work, without the values of its environment."""
    secrets = []
    if environment_file and os.path.exists(environment_file):
        secrets = _gunicorn.secrets_of(_environment_file.parse(read_for_root(environment_file)))
    argv = ["journalctl", "--no-pager", "--output=cat", "--lines={0}".format(_JOURNAL_LINES), "--unit=" + unit]
    text = _masking.mask(command_output(run_command, argv), secrets)
    return _gunicorn.telling_lines(text.splitlines())


class RunningUnit:
    """One service by its name; looks only."""

    def __init__(self, run_command, name, current, environment_file):
        self._run = run_command
        self.name = name
        self._current = current
        self._environment_file = environment_file

    def show(self):
        return _systemd.show(self._run, [self.name])[self.name]

    def pid(self):
        service = self.show()
        if not service["MainPID"]:
            raise ObservationError(
                "{0} has no running process: it is {1} ({2}, {3})".format(
                    self.name, service["ActiveState"], service["SubState"], service["Result"] or "no result"
                )
            )
        return service["MainPID"]

    def members(self):
        """(main process, its children, all processes of the service)."""
        main = self.pid()
        members = ControlGroup(main).processes()
        children = []
        for pid in members:
            try:
                if _proc.status(pid)["parent"] == main:
                    children.append(pid)
            except FileNotFoundError:
                continue
        return main, children, members

    def exposure(self):
        """The overall exposure as systemd computes it, 0.0 to 10.0."""
        argv = ["systemd-analyze", "security", "--no-pager", self.name]
        return _systemd.parse_exposure(command_output(self._run, argv))

    def confinement(self):
        """Who all processes of the service are and what they may do: the strongest of each counts."""
        main, children, members = self.members()
        statuses, shared = [], set()
        for pid in members:
            try:
                statuses.append(_proc.status(pid))
                shared |= _proc.namespaces_shared(pid)
            except FileNotFoundError:
                continue
        return {
            "pid": main,
            "age_seconds": round(time.time() - _proc.started_at(main), 1),
            "processes": len(statuses),
            "workers": len(children),
            "uids": sorted({uid for status in statuses for uid in status["uids"]}),
            "capabilities": sorted({"{0:x}".format(status["cap_eff"]) for status in statuses}),
            "bounding": sorted({"{0:x}".format(status["cap_bnd"]) for status in statuses}),
            "no_new_privs": all(status["no_new_privs"] for status in statuses),
            "seccomp": min(status["seccomp"] for status in statuses),
            "namespaces_shared": sorted(shared),
        }

    # Is the running process older than what it should run?

    def stale(self):
        """Reasons to restart the service, in words; empty when it is up to date."""
        pid = self.pid()
        started = _proc.started_at(pid)
        return self._stale_unit(started) + self._stale_code(pid, started) + self._stale_environment(pid, started)

    def _stale_unit(self, started):
        unit = self.show()
        if unit["NeedDaemonReload"]:  # it may have been started after the file was written and before systemd read it
            return ["unit: systemd has not loaded what {0} says now".format(unit["FragmentPath"])]
        return ["unit: {0} is newer than the process".format(path) for path in newer_files(unit, started)]

    def _stale_code(self, pid, started):
        if not self._current:
            return []
        wanted = os.path.realpath(os.path.join(self._current, "source"))
        link = "/proc/{0}/cwd".format(pid)
        try:
            running = os.readlink(link)
        except PermissionError:
            raise NeedsRoot("{0} is not readable".format(link)) from None
        releases = os.path.dirname(os.path.dirname(wanted))
        if running != wanted and running.startswith(releases + "/"):
            return ["code: the process runs in {0}, current is {1}".format(running, wanted)]
        if running != wanted and os.lstat(self._current).st_mtime > started:  # it went elsewhere by itself
            return ["code: {0} points elsewhere since the process was started".format(self._current)]
        when, path = newest_file(wanted)
        if when > started:
            return ["code: {0} is newer than the process".format(path)]
        when, package = newest_package(os.path.join(self._current, "venv"))
        return ["code: package {0} is newer than the process".format(package)] if when > started else []

    def _stale_environment(self, pid, started):
        """Variables that differ, and code in a directory that PYTHONPATH adds, such as a settings overlay."""
        path = self._environment_file
        if not path or not os.path.exists(path):
            return []
        wanted = _environment_file.parse(read_for_root(path))
        found = []
        for folder in _gunicorn.import_folders(wanted):
            when, newest = newest_file(folder)
            if when > started:
                found.append("overlay: {0} is newer than the process".format(newest))
        if os.stat(path).st_ctime <= started:
            return found
        running = _proc.parse_environ(read_for_root("/proc/{0}/environ".format(pid)))
        if "INVOCATION_ID" not in running:  # a program that renames itself overwrites what /proc shows
            return found + ["environment: {0} is newer than the process".format(path)]
        unit = _systemd.unit_environment(self._run, self.name)
        names = _gunicorn.environment_differences(wanted, running, also_set=unit)
        return found + (["environment: {0} differ from {1}".format(", ".join(names), path)] if names else [])
