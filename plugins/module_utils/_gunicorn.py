# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gunicorn runs with, and whether that is still what it should run with. PRIVATE to the collection."""

from __future__ import annotations

import ast
import hashlib
import re
import shlex

#: The settings a check may ask for, with gunicorn's own defaults (docs, "Settings").
DEFAULTS = {
    "workers": 1,
    "threads": 1,
    "worker_class": "sync",
    "worker_connections": 1000,
    "timeout": 30,
    "graceful_timeout": 30,
    "max_requests": 0,
    "max_requests_jitter": 0,
    "keepalive": 2,
}

_SHORT = {"-w": "workers", "-k": "worker_class", "-t": "timeout", "-c": "config"}

#: Variables that systemd adds to a service by itself (systemd.exec(5), "Environment variables set on spawned processes").
SYSTEMD_VARIABLES = frozenset(
    [
        "PATH",
        "LANG",
        "USER",
        "LOGNAME",
        "HOME",
        "SHELL",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "MAINPID",
        "MANAGERPID",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
        "SYSTEMD_EXEC_PID",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "CREDENTIALS_DIRECTORY",
    ]
)

#: Variables whose values may stand in a message; what is not here is treated as a secret.
HARMLESS_VARIABLES = frozenset(
    ["DJANGO_SETTINGS_MODULE", "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "STATIC_ROOT", "MEDIA_ROOT", "PATH", "LANG", "TZ", "PYTHONPATH"]
)


def _number(value):
    return int(value) if isinstance(value, str) and re.match(r"^\d+$", value) else value


def settings_of_command(arguments):
    """The settings that a command line names: `--workers 3`, `--workers=3`, `-w 3` and `-w3`."""
    found = {}
    words = iter(arguments)
    for word in words:
        name, separator, value = word.partition("=")
        if name.startswith("--"):
            key = name[2:].replace("-", "_")
        elif word[:2] in _SHORT:
            key, separator, value = _SHORT[word[:2]], word[2:], word[2:].lstrip("=")
        else:
            continue
        if key in DEFAULTS or key == "config":
            found[key] = _number(value if separator else next(words, ""))
    return found


def settings_of_config(text):
    """The settings that a configuration file assigns as plain values; computed ones are left out."""
    found = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        if name in DEFAULTS:
            try:
                found[name] = ast.literal_eval(node.value)
            except ValueError:
                found[name] = None
    return found


def combine(config, environment_arguments, command):
    """Settings in gunicorn's order of precedence: default, file, GUNICORN_CMD_ARGS, command line."""
    settings: dict = dict(DEFAULTS)
    for part in (config, settings_of_command(shlex.split(environment_arguments)), command):
        settings.update({key: value for key, value in part.items() if key in DEFAULTS})
    if settings["worker_class"] == "sync" and (settings["threads"] or 1) > 1:
        settings["worker_class"] = "gthread"
    return settings


def digest(text):
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def environment_differences(wanted, running, also_set=()):
    """Names of variables that the file says otherwise than the running process has them; never a value."""
    changed = {name for name, value in wanted.items() if running.get(name) != value}
    gone = set(running) - set(wanted) - SYSTEMD_VARIABLES - set(also_set)
    return sorted(changed | gone)


def telling_lines(lines, most=12):
    """The lines that say why a server does not come up: the end of the last traceback that is not gunicorn's own, or the last lines."""
    lines = [line for line in lines if line.strip(" ^~") and "<frozen importlib" not in line]
    end = 0
    inside = False
    for number, line in enumerate(lines):
        if line.startswith("Traceback "):
            inside = True
        elif inside and line and not line[0].isspace():
            inside = False
            if not line.startswith("gunicorn.errors."):
                end = number + 1
    end = end or len(lines)
    return lines[max(0, end - most) : end]


def import_folders(variables):
    """Folders that PYTHONPATH adds to where the application's modules come from."""
    return [folder for folder in variables.get("PYTHONPATH", "").split(":") if folder.startswith("/")]


def secrets_of(variables):
    """The values that must not be shown: all but those of variables known to hold no secret."""
    return [value for name, value in variables.items() if name not in HARMLESS_VARIABLES]
