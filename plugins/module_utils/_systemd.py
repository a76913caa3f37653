# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd says, as dicts: properties, time spans, exposure. PRIVATE to the collection."""

from __future__ import annotations

import re

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output

#: The properties a service or socket is described by.
PROPERTIES = [
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "NeedDaemonReload",
    "FragmentPath",
    "DropInPaths",
    "Type",
    "User",
    "Group",
    "MainPID",
    "Restart",
    "RestartUSec",
    "StartLimitIntervalUSec",
    "StartLimitBurst",
    "NRestarts",
    "OOMPolicy",
    "KillMode",
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "Listen",
    "SocketMode",
    "SocketUser",
    "SocketGroup",
]

_INTEGERS = frozenset(["MainPID", "NRestarts", "StartLimitBurst", "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"])
_SPANS = frozenset(["RestartUSec", "StartLimitIntervalUSec"])
_UNITS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
    "month": 2629800,
    "y": 31557600,
}


def time_span(text):
    """Seconds of a span as systemd prints it ("1min 30s", "100ms", "0"); None for "infinity"."""
    if text.strip() == "infinity":
        return None
    if re.match(r"^\d+$", text.strip()):
        return int(text) * 1e-6
    parts = re.findall(r"([\d.]+)\s*(month|min|us|ms|s|h|d|w|y)", text)
    if not parts:
        raise ObservationError("systemd printed a time span that is not one: {0!r}".format(text))
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts), 6)


def _value(key, text):
    if key in _INTEGERS:
        return int(text) if text.isdigit() else None
    if key in _SPANS:
        return time_span(text) if text else None
    if key == "NeedDaemonReload":
        return text == "yes"
    if key == "DropInPaths":
        return text.split()
    return text


def parse_show(text):
    """Turn the output of `systemctl show UNIT…` into {Id: {property: value}}; a property printed twice becomes one text."""
    units = {}
    for block in re.split(r"\n\s*\n", text.strip()):
        raw: dict[str, str] = {}
        for line in block.splitlines():
            key, separator, value = line.partition("=")
            if separator:
                raw[key] = raw[key] + "\n" + value if key in raw else value
        if "Id" in raw:
            units[raw["Id"]] = {key: _value(key, value) for key, value in raw.items()}
    return units


def show(run_command, names):
    """The properties of some units, one `systemctl` call for all of them."""
    argv = ["systemctl", "show", "--no-pager", "--property=" + ",".join(PROPERTIES)] + list(names)
    units = parse_show(command_output(run_command, argv))
    missing = [name for name in names if name not in units]
    if missing:
        raise ObservationError("systemd said nothing about {0}".format(", ".join(missing)))
    return {name: units[name] for name in names}


def parse_listeners(text):
    """Addresses of a socket unit: "/run/app/gunicorn.sock (Stream)" per line → [(address, kind)]."""
    return [match.groups() for match in re.finditer(r"^(\S+) \((\w+)\)$", text, re.MULTILINE)]


def parse_exposure(text):
    """The overall exposure that `systemd-analyze security UNIT` computes: 0.0 (none) to 10.0."""
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    if not found:
        raise ObservationError("systemd-analyze security printed no overall exposure")
    return float(found.group(1))


def parse_failed(text):
    """Names in the output of `systemctl list-units --state=failed --plain --no-legend`."""
    return sorted(line.split()[0] for line in text.splitlines() if line.split())


def unit_environment(run_command, name):
    """Names of the variables that a unit sets with Environment=; a quoted value cannot hide a name."""
    text = command_output(run_command, ["systemctl", "show", "--no-pager", "--property=Environment", "--value", name])
    return sorted(set(re.findall(r'(?:^|[\s"])([A-Za-z_][A-Za-z0-9_]*)=', text)))


def parse_version(text):
    """The number in `systemctl --version`: "systemd 252 (252.39-1~deb12u1)" → 252."""
    found = re.match(r"systemd (\d+)", text)
    if not found:
        raise ObservationError("systemctl printed no version")
    return int(found.group(1))


def unit_names(text):
    """Names in the output of `systemctl list-units --plain --no-legend`."""
    return parse_failed(text)
