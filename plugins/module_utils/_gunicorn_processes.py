# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The extra processes of an app: from what was declared to units, and whose a unit on the host is. PRIVATE to the collection."""

from __future__ import annotations

import re

#: key → (type, default, least, most); what may stand in a process beside its command.
_NUMBERS = {"instances": (1, 1, 64), "memory_mb": (200, 16, 1048576), "connections": (1, 0, 10000), "stop_seconds": (60, 1, 3600)}
_KEYS = ("command", "instances", "singleton", "memory_mb", "connections", "stop_seconds", "schedule")
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_PROGRAM = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")

#: Marks a unit file as made for one app, so that nobody else's is ever removed. systemd leaves X- sections alone (systemd.unit(5)).
_MARK = re.compile(r"^\[X-Prodready\]\s*\nApplication=(\S+)\s*\nProcess=(\S+)\s*$", re.MULTILINE)


class ProcessError(ValueError):
    """A sentence about a declaration: what was found, what was expected, which key to change."""


def quote_word(word):
    """One word of a command line as systemd reads it back: nothing of it is a specifier, a variable or an escape."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    return '"' + text + '"'


def _number(name, key, value):
    default, least, most = _NUMBERS[key]
    if value is None:
        return default
    if isinstance(value, str) and re.match(r"^\d+$", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ProcessError("{0}: found {1} {2!r}, expected a number from {3} to {4}. Change {1}.".format(name, key, value, least, most))
    return value


def _command(name, words):
    if not isinstance(words, (list, tuple)) or not words or not all(isinstance(word, (str, int, float)) and str(word) for word in words):
        raise ProcessError(
            "{0}: found command {1!r}, expected a list of words such as [celery, -A, project, worker]. Change command.".format(name, words)
        )
    words = [str(word) for word in words]
    if not _PROGRAM.match(words[0]):
        raise ProcessError(
            "{0}: found {1!r} as first word of command, expected the name of a program in the release's venv/bin, or manage.py. "
            "Change command.".format(name, words[0])
        )
    return words


def _exec_words(words, current):
    if words[0] == "manage.py":
        return [current + "/venv/bin/python", current + "/source/manage.py"] + words[1:]
    return [current + "/venv/bin/" + words[0]] + words[1:]


def resolve(app, name, declared, current):
    """One process with its defaults, its units and its command line; a mistake is a ProcessError."""
    if not _NAME.match(name):
        raise ProcessError(
            "found a process named {0!r}, expected a name that starts with a letter and has up to 31 lower case letters, digits and _. Rename it.".format(
                name
            )
        )
    if not isinstance(declared, dict):
        raise ProcessError("{0}: found {1!r}, expected a mapping with at least command.".format(name, declared))
    for key in declared:
        if key not in _KEYS:
            raise ProcessError("{0}: found the key {1!r}, expected one of {2}. Correct or remove it.".format(name, key, ", ".join(_KEYS)))
    words = _command(name, declared.get("command"))
    process = {key: _number(name, key, declared.get(key)) for key in _NUMBERS}
    singleton, schedule = declared.get("singleton") or False, declared.get("schedule") or ""
    if singleton not in (True, False):
        raise ProcessError("{0}: found singleton {1!r}, expected true or false. Change singleton.".format(name, singleton))
    if not isinstance(schedule, str):
        raise ProcessError(
            "{0}: found schedule {1!r}, expected a calendar event in quotes, such as '*-*-* 03:00'. Change schedule.".format(name, schedule)
        )
    if singleton and process["instances"] > 1:
        raise ProcessError(
            "{0}: found instances {1} of a singleton, expected 1: two would do everything twice. Change instances or singleton.".format(
                name, process["instances"]
            )
        )
    if schedule and process["instances"] > 1:
        raise ProcessError("{0}: found instances {1} with a schedule, expected 1. Change instances or schedule.".format(name, process["instances"]))
    stem = "{0}-{1}".format(app, name)
    several = process["instances"] > 1
    services = ["{0}@{1}.service".format(stem, number + 1) for number in range(process["instances"])] if several else [stem + ".service"]
    exec_words = _exec_words(words, current)
    process.update(
        name=name,
        command=words,
        singleton=bool(singleton),
        schedule=schedule,
        file=stem + ("@.service" if several else ".service"),
        services=services,
        timer=stem + ".timer" if schedule else "",
        directory="process-{0}{1}".format(name, "-%i" if several else ""),
        programs=exec_words[: 2 if words[0] == "manage.py" else 1],
        exec_start=" ".join(quote_word(word) for word in exec_words),
    )
    return process


def resolve_all(app, declared, current):
    """(processes in the order of their names, sentences about what is wrong)."""
    processes, problems = [], []
    for name in sorted(declared, key=str):
        try:
            processes.append(resolve(app, str(name), declared[name], current))
        except ProcessError as error:
            problems.append("processes of the app in prodready_apps (gunicorn_processes): {0}".format(error))
    return processes, problems


def totals(processes):
    """What all of them together need: memory in megabytes, and database connections."""
    return {
        "memory_mb": sum(process["memory_mb"] * process["instances"] for process in processes),
        "connections": sum(process["connections"] * process["instances"] for process in processes),
    }


def long_running(processes):
    """Names of the services that have to run all the time."""
    return [name for process in processes if not process["schedule"] for name in process["services"]]


def timers(processes):
    return [process["timer"] for process in processes if process["timer"]]


def files(processes):
    """The unit files that belong on the host, each with what it is rendered from; a limit on memory is a quarter above the need."""
    found = []
    for process in processes:
        limit = process["memory_mb"] * 5 // 4
        service = {"unit": process["file"], "src": "process.service.j2", "process": process, "memory_mb": limit, "directory": process["directory"]}
        found.append(service)
        if process["timer"]:
            found.append({"unit": process["timer"], "src": "process.timer.j2", "process": process})
    return found


def owner(text):
    """(application, process) of a unit file that was made for a process of one of our apps; ("", "") of any other."""
    found = _MARK.search(text)
    return (found.group(1), found.group(2)) if found else ("", "")


def file_of(unit):
    """The file that a unit comes from: app-mail@3.service → app-mail@.service."""
    return re.sub(r"@[^.]*\.", "@.", unit)


def surplus(ours, loaded, wanted_files, wanted_units):
    """What is no longer declared: files to remove, and units to stop and disable first. Everything else is left alone."""
    gone_files = sorted(set(ours) - set(wanted_files))
    gone_units = sorted(
        unit for unit in set(loaded) | {name for name in gone_files if "@." not in name} if file_of(unit) in ours and unit not in wanted_units
    )
    return {"files": gone_files, "units": gone_units}
