# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a running pgbouncer: its console, its server's sessions, its files, and a few handshakes. PRIVATE to the collection."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import time
from pathlib import Path

from ansible_collections.prodready.django.plugins.module_utils import _files, _proc, _systemd
from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer as bouncer
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, Observer, command_output
from ansible_collections.prodready.django.plugins.module_utils._postgresql_handshake import certificate_hash, handshake, look_at_tls
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import Psql, app_address, observe_copies, observe_files

SYSTEM_USER = "postgres"
PROGRAM = "/usr/sbin/pgbouncer"
UNIT = "pgbouncer.service"
#: The console commands of one look; servers are asked twice, around the question to PostgreSQL.
COMMANDS = ("version", "config", "databases", "pools", "stats", "clients", "servers")
_FILES = (
    "auth_file",
    "auth_hba_file",
    "client_tls_cert_file",
    "client_tls_key_file",
    "client_tls_ca_file",
    "server_tls_cert_file",
    "server_tls_key_file",
    "server_tls_ca_file",
)
_COMPLAINT = re.compile(r"\b(?:WARNING|ERROR|FATAL)\b|rejecting|failed|could not", re.IGNORECASE)


def as_postgres(argv):
    """The command as the operating-system user postgres, which alone is let into the console without a password."""
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise ObservationError("pgbouncer is not installed: there is no user {0}".format(SYSTEM_USER)) from error
    if os.geteuid() == account.pw_uid:
        return list(argv)
    if os.geteuid() != 0:
        raise NeedsRoot("pgbouncer's console is asked as the operating-system user {0}".format(SYSTEM_USER))
    return ["runuser", "-u", SYSTEM_USER, "--"] + list(argv)


def write(module, path, text, changed):
    """Write a file of the pooler's in one step, readable by it and writable by root alone; True when anything about it was not so."""
    if changed and not module.check_mode:
        _files.replace(path, text.encode("utf-8"), 0, grp.getgrnam(SYSTEM_USER).gr_gid, 0o640)
    if os.path.exists(path):
        changed = module.set_owner_if_different(path, "root", changed)
        changed = module.set_group_if_different(path, SYSTEM_USER, changed)
        changed = module.set_mode_if_different(path, "0640", changed)
    return changed


def console(run_command, port, socket_directory, commands=COMMANDS):
    """The answers of some SHOW commands, from one session of the console, as {name: rows}."""
    script = "".join("\\echo @@{0}\nSHOW {0};\n".format(name) for name in commands)
    argv = ["timeout", "10", "psql", "-Xq", "--csv", "-w", "-h", socket_directory, "-p", str(port), "-U", "pgbouncer", "pgbouncer"]
    rc, out, err = run_command(
        as_postgres(argv), data=script, environ_update={"PGCONNECT_TIMEOUT": "5", "PGOPTIONS": "", "LC_ALL": "C.UTF-8"}, cwd="/"
    )
    if rc != 0:
        raise ObservationError(pg.first_complaint(err or out) or "psql ended with {0}".format(rc))
    answers = {name: bouncer.parse_csv(text) for name, text in bouncer.split_answers(out).items()}
    missing = [name for name in commands if not answers.get(name) and name in ("version", "config", "databases")]
    if missing:
        raise ObservationError("the console did not answer SHOW {0}: {1}".format(missing[0].upper(), pg.first_complaint(err)))
    return answers


def _need(answers):
    if isinstance(answers, ObservationError):
        raise ObservationError(str(answers))
    return answers


def _answers(answers):
    """Whether the console answers; that it does not is an observation, that we may not ask is an error."""
    if isinstance(answers, ObservationError):
        if str(answers).startswith("needs root"):
            raise answers
        return {"answers": False, "reason": str(answers)}
    return {"answers": True, "reason": ""}


