# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The running application server of a unit: what it is, whether it is older than its files, and how to look inside. PRIVATE to the collection."""

from __future__ import annotations

import grp
import inspect
import json
import os
import pwd
import stat
import threading

from ansible_collections.prodready.django.plugins.module_utils import (
    _django_inside,
    _django_inside_data,
    _django_inside_pooler,
    _django_inside_signing,
    _django_secrets,
    _environment_file,
    _proc,
    _systemd,
)
from ansible_collections.prodready.django.plugins.module_utils import (
    _django_process as process,
)
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

#: How long looking inside may take altogether, importing the project, and one part of the look.
INSIDE_SECONDS = 120
START_SECONDS = 60
PART_SECONDS = 15

#: How many source files are compared with the start of the process.
CODE_FILES = 20000

#: Runs first in the application's interpreter: reads the environment from its standard input, so that it stands on no command line
#: and is never that of a process with root's rights, and starts the interpreter again with it. The rest of the input is the program.
BOOTSTRAP = (
    "import os,sys,json\n"
    "def take(n):\n"
    " d=b''\n"
    " while len(d)<n:\n"
    "  b=os.read(0,n-len(d))\n"
    "  if not b: sys.exit('input ended')\n"
    "  d+=b\n"
    " return d\n"
    "e=json.loads(take(int(take(10))))\n"
    "os.execve(sys.executable,[sys.executable,'-'],e)\n"
)


def _name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def read_process(run_command, *, unit_name, current):
    """What runs as the unit's main process. The environment is under `environ`, which must not leave the target."""
    argv = ["systemctl", "show", "--no-pager", "--property=" + ",".join(process.PROPERTIES), unit_name]
    unit: dict = next(iter(_systemd.parse_show(command_output(run_command, argv)).values()), {})
    if unit.get("LoadState") == "not-found" or not unit:
        raise ObservationError("the unit {0} does not exist on this host".format(unit_name))
    pid = unit.get("MainPID")
    if not pid:
        raise ObservationError(
            "the unit {0} is not running ({1}): there is no process whose settings could be read".format(unit_name, unit.get("ActiveState"))
        )
    folder = "/proc/{0}".format(pid)
    try:
        with open(folder + "/environ", "rb") as handle:
            environ = process.parse_environ(handle.read())
        cwd = os.readlink(folder + "/cwd")
        executable = os.readlink(folder + "/exe")
    except PermissionError:
        raise NeedsRoot("{0}/environ is not readable".format(folder)) from None
    with open(folder + "/cmdline", "rb") as handle:
        cmdline = [os.fsdecode(part) for part in handle.read().split(b"\0") if part]
    found = {
        "unit": unit_name,
        "pid": pid,
        "cwd": cwd,
        "executable": executable,
        "cmdline": cmdline,
        "environ": environ,
        "started": _proc.started_at(pid),
        "workers_started": _workers_started(pid),
        "environment_files": process.environment_files(unit),
        "unit_files": process.unit_files(unit),
        "release": process.running_release(cwd, current),
        "current": os.path.realpath(current),
        "preload": "--preload" in cmdline,
    }
    found.update(process.parse_identity(_proc.read_text(folder + "/status")))
    found["environ_from"] = "process"
    wanted, _missing, _mtimes = _read_environment_files(found["environment_files"])
    if process.is_overwritten(environ, wanted):
        found.update(environ_from="files", environ=process.rebuilt_environ(unit, wanted, _account(found["uid"])))
        environ = found["environ"]
    candidates = process.interpreter_candidates(
        cmdline=cmdline,
        environ=environ,
        exec_paths=process.exec_paths(unit),
        current=os.path.normpath(current),
        release=found["release"],
        executable=executable,
    )
    found["interpreter"] = next((path for path in candidates if os.path.realpath(path) == executable and os.access(path, os.X_OK)), None)
    return found


