# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services of an app, stopped and not yet started: their socket keeps the queue meanwhile. PRIVATE to the collection.

A socket starts its service again at once when a request comes in, so a plain stop holds nothing. What holds is a start that waits.
"""

from __future__ import annotations

import contextlib
import os
import time

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output

RUNTIME_UNITS = "/run/systemd/system"

_DROP_IN = """\
[Service]
# Lasts for as long as a password changes, and never longer than {seconds} s.
ExecStartPre=+/bin/sh -c 'for tenth in $$(seq {tenths}); do [ -e {flag} ] || exit 0; sleep 0.1; done'
TimeoutStartSec={limit}
"""


def drop_in(flag, seconds):
    return _DROP_IN.format(flag=flag, seconds=seconds, tenths=seconds * 10, limit=seconds + 90)


def parse_units(text):
    """Names and main processes of the services in the output of `systemctl show`, those left out that run once and end."""
    found = {}
    for block in text.strip().split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if unit.get("ActiveState") == "active" and unit.get("Type") != "oneshot":
            found[unit["Id"]] = int(unit.get("MainPID") or 0)
    return found


class Services:
    """The running services of one app: its server and its extra processes."""

    def __init__(self, run_command, name, seconds=60):
        self._run = run_command
        self._name = name
        self._seconds = seconds
        self._flag = "/run/prodready-hold-{0}".format(name)
        self.units = self._running()

    def _running(self):
        patterns = ["{0}.service".format(self._name), "{0}-*.service".format(self._name)]
        listed = command_output(self._run, ["systemctl", "list-units", "--plain", "--no-legend", "--state=active"] + patterns)
        names = [line.split()[0] for line in listed.splitlines() if line.split()]
        if not names:
            return {}
        return parse_units(command_output(self._run, ["systemctl", "show", "--property=Id,MainPID,ActiveState,Type"] + names))

    def _drop_ins(self):
        return ["{0}/{1}.d/prodready-hold.conf".format(RUNTIME_UNITS, unit) for unit in self.units]

    def hold(self, patience=60):
        """End the processes, requests in progress finished, and let their successors wait. Returns once the last is gone."""
        if not self.units:
            return
        with open(self._flag, "w", encoding="ascii"):
            pass
        for path in self._drop_ins():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as target:
                target.write(drop_in(self._flag, self._seconds))
        command_output(self._run, ["systemctl", "daemon-reload"])
        command_output(self._run, ["systemctl", "restart", "--no-block"] + list(self.units))
        until = time.monotonic() + patience
        while any(pid and os.path.exists("/proc/{0}".format(pid)) for pid in self.units.values()):
            if time.monotonic() > until:
                raise ObservationError("the processes of {0} did not end within {1} s".format(self._name, patience))
            time.sleep(0.05)

    def release(self):
        """Let the successors start."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._flag)

    def settle(self):
        """Wait for the successors, and leave nothing of the hold behind."""
        until = time.monotonic() + self._seconds + 90
        while set(self._running()) < set(self.units) and time.monotonic() < until:
            time.sleep(0.2)
        missing = set(self.units) - set(self._running())
        for path in self._drop_ins():
            with contextlib.suppress(OSError):
                os.unlink(path)
                os.rmdir(os.path.dirname(path))
        command_output(self._run, ["systemctl", "daemon-reload"])
        if missing:
            raise ObservationError("{0} did not start again; its journal says why".format(", ".join(sorted(missing))))

    def restart(self):
        if self.units:
            command_output(self._run, ["systemctl", "restart"] + list(self.units))
