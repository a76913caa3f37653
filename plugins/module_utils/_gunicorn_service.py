# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at one gunicorn service: systemd, /proc, its control group and its socket. PRIVATE to the collection."""

from __future__ import annotations

import json
import os
import signal
import time

from ansible_collections.prodready.django.plugins.module_utils import _gunicorn, _gunicorn_trial, _proc, _systemd, _unix_http
from ansible_collections.prodready.django.plugins.module_utils._cgroup import ControlGroup
from ansible_collections.prodready.django.plugins.module_utils._gunicorn_unit import RunningUnit, active_since, journal, newer_files, read_for_root
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

_STARTS = 4
_START_SECONDS = 20


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
        self._unit = RunningUnit(run_command, self.service, self._current, self._environment_file)

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

    def _socket_path(self):
        listeners = _systemd.parse_listeners(_systemd.show(self._run, [self.socket])[self.socket].get("Listen", ""))
        paths = [address for address, kind in listeners if kind == "Stream" and address.startswith("/")]
        if not paths:
            raise ObservationError("{0} listens on no Unix socket".format(self.socket))
        return paths[0]

    def exposure(self):
        return self._unit.exposure()

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

    def process(self):
        return self._unit.confinement()

    def sandbox(self):
        """What a sandbox of the same make refuses."""
        return _gunicorn_trial.try_sandbox(self._run, self.service, self._unit.pid())

    def workers(self):
        """Workers alive, settings in force and cores. A worker that is just being replaced gets a second to come back."""
        settings = self.settings()
        for _attempt in range(5):
            _main, workers, _members = self._unit.members()
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
        pid = self._unit.pid()
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
        main, _workers, _members = self._unit.members()
        path = "/proc/{0}/limits".format(main)
        return {
            "group": ControlGroup(main).limits(),
            "open_files": _proc.parse_open_files(read_for_root(path)),
            "memory_total_bytes": _proc.parse_meminfo(_proc.read_text("/proc/meminfo"))["MemTotal"],
            "cores": _proc.cores(),
        }

    def memory(self):
        return ControlGroup(self._unit.pid()).memory()

    # Is the running process older than what it should run?

    def stale(self):
        """Reasons to restart the service, to reload it, and to restart its socket, in words; all empty when it is up to date."""
        return {"restart": self._unit.stale(), "reload": self._stale_config(self._unit.pid()), "socket": self._stale_socket()}

    def _stale_socket(self):
        unit = _systemd.show(self._run, [self.socket])[self.socket]
        if unit["ActiveState"] != "active":
            return []
        return ["socket: {0} is newer than the socket".format(path) for path in newer_files(unit, active_since(unit))]

    def _stale_config(self, pid):
        path = self._config_file
        if not path or not os.path.exists(path):
            return []
        note = self._record(pid)
        if note:
            same = note.get("config_sha256") == _gunicorn.digest(_proc.read_text(path))
        else:
            _main, workers, _members = self._unit.members()
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
                return {"alive": False, "answer": answer, "state": state, "journal": journal(self._run, self.service, self._environment_file)}
            time.sleep(0.3)

    def reach(self):
        """Every way in: TCP listeners of the processes, the socket's rights, and what a stranger's account meets there."""
        path = self._socket_path()
        _main, _workers, members = self._unit.members()
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

    def steady(self, names, seconds):
        """The services that do not stay up, each with what it wrote last; empty when all of them run and stay."""
        seen = self.watch(names, seconds) if names else {}
        return {
            name: {"state": unit["active"], "journal": journal(self._run, name, self._environment_file)}
            for name, unit in seen.items()
            if unit["active"] != "active" or unit["restarts"] != unit["restarts_before"]
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
