# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at one gunicorn service: systemd, /proc, its control group and its socket. PRIVATE to the collection."""

from __future__ import annotations

import json
import os
import signal
import time

from ansible_collections.prodready.django.plugins.module_utils import _environment_file, _gunicorn, _masking, _proc, _systemd, _unix_http
from ansible_collections.prodready.django.plugins.module_utils._cgroup import ControlGroup
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

#: Folders that hold no code, or none that a server would load.
_NO_CODE = frozenset({"__pycache__", ".git", "node_modules", "static", "media", "venv", ".venv"})
_CODE = (".py", ".html", ".mo")
_JOURNAL_LINES = 300
_STARTS = 4
_START_SECONDS = 20


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


class GunicornService:
    """A service `NAME.service` behind `NAME.socket`. Looks; only `kill_and_recover` touches anything."""

    def __init__(self, run_command, options):
        self._run = run_command
        self._name = options["name"]
        self._current = options["current"]
        self._environment_file = options["environment_file"]
        self._config_file = options["config_file"]
        self._path = options["liveness_path"] or "/"
        self._declared = bool(options["liveness_path"])
        self._host = options["host"]
        self.service = self._name + ".service"
        self.socket = self._name + ".socket"

    # What systemd knows

    def units(self):
        """Properties of the service and its socket. A start that is under way, as after a boot, gets some time to end."""
        found = _systemd.show(self._run, [self.service, self.socket])
        deadline = time.monotonic() + _START_SECONDS
        while found[self.service]["SubState"] in ("start", "start-pre") and time.monotonic() < deadline:
            time.sleep(0.5)
            found = _systemd.show(self._run, [self.service, self.socket])
        for unit, properties in found.items():
            if properties["LoadState"] == "not-found":
                raise ObservationError("systemd knows no unit {0}".format(unit))
        return {"service": found[self.service], "socket": found[self.socket]}

    def _pid(self):
        service = _systemd.show(self._run, [self.service])[self.service]
        if not service["MainPID"]:
            raise ObservationError(
                "{0} has no running process: it is {1} ({2}, {3})".format(
                    self.service, service["ActiveState"], service["SubState"], service["Result"] or "no result"
                )
            )
        return service["MainPID"]

    def _socket_path(self):
        listeners = _systemd.parse_listeners(_systemd.show(self._run, [self.socket])[self.socket].get("Listen", ""))
        paths = [address for address, kind in listeners if kind == "Stream" and address.startswith("/")]
        if not paths:
            raise ObservationError("{0} listens on no Unix socket".format(self.socket))
        return paths[0]

    def exposure(self):
        """The overall exposure as systemd computes it, 0.0 to 10.0."""
        argv = ["systemd-analyze", "security", "--no-pager", self.service]
        return _systemd.parse_exposure(command_output(self._run, argv))

    def expand(self, patterns):
        """Names of units; a pattern such as postgresql@*.service becomes those that are loaded, or stays when none is."""
        names: list[str] = []
        for pattern in patterns:
            argv = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", pattern]
            rc, out, _err = self._run(argv) if "*" in pattern else (1, "", "")
            names += (_systemd.parse_failed(out) if rc == 0 else []) or [pattern]
        return names

    def failed_units(self):
        """All failed units of the host, and whether the host is a container."""
        argv = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"]
        names = _systemd.parse_failed(command_output(self._run, argv))
        _rc, out, _err = self._run(["systemd-detect-virt", "--container"])
        return {"names": names, "container": out.strip() not in ("", "none")}

    # What the kernel knows

    def _members(self):
        """(main process, its workers, all processes of the service)."""
        main = self._pid()
        members = ControlGroup(main).processes()
        workers = []
        for pid in members:
            try:
                if _proc.status(pid)["parent"] == main:
                    workers.append(pid)
            except FileNotFoundError:
                continue
        return main, workers, members

    def process(self):
        """Who the processes are and what they may do: the strongest of each counts."""
        main, workers, members = self._members()
        statuses = [_proc.status(pid) for pid in members if os.path.exists("/proc/{0}".format(pid))]
        return {
            "pid": main,
            "age_seconds": round(time.time() - _proc.started_at(main), 1),
            "processes": len(statuses),
            "workers": len(workers),
            "uids": sorted({uid for status in statuses for uid in status["uids"]}),
            "capabilities": sorted({"{0:x}".format(status["cap_eff"]) for status in statuses}),
            "no_new_privs": all(status["no_new_privs"] for status in statuses),
            "seccomp": min(status["seccomp"] for status in statuses),
        }

    def workers(self):
        """Workers alive, settings in force and cores. A worker that is just being replaced gets a second to come back."""
        settings = self.settings()
        for _attempt in range(5):
            _main, workers, _members = self._members()
            if len(workers) == settings["workers"]:
                break
            time.sleep(0.25)
        return {"alive": len(workers), "cores": _proc.cores(), "settings": settings}

    def _record(self, pid):
        """What the running server itself wrote down about its settings, if it does so and the note is its own."""
        path = "/run/{0}/private/settings.json".format(self._name)
        try:
            note = json.loads(_proc.read_text(path))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise NeedsRoot("{0} is not readable".format(path)) from None
        return note if note.get("pid") == pid else None

    def settings(self):
        """The settings in force: from the server's own note, otherwise from command line and file."""
        pid = self._pid()
        note = self._record(pid)
        if note:
            return dict(note["settings"], source="the running server")
        arguments = _proc.read_text("/proc/{0}/cmdline".format(pid)).split("\0")
        command = _gunicorn.settings_of_command(arguments)
        config = {}
        path = command.get("config") or self._config_file
        if path and os.path.exists(path):
            if os.stat(path).st_mtime > _proc.started_at(pid):
                raise ObservationError("{0} was changed after the server started; what is in force cannot be read".format(path))
            config = _gunicorn.settings_of_config(_proc.read_text(path))
        extra = _proc.parse_environ(read_for_root("/proc/{0}/environ".format(pid))).get("GUNICORN_CMD_ARGS", "")
        return dict(_gunicorn.combine(config, extra, command), source="command line and file")

    def limits(self):
        """Limits in force on the running processes."""
        main, _workers, _members = self._members()
        path = "/proc/{0}/limits".format(main)
        return {
            "group": ControlGroup(main).limits(),
            "open_files": _proc.parse_open_files(read_for_root(path)),
            "memory_total_bytes": _proc.parse_meminfo(_proc.read_text("/proc/meminfo"))["MemTotal"],
            "cores": _proc.cores(),
        }

    def memory(self):
        return ControlGroup(self._pid()).memory()

    # Is the running process older than what it should run?

    def stale(self):
        """Reasons to restart the service, to reload it, and to restart its socket, in words; all empty when it is up to date."""
        pid = self._pid()
        started = _proc.started_at(pid)
        restart = self._stale_unit(started) + self._stale_code(pid, started) + self._stale_environment(pid, started)
        return {"restart": restart, "reload": self._stale_config(pid), "socket": self._stale_socket()}

    @staticmethod
    def _newer_files(unit, started):
        files = [unit["FragmentPath"]] + unit["DropInPaths"]
        return [path for path in files if path and os.path.exists(path) and os.stat(path).st_mtime > started]

    def _stale_unit(self, started):
        service = _systemd.show(self._run, [self.service])[self.service]
        return ["unit: {0} is newer than the process".format(path) for path in self._newer_files(service, started)]

    def _stale_socket(self):
        unit = _systemd.show(self._run, [self.socket])[self.socket]
        if unit["ActiveState"] != "active":
            return []
        opened = time.time() - self._age(unit["ActiveEnterTimestampMonotonic"])
        return ["socket: {0} is newer than the socket".format(path) for path in self._newer_files(unit, opened)]

    def _stale_code(self, pid, started):
        if not self._current:
            return []
        wanted = os.path.realpath(os.path.join(self._current, "source"))
        link = "/proc/{0}/cwd".format(pid)
        try:
            running = os.readlink(link)
        except PermissionError:
            raise NeedsRoot("{0} is not readable".format(link)) from None
        if running != wanted:
            return ["code: the process runs in {0}, current is {1}".format(running, wanted)]
        when, path = newest_file(wanted)
        if when > started:
            return ["code: {0} is newer than the process".format(path)]
        when, package = newest_package(os.path.join(self._current, "venv"))
        return ["code: package {0} is newer than the process".format(package)] if when > started else []

    def _stale_environment(self, pid, started):
        path = self._environment_file
        if not path or not os.path.exists(path) or os.stat(path).st_ctime <= started:
            return []
        wanted = _environment_file.parse(read_for_root(path))
        running = _proc.parse_environ(read_for_root("/proc/{0}/environ".format(pid)))
        if "INVOCATION_ID" not in running:  # a program that renames itself overwrites what /proc shows
            return ["environment: {0} is newer than the process".format(path)]
        unit = _systemd.unit_environment(self._run, self.service)
        names = _gunicorn.environment_differences(wanted, running, also_set=unit)
        return ["environment: {0} differ from {1}".format(", ".join(names), path)] if names else []

    def _stale_config(self, pid):
        path = self._config_file
        if not path or not os.path.exists(path):
            return []
        note = self._record(pid)
        if note:
            same = note.get("config_sha256") == _gunicorn.digest(_proc.read_text(path))
        else:
            _main, workers, _members = self._members()
            same = os.stat(path).st_mtime <= min(_proc.started_at(worker) for worker in workers or [pid])
        return [] if same else ["configuration: {0} is not what the server has loaded".format(path)]

    # What a client sees

    def liveness(self, attempts):
        """GETs straight on the socket."""
        path = self._socket_path()
        answers = [_unix_http.get(path, self._path, self._host) for _number in range(attempts)]
        return {
            "path": self._path,
            "declared": self._declared,
            "answers": answers,
            "alive": sum(_unix_http.alive(answer, self._declared) for answer in answers),
        }

    def wait_until_alive(self, seconds):
        """Ask until the application answers well once; otherwise say what it answered and what the journal has. A service that
        systemd has given up, or starts again and again, is not waited for."""
        path = self._socket_path()
        deadline = time.monotonic() + seconds
        first = None
        while True:
            answer = _unix_http.get(path, self._path, self._host, timeout=max(1.0, min(5.0, seconds)))
            if _unix_http.alive(answer, self._declared):
                return {"alive": True, "answer": answer, "state": "active", "journal": []}
            unit = _systemd.show(self._run, [self.service])[self.service]
            first = unit["NRestarts"] if first is None else first
            hopeless = unit["ActiveState"] == "failed" or unit["NRestarts"] - first >= _STARTS
            if hopeless or time.monotonic() >= deadline:
                state = "{0} ({1}), started again {2} times".format(unit["ActiveState"], unit["SubState"], unit["NRestarts"])
                return {"alive": False, "answer": answer, "state": state, "journal": self.journal()}
            time.sleep(0.3)

    def journal(self):
        """What the service wrote last that tells why it does not work, without the values of its environment."""
        secrets = []
        if self._environment_file and os.path.exists(self._environment_file):
            secrets = _gunicorn.secrets_of(_environment_file.parse(read_for_root(self._environment_file)))
        argv = ["journalctl", "--no-pager", "--output=cat", "--lines={0}".format(_JOURNAL_LINES), "--unit=" + self.service]
        text = _masking.mask(command_output(self._run, argv), secrets)
        return _gunicorn.telling_lines(text.splitlines())

    def reach(self):
        """Every way in: TCP listeners of the processes, the socket's rights, and what a stranger's account meets there."""
        path = self._socket_path()
        _main, _workers, members = self._members()
        listeners = _systemd.parse_listeners(_systemd.show(self._run, [self.socket])[self.socket]["Listen"])
        return {
            "socket_unit": [address for address, _kind in listeners],
            "tcp": _proc.tcp_listeners_of(members),
            "socket": _unix_http.describe(path),
            "stranger": _unix_http.as_stranger(path),
        }

    # Over time

    def watch(self, names, seconds):
        """Whether the units keep running: a process as old as `seconds` has shown it, a younger one is watched until then."""
        before = _systemd.show(self._run, names)
        deadline = time.monotonic() + seconds + 5
        while True:
            now = _systemd.show(self._run, names)
            running = {name: unit for name, unit in now.items() if unit.get("MainPID")}
            ages = {name: self._age(unit["ExecMainStartTimestampMonotonic"]) for name, unit in running.items()}
            youngest = min(ages.values()) if ages else seconds
            moved = [name for name in names if now[name].get("NRestarts") != before[name].get("NRestarts")]
            settled = all(unit["ActiveState"] in ("active", "inactive", "failed") for unit in now.values())
            if moved or (settled and youngest >= seconds) or time.monotonic() > deadline:
                break
            time.sleep(1)
        return {
            name: {
                "active": unit["ActiveState"],
                "restarts": unit.get("NRestarts"),
                "restarts_before": before[name].get("NRestarts"),
                "age_seconds": round(ages[name], 1) if name in ages else None,
                "known": unit["LoadState"] != "not-found",
            }
            for name, unit in now.items()
        }

    # The drill

    def kill_and_recover(self, seconds):
        """Kill the main process as a crash would, and measure how long until a new one answers. The counter of restarts is
        put back where the drill alone moved it."""
        unit = _systemd.show(self._run, [self.service])[self.service]
        old, restarts = unit["MainPID"], unit["NRestarts"]
        if unit["ActiveState"] != "active" or not old:
            raise ObservationError("{0} is {1}; nothing was killed".format(self.service, unit["ActiveState"]))
        if unit["Restart"] in ("no", "on-success"):
            raise ObservationError("{0} has Restart={1} and would stay down; nothing was killed".format(self.service, unit["Restart"]))
        path = self._socket_path()
        try:
            os.kill(old, signal.SIGKILL)
        except PermissionError:
            raise NeedsRoot("process {0} may not be ended by this account".format(old)) from None
        started = time.monotonic()
        new, answer = 0, {}
        while time.monotonic() - started < seconds:
            time.sleep(0.1)
            new = _systemd.show(self._run, [self.service])[self.service]["MainPID"]
            if new not in (0, None, old):
                left = max(0.5, seconds - (time.monotonic() - started))
                answer = _unix_http.get(path, self._path, self._host, timeout=left)
                if _unix_http.alive(answer, self._declared):
                    break
        took = round(time.monotonic() - started, 2)
        recovered = _unix_http.alive(answer, self._declared)
        if recovered and not restarts:
            self._run(["systemctl", "reset-failed", self.service])
        return {"recovered": recovered, "seconds": took, "within": seconds, "old_pid": old, "new_pid": new, "answer": answer}

    @staticmethod
    def _age(microseconds):
        return time.monotonic() - (microseconds or 0) / 1e6
