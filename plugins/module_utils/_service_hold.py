# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services of an app, stopped and not yet started: their socket keeps the queue meanwhile. PRIVATE to the collection.

A socket starts its service again at once when a request comes in, so a plain stop holds nothing. What holds is a start that waits.
"""

from __future__ import annotations

import contextlib
import glob
import os
import time

from ansible_collections.prodready.django.plugins.module_utils import _systemd
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output

RUNTIME_UNITS = "/run/systemd/system"
#: For how long a password may change, in seconds; whoever is left behind by a killed run starts after that.
HOLD = 60
#: What systemd takes to kill what did not end in time, and the longest wait for a service that may take as long as it likes.
_KILLED, _ENDLESS = 5, 900
_ALIVE = ("active", "reloading", "activating", "deactivating")

_DROP_IN = """\
[Service]
# Lasts for as long as a password changes, and never longer than {seconds} s.
ExecStartPre=+/bin/sh -c 'for tenth in $$(seq {tenths}); do [ -e {flag} ] || exit 0; sleep 0.1; done'
TimeoutStartSec={limit}
"""


def drop_in(flag, seconds):
    return _DROP_IN.format(flag=flag, seconds=seconds, tenths=seconds * 10, limit=seconds + 90)


def parse_units(text):
    """The services in the output of `systemctl show` by name, those left out that run once and end: {"state", "pid", "patience"}."""
    found = {}
    for block in text.strip().split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if unit.get("ActiveState") in _ALIVE and unit.get("Type") != "oneshot":
            patience = _systemd.time_span(unit.get("TimeoutStopUSec") or "90s")
            found[unit["Id"]] = {
                "state": unit["ActiveState"],
                "pid": int(unit.get("MainPID") or 0),
                "patience": _KILLED + int(_ENDLESS if patience is None else patience),
            }
    return found


def hold_plan(units, server):
    """Who ends after whom: [(names, how long that may take)]. The server is last, so that no request waits for a slow task."""
    rounds = [sorted(set(units) - {server}), [server] if server in units else []]
    return [(names, max(units[name]["patience"] for name in names)) for names in rounds if names]


def hold_seconds(units, server):
    """For how long each successor may wait: through what ends after it, and the change. A server that does not run may be asked for."""
    whole = sum(patience for _names, patience in hold_plan(units, server))
    return dict(dict.fromkeys(units, HOLD + whole), **{server: HOLD})


class Services:
    """The running services of one app: its server and its extra processes."""

    def __init__(self, run_command, name):
        self._run = run_command
        self._name = name
        self._server = "{0}.service".format(name)
        self._flag = "/run/prodready-hold-{0}".format(name)
        self.units = self._look()
        self.held_seconds = 0.0

    def _look(self):
        patterns = [self._server, "{0}-*.service".format(self._name)]
        listed = command_output(self._run, ["systemctl", "list-units", "--plain", "--no-legend", "--state=" + ",".join(_ALIVE)] + patterns)
        names = [line.split()[0] for line in listed.splitlines() if line.split()]
        if not names:
            return {}
        return parse_units(command_output(self._run, ["systemctl", "show", "--property=Id,MainPID,ActiveState,Type,TimeoutStopUSec"] + names))

    @property
    def served(self):
        """Whether the app's server is meant to run: one that failed is, one that somebody stopped is not."""
        state = command_output(self._run, ["systemctl", "show", "--property=ActiveState", "--value", self._server]).strip()
        return self._server in self.units or state == "failed"

    @contextlib.contextmanager
    def held(self):
        """Nothing of the app runs within: requests in progress are finished, new ones wait in the socket, tasks are ended first."""
        try:
            self._prepare()
            started = time.monotonic()
            for names, patience in hold_plan(self.units, self._server):
                started = time.monotonic()
                self._end(names, patience)
            yield
        except Exception:
            self._release()
            with contextlib.suppress(ObservationError):
                self._settle()
            raise
        self._release()
        self._settle()
        self.held_seconds = round(time.monotonic() - started, 2) if self._server in self.units else 0.0

    def _prepare(self):
        with open(self._flag, "w", encoding="ascii"):
            pass
        for unit, seconds in hold_seconds(self.units, self._server).items():
            path = "{0}/{1}.d/prodready-hold.conf".format(RUNTIME_UNITS, unit)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as target:
                target.write(drop_in(self._flag, seconds))
        command_output(self._run, ["systemctl", "daemon-reload"])

    def _end(self, names, patience):
        """End the processes, their successors wait. Returns once the last is gone."""
        started = [name for name in names if self.units[name]["state"] != "deactivating"]
        if started:
            command_output(self._run, ["systemctl", "restart", "--no-block"] + started)
        until = time.monotonic() + patience
        while True:
            left = [name for name in names if self.units[name]["pid"] and os.path.exists("/proc/{0}".format(self.units[name]["pid"]))]
            if not left:
                return
            if time.monotonic() > until:
                raise ObservationError("{0} did not end within {1} s, nothing was changed".format(", ".join(left), patience))
            time.sleep(0.05)

    def _release(self):
        """Let the successors start."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._flag)

    def _settle(self):
        """Wait for the successors of what ran, and leave nothing of the hold behind."""
        wanted = {name for name, unit in self.units.items() if unit["state"] in ("active", "reloading")}
        until = time.monotonic() + HOLD + 90
        while True:
            now = self._look()
            missing = sorted(name for name in wanted if now.get(name, {}).get("state") != "active")
            if not missing or time.monotonic() > until:
                break
            time.sleep(0.2)
        self._forget()
        if missing:
            raise ObservationError("{0} did not start again; its journal says why".format(", ".join(missing)))

    def _forget(self):
        """Take away what makes a start wait, also that of a run that was killed."""
        left = []
        for unit in (self._server, "{0}-*.service".format(self._name)):
            left += glob.glob("{0}/{1}.d/prodready-hold.conf".format(RUNTIME_UNITS, unit))
        for path in left:
            with contextlib.suppress(OSError):
                os.unlink(path)
                os.rmdir(os.path.dirname(path))
        if left:
            command_output(self._run, ["systemctl", "daemon-reload"])

    def clear(self):
        """Let go of what a run that was killed still holds."""
        self._release()
        self._forget()

    def restart(self):
        self.clear()
        if self.units:
            command_output(self._run, ["systemctl", "restart"] + list(self.units))