def _unit(run_command):
    """The unit's properties, and when it was started or reloaded last; a reload passes through a state of its own."""
    found = _systemd.show(run_command, [UNIT])[UNIT]
    out = command_output(run_command, ["systemctl", "show", "--no-pager", "--property=StateChangeTimestampMonotonic", "--value", UNIT])
    changed = int(out.strip() or 0) / 1e6
    found["state_changed_at"] = time.time() - time.monotonic() + changed if changed else None
    return found


def _process(unit):
    pid = unit.get("MainPID") or 0
    if not pid:
        raise ObservationError("{0} is {1}: no process to look at".format(UNIT, unit.get("ActiveState")))
    program = str(Path("/proc/{0}/exe".format(pid)).readlink())
    found = _proc.status(pid)
    return {
        "pid": pid,
        "started_at": _proc.started_at(pid),
        "program": program,
        "replaced": program.endswith(" (deleted)"),
        "root": 0 in found["uids"],
        "no_new_privs": found["no_new_privs"],
        "seccomp": found["seccomp"],
        "cap_eff": found["cap_eff"],
        "open_files": _proc.parse_open_files(_proc.read_text("/proc/{0}/limits".format(pid)))["soft"],
        "listens": _proc.tcp_listeners_of([pid]),
    }


def _binary(run_command, answers):
    if not Path(PROGRAM).exists():
        raise ObservationError("pgbouncer is not installed: there is no {0}".format(PROGRAM))
    installed = bouncer.parse_version(command_output(run_command, [PROGRAM, "--version"]))
    return {"installed": installed, "running": bouncer.parse_version(_need(answers)["version"][0]["version"])}


def _package(run_command):
    rc, out, _err = run_command(["dpkg-query", "-W", "-f", "${Version}", "pgbouncer"])
    version = out.strip() if rc == 0 else ""
    return {"installed": bool(version) and Path(PROGRAM).exists(), "version": version}


def _holders(port):
    """Who listens on the port: addresses, and the names of the processes."""
    addresses, inodes = [], set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(path).exists():
            text = Path(path).read_text(encoding="ascii")
            addresses += pg.parse_listeners(text, port)
            inodes |= {inode for inode, address in _proc.parse_tcp_listeners(text).items() if address.endswith(":{0}".format(port))}
    names = {}
    if inodes:
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if inodes & _proc.socket_inodes(int(entry)):
                        names[int(entry)] = Path("/proc", entry, "comm").read_text(encoding="utf-8").strip()
                except (OSError, ObservationError):
                    continue
    return {"tcp": sorted(set(addresses)), "processes": [{"pid": pid, "name": names[pid]} for pid in sorted(names)]}


def package_digest(run_command, path):
    """The MD5 that the package gave its configuration file, or nothing."""
    rc, out, _err = run_command(["dpkg-query", "-W", "-f", "${Conffiles}", "pgbouncer"])
    found = re.search(r"^\s*{0} ([0-9a-f]{{32}})".format(re.escape(path)), out, re.MULTILINE) if rc == 0 else None
    return found.group(1) if found else ""


def read_config(path, depth=0):
    """A configuration with what it includes, its include paths resolved as pgbouncer does: from where it was started, which is /."""
    parsed = bouncer.parse_ini(Path(path).read_text(encoding="utf-8", errors="replace"))
    for name in list(parsed["include"]):
        place = Path("/", name)
        if depth < 5 and place.is_file():
            inner = read_config(str(place), depth + 1)
            for section in ("databases", "users", "pgbouncer"):
                parsed[section] = dict(inner[section], **parsed[section])
            parsed["include"] += inner["include"]
    return parsed


def owner_of(run_command, path):
    """Whose the configuration file is: this role's, the package's, a stranger's, or nobody's where there is none."""
    place = Path(path)
    if not place.is_file():
        return "nobody"
    raw = place.read_bytes()
    if bouncer.is_ours(raw.decode("utf-8", "replace")):
        return "role"
    return "package" if hashlib.md5(raw).hexdigest() == package_digest(run_command, path) else "stranger"  # the package's own digest


