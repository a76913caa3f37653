# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at the extra processes of an app: the units that are there, against those that were declared. PRIVATE to the collection."""

from __future__ import annotations

import os

from ansible_collections.prodready.django.plugins.module_utils import _gunicorn_processes, _systemd
from ansible_collections.prodready.django.plugins.module_utils._gunicorn_unit import RunningUnit, active_since, newer_files
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output
from ansible_collections.prodready.django.plugins.module_utils._proc import read_text

_UNITS = "/etc/systemd/system"


class ExtraProcesses:
    """Looks only; what is to be started, restarted or removed is said, not done."""

    def __init__(self, run_command, options):
        self._run = run_command
        self._name = options["name"]
        self._current = options["current"]
        self._environment_file = options["environment_file"]
        self._processes, problems = _gunicorn_processes.resolve_all(self._name, options["processes"] or {}, options["current"])
        if problems:
            raise ObservationError("; ".join(problems))
        self.services = _gunicorn_processes.long_running(self._processes)
        self.timers = _gunicorn_processes.timers(self._processes)

    def _ours(self):
        """Unit files on the host that were made for processes of this app."""
        paths = {file: os.path.join(_UNITS, file) for file in sorted(os.listdir(_UNITS)) if file.startswith(self._name + "-")}
        files = {file: path for file, path in paths.items() if os.path.isfile(path) and not os.path.islink(path)}
        return [file for file, path in files.items() if _gunicorn_processes.owner(read_text(path))[0] == self._name]

    def _loaded(self):
        """Units of this app's processes that systemd holds in memory or starts at boot."""
        patterns = [self._name + "-*.service", self._name + "-*.timer"]
        out = command_output(self._run, ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager"] + patterns)
        names = set(_systemd.unit_names(out))
        for folder in ("multi-user.target.wants", "timers.target.wants"):
            path = os.path.join(_UNITS, folder)
            names |= {name for name in (os.listdir(path) if os.path.isdir(path) else []) if name.startswith(self._name + "-")}
        return sorted(names)

    def surplus(self):
        """Units and files of earlier declarations."""
        wanted = [name for process in self._processes for name in process["services"]] + self.timers
        files = [file["unit"] for file in _gunicorn_processes.files(self._processes)]
        return _gunicorn_processes.surplus(self._ours(), self._loaded(), files, wanted)

    def _stale(self, unit):
        if unit["Id"].endswith(".timer"):
            return ["unit: {0} is newer than the timer".format(path) for path in newer_files(unit, active_since(unit))]
        return RunningUnit(self._run, unit["Id"], self._current, self._environment_file).stale()

    def look(self, thorough):
        """Every declared unit with what systemd says of it, why it is out of date, and why it is to be restarted, be it only to take what
        was repaired without waiting for its next turn; `thorough` adds what confines it."""
        names = self.services + self.timers
        shown = _systemd.show(self._run, names) if names else {}
        units = {}
        for name, unit in shown.items():
            running = bool(unit.get("MainPID")) or name.endswith(".timer")
            units[name] = {
                "known": unit["LoadState"] != "not-found",
                "active": unit["ActiveState"],
                "enabled": unit["UnitFileState"],
                "reload_needed": unit["NeedDaemonReload"],
                "stale": self._stale(unit) if running and unit["ActiveState"] == "active" else [],
            }
            units[name]["restart"] = units[name]["stale"] + (["it keeps ending"] if unit["SubState"].startswith("auto-restart") else [])
            if thorough and name.endswith(".service") and unit.get("MainPID"):
                confined = RunningUnit(self._run, name, self._current, self._environment_file)
                units[name]["confinement"] = dict(confined.confinement(), exposure=confined.exposure())
        surplus = self.surplus()
        return dict(_gunicorn_processes.totals(self._processes), units=units, surplus=surplus, any=bool(self._processes or any(surplus.values())))