def _workers_started(parent):
    """Start of the oldest child that is still of the master's making; None when there is none."""
    starts = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if process.parse_parent(_proc.read_text("/proc/{0}/stat".format(pid))) == parent:
                starts.append(_proc.started_at(pid))
        except (OSError, ValueError, IndexError):
            continue
    return min(starts) if starts else None


def shown(running):
    """What may be said about the process: names of its variables, never their values."""
    return {
        "unit": running["unit"],
        "pid": running["pid"],
        "user": _name(pwd.getpwuid, running["uid"]),
        "group": _name(grp.getgrgid, running["gid"]),
        "working_directory": running["cwd"],
        "interpreter": running["interpreter"],
        "variables": sorted(running["environ"]),
        "environment_from": running["environ_from"],
        "release": os.path.basename(running["release"]) if running["release"] else None,
        "runs_current": process.within(running["cwd"], running["current"]),
    }


def _account(uid):
    """What systemd adds for User=."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return {}
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name, "SHELL": entry.pw_shell}


def _read_environment_files(paths):
    """Their variables together, those that do not exist, and when the others last changed."""
    wanted, missing, mtimes = {}, [], {}
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as handle:
                wanted.update(_environment_file.parse(handle.read()))
            mtimes[path] = os.stat(path).st_mtime
        except FileNotFoundError:
            missing.append(path)
    return wanted, missing, mtimes


def freshness(running):
    """Which of the files a process was made from are newer than itself, and which variables differ from the files."""
    wanted, unreadable, mtimes = _read_environment_files(running["environment_files"])
    units = {path: os.stat(path).st_mtime for path in running["unit_files"] if os.path.exists(path)}
    code_since = running["started"] if running["preload"] else running["workers_started"] or running["started"]
    code, complete = _code_mtimes(running["release"] or running["current"])
    return {
        "environment_from": running["environ_from"],
        "environment_files": running["environment_files"],
        "environment_files_missing": unreadable,
        "environment_newer": process.newer_than(running["started"], mtimes),
        "environment_differs": process.differing_names(wanted, running["environ"]),
        "unit_newer": process.newer_than(running["started"], units),
        "code_newer": process.newer_than(code_since, code)[:5],
        "code_files": len(code),
        "code_complete": complete,
        "runs_current": process.within(running["cwd"], running["current"]),
        "release": running["release"] and os.path.basename(running["release"]),
        "current": os.path.basename(running["current"]),
    }


def _code_mtimes(root):
    """Times of the project's own Python files; what stands in a virtual environment changes only with its release."""
    found: dict = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name not in (".git", "node_modules", "__pycache__", "media", "static") and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        ]
        for name in files:
            if name.endswith(".py"):
                if len(found) >= CODE_FILES:
                    return found, False
                path = os.path.join(folder, name)
                found[path] = os.lstat(path).st_mtime
    return found, True


def file_mode(path):
    """Owner, group and mode of a file; None where there is none."""
    try:
        info = os.stat(path)
    except FileNotFoundError:
        return None
    return {
        "path": path,
        "mode": "{0:04o}".format(stat.S_IMODE(info.st_mode)),
        "owner": _name(pwd.getpwuid, info.st_uid),
        "group": _name(grp.getgrgid, info.st_gid),
        "link": os.path.islink(path),
    }


def _program(arguments):
    """The program for the application's interpreter: our files as text, and the call."""
    sources = {
        module.__name__.rpartition(".")[2]: inspect.getsource(module)
        for module in (_django_secrets, _django_inside, _django_inside_signing, _django_inside_data, _django_inside_pooler)
    }
    return "\n".join(
        (
            "import json, sys, types",
            "def load(name, source):",
            "    module = sys.modules[name] = types.ModuleType(name)",
            "    exec(compile(source, name, 'exec'), module.__dict__)",
            "    return module",
            "given = json.loads({0!r})".format(json.dumps({"sources": sources, "arguments": arguments})),
            "modules = {name: load(name, source) for name, source in given['sources'].items()}",
            "inside = modules['_django_inside']",
            "more = dict(modules['_django_inside_signing'].PARTS, **modules['_django_inside_pooler'].PARTS)",
            "more.update(modules['_django_inside_data'].PARTS)",
            "inside.main(given['arguments'], modules['_django_secrets'], more)",
            "",
        )
    )