def look_at_file(run_command, path, pools, server_host, server_port):
    """Whose the configuration file is, and what of a stranger's an adoption keeps, or kept; no password is told."""
    found = {"owner": owner_of(run_command, path)}
    found["exists"] = found["owner"] != "nobody"
    if found["owner"] not in ("role", "stranger"):
        return found
    parsed = read_config(path)
    theirs = bouncer.foreign_part(parsed, pools)["databases"]
    if found["owner"] == "role":  # of ours, only what it includes was here before
        own = bouncer.parse_ini(Path(path).read_text(encoding="utf-8", errors="replace"))["databases"]
        theirs = {name: text for name, text in theirs.items() if name not in own}
    found["kept_pools"] = bouncer.kept_pools(theirs, server_host, server_port)
    if found["owner"] == "stranger":
        auth_file = parsed["pgbouncer"].get("auth_file", "")
        found.update(
            databases=sorted(theirs),
            elsewhere=bouncer.elsewhere(theirs, server_host, server_port),
            listen_port=bouncer.number(parsed["pgbouncer"].get("listen_port"), 6432),
            auth_file=auth_file,
            md5_users=sorted(name for name, secret, _rest in foreign_users(auth_file) if pg.verifier_kind(secret) == "md5"),
        )
    return found


def foreign_users(path):
    """The users of somebody else's authentication file, with their secrets: for the host alone."""
    place = Path(path)
    return bouncer.parse_users(place.read_text(encoding="utf-8", errors="replace")) if path and place.is_file() else []


def _stale(config_file, answers, unit, process, tls):
    """What of the files is not in force: differing settings, newer files, another certificate."""
    if not Path(config_file).is_file():
        raise ObservationError("there is no {0}".format(config_file))
    parsed = read_config(config_file)
    running = _need(answers)
    differs = bouncer.config_differences(parsed["pgbouncer"], running["config"])
    differs += bouncer.database_differences(parsed["databases"], running["databases"])
    started = process["started_at"]
    loaded_at = max(started, unit.get("state_changed_at") or 0.0)
    files = [config_file] + parsed["include"] + [parsed["pgbouncer"].get(name, "") for name in _FILES]
    found = {path: Path(path).stat().st_mtime for path in files if path and Path(path).is_file()}
    units = [path for path in [unit.get("FragmentPath", "")] + unit.get("DropInPaths", []) if path and Path(path).exists()]
    certificate = parsed["pgbouncer"].get("client_tls_cert_file", "")
    served = None
    if tls and tls.get("offered") and certificate and Path(certificate).is_file():
        served = certificate_hash(Path(certificate).read_text(encoding="utf-8")) == tls["certificate"]
    return {
        "differs": differs,
        "newer": sorted(path for path, changed in found.items() if changed > loaded_at),
        "newer_units": sorted(path for path in units if Path(path).stat().st_mtime > started),
        "certificate_is_served": served,
    }


def _server(psql, host, pools):
    """What PostgreSQL itself says of its limits and of the sessions of the pools' roles."""
    if not bouncer.is_local(host):
        raise ObservationError("the server {0} is not on this host; its sessions cannot be asked as postgres".format(host))
    names = "'max_connections', 'superuser_reserved_connections', 'reserved_connections'"
    limits = "SELECT json_object_agg(name, setting::int) FROM pg_settings WHERE name IN ({0})".format(names)
    names = ", ".join(pg.quote_literal(pool["user"]) for pool in pools) or "''"
    sessions = (
        "SELECT json_build_object('pid', a.pid, 'user', a.usename, 'database', a.datname, 'address', a.client_addr, 'port', a.client_port, "
        "'application', a.application_name, 'tls', s.ssl, 'version', s.version) FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s USING (pid) "
        "WHERE a.backend_type = 'client backend' AND a.usename IN ({0})".format(names)
    )
    found = psql.sections(pg.section("limits", limits) + pg.section("sessions", sessions))
    return {"limits": pg.row(found, "limits"), "sessions": pg.rows(found, "sessions")}


