# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd and /proc say about a running application server, read from their text. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import shlex

#: Handed over by systemd or gunicorn to this one process; another process must not act on them.
PROCESS_BOUND = frozenset(
    [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_PID",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "MAINPID",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "SYSTEMD_EXEC_PID",
        "GUNICORN_PID",
        "GUNICORN_FD",
        "SERVER_SOFTWARE",
    ]
)

#: A file counts as newer than a process only beyond the clocks' resolution.
CLOCK_SLACK = 0.1

#: The properties of a unit that say what runs and from which files.
PROPERTIES = ("Id", "LoadState", "ActiveState", "MainPID", "EnvironmentFiles", "FragmentPath", "DropInPaths", "ExecStart", "Environment")


def environment_files(unit):
    """The unit's environment files in their order."""
    found = (re.sub(r" \(ignore_errors=\w+\)$", "", line.strip()) for line in (unit.get("EnvironmentFiles") or "").splitlines())
    return [path for path in found if path]


def unit_files(unit):
    """The files that make up the unit: its fragment and its drop-ins."""
    return [path for path in [unit.get("FragmentPath")] + list(unit.get("DropInPaths") or []) if path]


def parse_environ(data):
    """/proc/PID/environ as a dict; undecodable bytes survive the way back."""
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if b"=" in entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _separator, value in pairs}


def parse_identity(text):
    """Effective user and group, and the supplementary groups, of /proc/PID/status."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {
        "uid": int(lines["Uid"].split()[1]),
        "gid": int(lines["Gid"].split()[1]),
        "groups": [int(group) for group in lines.get("Groups", "").split()],
    }


def parse_parent(text):
    """Parent of the process of /proc/PID/stat; the command in brackets may contain anything."""
    return int(text.rpartition(")")[2].split()[1])


def is_overwritten(environ, file_environ):
    """Whether a process wrote its title over its environment (setproctitle does): nothing is left of what it was given."""
    return not environ or bool(file_environ) and not any(name in environ for name in file_environ)


def rebuilt_environ(unit, file_environ, account):
    """The environment systemd gives a unit's process: its defaults, Environment=, then the files."""
    environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    environ.update(account)
    try:
        words = shlex.split(unit.get("Environment") or "")
    except ValueError:
        words = []
    environ.update(word.partition("=")[::2] for word in words if "=" in word)
    environ.update(file_environ)
    return environ


def differing_names(file_environ, process_environ):
    """Names of the variables whose value in the files is not the one the process has."""
    return sorted(name for name, value in file_environ.items() if process_environ.get(name) != value)


def newer_than(started, mtimes):
    """The files of {path: mtime} that changed after the process started, newest first."""
    late = [(mtime, path) for path, mtime in mtimes.items() if mtime > started + CLOCK_SLACK]
    return [path for _mtime, path in sorted(late, reverse=True)]


def within(path, root):
    """Whether a path lies in a directory, compared as text after normalising."""
    path, root = os.path.normpath(path), os.path.normpath(root)
    return path == root or path.startswith(root.rstrip("/") + "/")


def running_release(cwd, current):
    """The release directory a process works in: `…/releases/ID` of its working directory, else None."""
    releases = os.path.join(os.path.dirname(os.path.normpath(current)), "releases")
    if not within(cwd, releases) or os.path.normpath(cwd) == releases:
        return None
    return os.path.join(releases, os.path.relpath(cwd, releases).split(os.sep, maxsplit=1)[0])


def interpreter_candidates(*, cmdline, environ, exec_paths, current, release, executable):
    """Interpreters that may be the process's own, best first. A virtual environment is known by its path, not by its target."""
    found = []
    if cmdline and cmdline[0].startswith("/") and os.path.basename(cmdline[0]).startswith("python"):
        found.append(cmdline[0])
    if environ.get("VIRTUAL_ENV"):
        found.append(os.path.join(environ["VIRTUAL_ENV"], "bin", "python"))
    scripts = [part for part in cmdline[:3] if part.startswith("/")] + list(exec_paths)
    found += [os.path.join(os.path.dirname(script), "python") for script in scripts if os.path.basename(os.path.dirname(script)) == "bin"]
    found += [os.path.join(root, "venv", "bin", "python") for root in (release, current) if root]
    found.append(executable)
    if release:  # `current` may point to another release by now
        found = [release + path[len(current) :] if within(path, current) else path for path in found]
    return list(dict.fromkeys(found))


def exec_paths(unit):
    """The programs of ExecStart: `{ path=/x ; argv[]=… }`."""
    return re.findall(r"path=(\S+)", unit.get("ExecStart") or "")


def wsgi_module(cmdline):
    """The module of gunicorn's application argument, such as `site.wsgi:application`; None when there is none."""
    for argument in reversed(cmdline):
        match = re.match(r"^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?::[\w.]+(?:\(.*\))?)?\]?$", argument)
        if match and ("." in match.group(1) or ":" in argument):
            return match.group(1)
    return None