def _answering(asked, answer, ask_live):
    """Serve the questions of the program: for every path on one pipe, ask the running application and put the answer on the other."""
    with os.fdopen(asked, "r", encoding="utf-8") as questions:
        for line in questions:
            try:
                reply = ask_live("/" + line.strip().lstrip("/"))
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer
                reply = {"error": "{0}: {1}".format(type(error).__name__, error)}
            try:
                os.write(answer, json.dumps(reply).encode("utf-8"))
            except OSError:
                return


def look_inside(run_command, running, *, arguments, ask_live):
    """Run our program as the application would run, and return {part: {"value" or "error", "seconds"}}."""
    if not running["interpreter"]:
        raise ObservationError(
            "the interpreter of process {0} ({1}) was not found in any virtual environment".format(running["pid"], running["executable"])
        )
    if not os.path.isdir(running["cwd"]):
        raise ObservationError("the working directory of process {0} no longer exists: {1}".format(running["pid"], running["cwd"]))
    argv = ["timeout", "-k", "2", str(INSIDE_SECONDS)]
    if os.geteuid() == 0:
        groups = ["--groups", ",".join(str(group) for group in running["groups"])] if running["groups"] else ["--clear-groups"]
        argv += ["setpriv", "--reuid", str(running["uid"]), "--regid", str(running["gid"])] + groups + ["--no-new-privs"]
    elif os.geteuid() != running["uid"]:
        raise NeedsRoot("the settings of another account's process cannot be evaluated")
    argv += [running["interpreter"], "-c", BOOTSTRAP]
    environ = {name: value for name, value in running["environ"].items() if name not in process.PROCESS_BOUND}
    header = json.dumps(environ).encode("ascii")
    asked_read, asked_write = os.pipe()
    answer_read, answer_write = os.pipe()
    arguments = dict(
        arguments,
        part_seconds=PART_SECONDS,
        start_seconds=START_SECONDS,
        wsgi_module=process.wsgi_module(running["cmdline"]),
        dialogue={"write": asked_write, "read": answer_read},
    )
    thread = threading.Thread(target=_answering, args=(asked_read, answer_write, ask_live), daemon=True)
    thread.start()
    try:
        rc, out, err = run_command(
            argv,
            data=b"%010d" % len(header) + header + _program(arguments).encode("utf-8"),
            binary_data=True,
            cwd=running["cwd"],
            pass_fds=[asked_write, answer_read],
            encoding="utf-8",
            errors="replace",
        )
    finally:
        for descriptor in (asked_write, answer_read):
            os.close(descriptor)
    thread.join(timeout=6)
    os.close(answer_write)
    parts = read_parts(out)
    if not parts:
        last = [line for line in err.splitlines() if line.strip()][-1:] or ["it said nothing"]
        said = _django_secrets.mask_text(last[0], _django_secrets.secrets_of_environment(running["environ"]))
        raise ObservationError("the application's interpreter {0} ended with {1}: {2}".format(running["interpreter"], rc, said[:300]))
    return parts


def read_parts(out):
    """The lines the program printed, by part; a line that was cut off is left out."""
    parts = {}
    for line in out.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "part" in entry:
            parts[entry.pop("part")] = entry
    return parts


def part_names():
    """The parts a look inside consists of, in their order."""
    more = (_django_inside_signing, _django_inside_pooler, _django_inside_data)
    return ["project"] + list(_django_inside.PARTS) + [name for module in more for name in module.PARTS]