def journal(run_command, lines=200):
    """The last complaints in pgbouncer's log since its unit was told anything; connection strings are never logged there."""
    rc, out, _err = run_command(["journalctl", "--no-pager", "-o", "cat", "-n", str(lines), "--since", "-2min", "-u", UNIT])
    return [line for line in out.splitlines() if _COMPLAINT.search(line)][-8:] if rc == 0 else []


def _try(function, *args):
    try:
        return function(*args)
    except ObservationError as error:
        return error


def observe_pgbouncer(run_command, asked):
    """All observations of the pooler and of each pool: (Observer, {name: Observer}). `asked` are the module's parameters."""
    port, pools, observer = asked["port"], asked["pools"], Observer()
    answers = _try(console, run_command, port, asked["socket_directory"])
    observer.observe("answers", _answers, answers)
    server = observer.observe("server", _server, Psql(run_command, asked["server_port"]), asked["server_host"], pools)
    again = _try(console, run_command, port, asked["socket_directory"], ("servers",)) if not isinstance(answers, ObservationError) else answers
    observer.observe("package", _package, run_command)
    unit = observer.observe("unit", _unit, run_command) or {}
    process = observer.observe("process", _process, unit)
    observer.observe("binary", _binary, run_command, answers)
    observer.observe("config", lambda: {row["key"]: row["value"] for row in _need(answers)["config"]})
    observer.observe("pools", lambda: {row["name"]: bouncer.describe_pool(row["name"], "", answers) for row in _need(answers)["databases"]})
    listeners = observer.observe("listeners", _holders, port) or {"tcp": []}
    tls = observer.observe("tls", lambda: look_at_tls(app_address(listeners["tcp"]), port, ca_file=asked["ca_file"]))
    observer.observe("stale", lambda: _stale(asked["config_file"], answers, unit, process or _process(unit), tls))
    observer.observe("config_file", look_at_file, run_command, asked["config_file"], pools, asked["server_host"], asked["server_port"])
    observer.observe("files", observe_files, asked["files"])
    observer.observe("copies", observe_copies, [(pair["source"], pair["target"]) for pair in asked["copies"]])
    if asked["journal"]:
        observer.observe("journal", journal, run_command)
    seen = [answers, again, server]
    return observer, {pool["name"]: observe_pool(pool, port, listeners["tcp"], seen) for pool in pools}


def _connections(seen, name=None):
    """The pooler's own connections to the server, from before and after PostgreSQL was asked; several entries may lead to one database."""
    rows = _need(seen[0])["servers"] + _need(seen[1])["servers"]
    found = bouncer.describe_connections(rows, name)
    return [one for number, one in enumerate(found) if one not in found[:number]]


def _backends(seen, pool):
    if seen[2] is None:
        raise ObservationError("the server could not be asked for its sessions")
    mine = [session for session in seen[2]["sessions"] if session["user"] == pool["user"] and session["database"] == pool["name"]]
    return {"sessions": mine, "strangers": bouncer.strangers_among(mine, _connections(seen))}


def _knocks(pool, port, listeners):
    address = app_address(listeners)
    return {kind: handshake(address, port, user=pool["user"], database=pool["name"], tls=kind == "tls") for kind in ("tls", "plain")}


def observe_pool(pool, port, listeners, seen):
    """What concerns one pool."""
    observer = Observer()
    observer.observe("pool", lambda: {"there": bouncer.describe_pool(pool["name"], pool["user"], _need(seen[0]))})
    observer.observe("servers", _connections, seen, pool["name"])
    observer.observe("clients", lambda: bouncer.describe_connections(_need(seen[0])["clients"], pool["name"]))
    observer.observe("backends", _backends, seen, pool)
    observer.observe("handshakes", _knocks, pool, port, listeners)
    return observer
