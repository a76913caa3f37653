# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a running PostgreSQL: two or three psql runs and a few handshakes. PRIVATE to the collection."""

from __future__ import annotations

import filecmp
import os
import pwd
import re
from pathlib import Path

from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_queries as queries
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_upkeep as upkeep
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, Observer, command_output
from ansible_collections.prodready.django.plugins.module_utils._postgresql_handshake import certificate_hash, handshake, look_at_tls

SYSTEM_USER = "postgres"
#: An address of this machine that no application uses: what a stranger on the loopback network would come from.
STRANGE_LOOPBACK = "127.0.0.9"


class Psql:
    """Runs scripts as the operating-system user postgres, over the local socket."""

    def __init__(self, run_command, port, read_only=True):
        self._run_command = run_command
        self._port = port
        # A look waits for nobody; an extension that is made may take its time.
        self._seconds = 30 if read_only else 300
        self._options = "-c statement_timeout={0}s -c lock_timeout=1s -c client_min_messages=error -c lc_messages=C".format(5 if read_only else 240)
        # What is written here carries verifiers: none of it belongs into the server's log.
        self._options += (
            " -c default_transaction_read_only=on"
            if read_only
            else " -c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic"
        )

    def argv(self):
        """What makes a command one of the operating-system user postgres."""
        try:
            account = pwd.getpwnam(SYSTEM_USER)
        except KeyError as error:
            raise ObservationError("PostgreSQL is not installed: there is no user {0}".format(SYSTEM_USER)) from error
        if os.geteuid() == account.pw_uid:
            return []
        if os.geteuid() != 0:
            raise NeedsRoot("PostgreSQL is asked as the operating-system user {0}".format(SYSTEM_USER))
        return ["runuser", "-u", SYSTEM_USER, "--"]

    def run(self, script, database="postgres", arguments=()):
        """The output of a script; a connection that fails is a sentence."""
        rc, out, err = self._run_command(
            self.argv() + ["timeout", str(self._seconds), "psql", "-XAtq", "-w", "-p", str(self._port)] + list(arguments),
            data=script,
            environ_update={
                "PGDATABASE": database,
                "PGOPTIONS": self._options,
                "PGCONNECT_TIMEOUT": "5",
                "PGCLIENTENCODING": "UTF8",
                "LC_ALL": "C.UTF-8",
            },
            cwd="/",
        )
        if rc != 0:
            raise ObservationError(pg.first_complaint(err or out) or "psql ended with {0}".format(rc))
        return out

    def sections(self, script, database="postgres"):
        return pg.parse_sections(self.run(script, database)) if script else {}


class Failed:
    """Stands for the sections of a psql run that did not happen; whoever asks gets its sentence."""

    def __init__(self, error):
        self.error = error

    def __contains__(self, name):
        raise ObservationError(str(self.error))

    def get(self, name, default=None):
        raise ObservationError(str(self.error))

    __getitem__ = get


def _try_sections(psql, script, database="postgres"):
    try:
        return psql.sections(script, database)
    except ObservationError as error:
        return Failed(error)


def _answers(sections, name):
    """Whether the server answers at all; that it does not is an observation, that we may not ask is an error."""
    if isinstance(sections, Failed):
        if str(sections.error).startswith("needs root"):
            raise sections.error
        return {"answers": False, "reason": str(sections.error)}
    pg.answer(sections, name)
    return {"answers": True, "reason": ""}


# --- The cluster -------------------------------------------------------------------------------------------------------------------------


def _binary(run_command, server):
    """The program that runs, and the version of the program that is installed in its place now."""
    link = str(Path("/proc/{0}/exe".format(server["pid"])).readlink())
    path = link[: -len(" (deleted)")] if link.endswith(" (deleted)") else link
    installed = pg.parse_version(command_output(run_command, [path, "--version"]))
    return {"running": server["version"], "installed": installed, "program": path, "replaced": path != link}


def _listeners(port):
    found = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(path).exists():
            found += pg.parse_listeners(Path(path).read_text(encoding="ascii"), port)
    return {"tcp": sorted(set(found))}


def _own_addresses(run_command):
    rc, out, _err = run_command(["hostname", "-I"])
    return out.split() if rc == 0 else []


def _targets(listeners, own):
    """Pairs of address and, where the machine has one, strange source address for that address."""
    wild = {"0.0.0.0", "::"} & set(listeners)
    pairs = []
    if "127.0.0.1" in listeners or wild:
        pairs.append(("127.0.0.1", STRANGE_LOOPBACK))
    for address in own:
        family = "::" if ":" in address else "0.0.0.0"
        if address in listeners or family in listeners or "::" in listeners:
            pairs.append((address, address))
    return pairs


def app_address(listeners):
    """Where an application on this machine meets the server, or a sentence when the server has no TCP address."""
    for address, wild in (("127.0.0.1", "0.0.0.0"), ("::1", "::")):
        if address in listeners or wild in listeners:
            return address
    if not listeners:
        raise ObservationError("the server listens on no TCP address")
    return listeners[0]


def _config(sections, server, settings):
    """Files of the configuration that are newer than what the server has loaded, faulty lines, and what waits for a restart."""
    files = [value for value in pg.rows(sections, "configuration_files") if value]
    files += [server["hba_file"], server["ident_file"]]
    for name in ("ssl_cert_file", "ssl_key_file", "ssl_ca_file"):
        value = settings.get(name, {}).get("setting")
        if value and settings.get("ssl", {}).get("setting") == "on":
            files.append(str(Path(server["data_directory"], value)))
    newer = sorted({path for path in files if Path(path).exists() and Path(path).stat().st_mtime > server["loaded_at"]})
    problems = pg.rows(sections, "configuration_errors")
    waiting = pg.row(sections, "pending_restart")["names"]
    return {
        "files": files,
        "newer": newer,
        "errors": [problem for problem in problems if not problem["restart"]],
        "needs_restart": sorted(set(waiting) | {problem["name"] for problem in problems if problem["restart"]}),
        "pending_restart": waiting,
    }


def _hba(sections):
    """The rules of the file as the server reads them; that it has no TLS at all is no fault of a rule for TLS."""
    rules = [pg.describe_rule(entry) for entry in pg.rows(sections, "hba")]
    return {"rules": rules, "errors": [rule for rule in rules if rule["error"] and "because SSL is disabled" not in rule["error"]]}


def _roles(sections):
    entries = pg.rows(sections, "roles")
    names = {entry["rolname"] for entry in entries} | set(pg.rows(sections, "databases"))
    return {entry["rolname"]: pg.describe_role(entry, names) for entry in entries}


def _served_tls(listeners, port, ca_file, server, settings):
    """What a client meets that asks for TLS, and whether the certificate is the one in the file."""
    own = Path(server.get("data_directory", ""), settings.get("ssl_ca_file", {}).get("setting") or "")
    authority = ca_file or (str(own) if own.is_file() else "")
    found = look_at_tls(app_address(listeners), port, ca_file=authority)
    name = settings.get("ssl_cert_file", {}).get("setting") or ""
    path = Path(server.get("data_directory", ""), name)
    found["file_is_served"] = None
    if found["offered"] and name and path.is_file():
        found["file_is_served"] = certificate_hash(path.read_text(encoding="utf-8")) == found["certificate"]
    return found


def observe_files(paths):
    """Whether files are there, and who may read them."""
    found = {}
    for path in paths:
        try:
            status = Path(path).stat()
            found[path] = {"exists": True, "mode": "{0:04o}".format(status.st_mode & 0o7777), "size": status.st_size, "uid": status.st_uid}
        except FileNotFoundError:
            found[path] = {"exists": False}
    return found


def observe_copies(pairs):
    """Whether files are still copies of others, and who may read them; neither content nor hash of a key leaves the host."""
    found: dict[str, dict[str, object]] = {}
    for source, target in pairs:
        one, other = Path(source), Path(target)
        if not one.exists() or not other.exists():
            found[target] = {"same": False}
            continue
        found[target] = {
            "same": filecmp.cmp(source, target, shallow=False),
            "mode": "{0:04o}".format(other.stat().st_mode & 0o7777),
            "owner": other.owner(),
            "group": other.group(),
        }
    return found


def observe_clusters(root="/etc/postgresql"):
    """The clusters of Debian's layout, whether they run or not."""
    found = []
    for path in sorted(Path(root).glob("*/*/postgresql.conf")):
        version, name = path.parts[-3:-1]
        files = [path, *sorted(path.parent.glob("conf.d/*.conf"))]
        text = "\n".join(one.read_text(encoding="utf-8", errors="replace") for one in files)
        ports = re.findall(r"(?m)^\s*port\s*=?\s*'?(\d+)", text)
        found.append({"version": version, "name": name, "port": int(ports[-1]) if ports else 5432})
    return found


def observe_inhabitants(run_command, clusters):
    """Databases and roles of each cluster, as far as it answers: what somebody else would lose."""
    script = pg.section(
        "databases", "SELECT to_json(datname)::text FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY 1"
    )
    script += pg.section("roles", "SELECT to_json(rolname)::text FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1")
    found = []
    for cluster in clusters:
        sections = _try_sections(Psql(run_command, cluster["port"]), script)
        try:
            found.append({"port": cluster["port"], "databases": pg.rows(sections, "databases"), "roles": pg.rows(sections, "roles"), "problem": ""})
        except ObservationError as error:
            found.append({"port": cluster["port"], "databases": [], "roles": [], "problem": str(error)})
    return found


def observe_preloaded(cluster, root="/etc/postgresql", ours="50-prodready.conf"):
    """What somebody else's files of a cluster load at its start; ours is not asked, so that it can be kept beside it."""
    path = Path(root, cluster, "postgresql.conf")
    files = [one for one in [path, *sorted(path.parent.glob("conf.d/*.conf"))] if one.is_file() and one.name != ours]
    text = "\n".join(one.read_text(encoding="utf-8", errors="replace") for one in files)
    found = re.findall(r"(?m)^\s*shared_preload_libraries\s*=?\s*(?:'([^'\n]*)'|([\w$]+))", text)
    return upkeep.library_names("".join(found[-1])) if found else []


def observe_file_settings(sections):
    """The settings that other files than ours make, by name: what ours overrides, and what overrides ours."""
    found = {}
    for row in pg.rows(sections, "file_settings"):
        found[row["name"]] = {"setting": row["setting"], "file": row["file"]}
    return found


def observe_foreign_rules(saved, cluster, root="/etc/postgresql"):
    """The access rules that were there before ours, without comments: those that were saved, or those in force."""
    kept = bool(saved) and Path(saved).is_file()
    path = saved if kept else str(Path(root, cluster, "pg_hba.conf"))
    if not Path(path).is_file():
        return {"kept": False, "rules": []}
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines()]
    return {"kept": kept, "rules": [line for line in lines if line and not line.startswith("#")]}


def observe_for_provisioning(observer, run_command, sections, provisioned):
    """What only provisioning asks: whom it would meet, and what was there before it."""
    clusters = observer.observe("clusters", observe_clusters)
    observer.observe("inhabitants", observe_inhabitants, run_command, clusters or [])
    observer.observe("preloaded", observe_preloaded, provisioned["cluster"])
    observer.observe("file_settings", observe_file_settings, sections)
    observer.observe("foreign_rules", observe_foreign_rules, provisioned.get("saved_rules"), provisioned["cluster"])


def _observe_upkeep(observer, run_command, psql, sections):
    """How the cluster is kept well."""
    for name in ("stuck", "holders"):
        observer.observe(name, pg.rows, sections, name)
    for name in ("connections", "autovacuum"):
        observer.observe(name, pg.row, sections, name)
    databases = (observer.observations.get("databases") or {}).get("value") or []
    observer.observe("statements", upkeep.observe_statements, psql, sections, databases)
    observer.observe("maintenance", upkeep.observe_maintenance, run_command)


def observe_cluster(run_command, *, port, pooler_port, ca_file="", files=(), copies=(), provisioned=None):
    """All observations of one cluster; also what the databases' observations need of it."""
    observer = Observer()
    psql = Psql(run_command, port)
    sections = _try_sections(psql, queries.cluster_script() + upkeep.cluster_script())
    observer.observe("answers", _answers, sections, "server")
    server = observer.observe("server", pg.row, sections, "server") or {}
    settings = observer.observe("settings", pg.row, sections, "settings") or {}
    observer.observe("binary", lambda: _binary(run_command, server or pg.row(sections, "server")))
    observer.observe("config", lambda: _config(sections, server or pg.row(sections, "server"), settings))
    observer.observe("hba", _hba, sections)
    observer.observe("roles", _roles, sections)
    observer.observe("databases", pg.rows, sections, "databases")
    observer.observe("sessions", pg.rows, sections, "sessions")
    listeners = (observer.observe("listeners", _listeners, port) or {}).get("tcp", [])
    observer.observe("tls", lambda: _served_tls(listeners, port, ca_file, server, settings))
    observer.observe(
        "superuser_over_tcp",
        lambda: {
            kind: handshake(app_address(listeners), port, user=SYSTEM_USER, database="postgres", tls=kind == "tls") for kind in ("tls", "plain")
        },
    )
    observer.observe("files", observe_files, files)
    observer.observe("copies", observe_copies, copies)
    observer.observe("pooler", lambda: upkeep.observe_pooler(run_command, psql.argv(), pooler_port))
    if provisioned:
        observe_for_provisioning(observer, run_command, sections, provisioned)
    else:
        _observe_upkeep(observer, run_command, psql, sections)
    return observer, {"listeners": listeners, "pid": server.get("pid")}


# --- A database ---------------------------------------------------------------------------------------------------------------------------


def _collations(sections, database):
    """Recorded and actual version of each collation in use; servers before 15 do not record the database's own."""
    if sections["collations"]["sqlstate"] == "42883" or sections["collations"]["sqlstate"] == "42703":
        raise ObservationError("this server does not record the version of a database's collation; PostgreSQL 15 does")
    return pg.rows(sections, "collations") or [{"name": database["collate"], "recorded": None, "actual": None}]


def _round_trip(sections):
    """A four-byte character there and back; a server that cannot take it is an observation, not an error."""
    entry = sections.get("round_trip", {})
    if entry.get("sqlstate"):
        return {"same": False, "characters": 0, "problem": "{0} ({1})".format(entry["message"], entry["sqlstate"])}
    found = pg.row(sections, "round_trip")
    return {"same": found["returned"] == queries.EMOJI, "characters": found["characters"], "problem": ""}


def _denied(sections):
    """What became of three things an application's role has no business with: the SQL state, empty where it was allowed."""
    names = ("denied_create_role", "denied_create_table", "denied_program")
    return {name[len("denied_") :]: sections[name]["sqlstate"] for name in names if name in sections}


def _attempts(sections, names):
    """The plan of each section, or why there is none."""
    found = []
    for name in names:
        try:
            found.append({"nodes": pg.parse_plan(pg.answer(sections, name)), "problem": ""})
        except ObservationError as error:
            found.append({"nodes": [], "problem": str(error)})
    return found


def _search(psql, sections, name, app_role, declared, language):
    """Search vectors, columns or expressions of indexes: configuration, indexes, and what a search does with them."""
    targets = pg.rows(sections, "search_columns") + pg.rows(sections, "search_expressions")
    fallback = declared or pg.row(sections, "database")["text_search_config"].split(".")[-1]
    for target in targets:
        target["configurations"] = pg.configurations(target["expression"])
        target["fallback"] = fallback
        # A configuration of our own knows the forms of the words of the language it was copied from.
        target["language"] = (
            language if language and (target["configurations"] or [fallback])[0] == declared else (target["configurations"] or [fallback])[0]
        )
        target["name"] = "{0}.{1}".format(target["table"], target["column"]) if target["column"] else target["indexes"][0]["name"]
    tried = psql.sections(queries.search_script(targets, app_role), name)
    plans = _attempts(tried, ["plan_{0}".format(number) for number in range(len(targets))])
    described = []
    for number, target in enumerate(targets):
        stem = "stem_{0}".format(number)
        described.append(
            {
                "name": target["name"],
                "table": target["table"],
                "configurations": target["configurations"],
                "indexes": target["indexes"],
                "generated": bool(target["expression"]),
                "word_known": target["language"] in pg.STEMS,
                "stems": pg.row(tried, stem)["found"] if stem in tried and not tried[stem]["sqlstate"] else None,
                "problem": tried[stem]["message"] if stem in tried else "",
                "plan_indexes": sorted({node["index"] for node in plans[number]["nodes"] if node["index"]}),
                "plan_problem": plans[number]["problem"],
            }
        )
    return {"in_use": bool(targets or declared), "declared": declared, "targets": described}


def _hot_queries(psql, name, app_role, declared):
    tried = psql.sections(queries.hot_query_script(declared, app_role), name)
    plans = _attempts(tried, ["hot_{0}".format(number) for number in range(len(declared))])
    for query, plan in zip(declared, plans):
        if not pg.is_plain_query(query):
            plan["problem"] = "not one SELECT: it must begin with SELECT or WITH and hold neither ; nor \\"
        plan["query"] = " ".join(query.split())[:120]
    return {"count": len(declared), "plans": plans}


def _handshakes(run_command, listeners, port, name, user, networks):
    """How the start of a connection is answered: as the application's own, unencrypted, from strange addresses, to another database."""
    if not listeners:
        return {"reachable": False}
    address = app_address(listeners)
    strangers = []
    for target, source in _targets(listeners, _own_addresses(run_command)):
        if not pg.is_within(source, networks):
            for tls in (True, False):
                answer = handshake(target, port, user=user, database=name, source=source, tls=tls)
                strangers.append({"from": source, "to": target, "tls": tls, "outcome": answer["outcome"], "message": answer["message"]})
    return {
        "reachable": True,
        "tls": handshake(address, port, user=user, database=name, tls=True),
        "plain": handshake(address, port, user=user, database=name),
        "to_postgres": handshake(address, port, user=user, database="postgres", tls=True),
        "strangers": strangers,
    }


def _slow_log(psql, sections, name, app_role, pid):
    if not pid:
        raise ObservationError("the server did not tell its process")
    return upkeep.observe_slow_log(psql, name, app_role, pg.row(sections, "session")["log_min_duration_statement"], pid)


def observe_database(run_command, entry, *, port, seen, addresses):
    """All observations of one database; `entry` names it, its roles and what it declares."""
    observer = Observer()
    name, app_role = entry["name"], entry.get("app_role") or ""
    psql = Psql(run_command, port)
    script = queries.database_script(app_role) + pg.section("tables", upkeep.TABLES)
    sections = _try_sections(psql, script + (upkeep.session_script(app_role) if app_role else ""), name)
    observer.observe("answers", _answers, sections, "database")
    database = observer.observe("database", pg.row, sections, "database") or {}
    observer.observe("collations", _collations, sections, database)
    observer.observe("round_trip", _round_trip, sections)
    observer.observe("indexes", pg.row, sections, "indexes")
    observer.observe("foreign_keys", pg.row, sections, "foreign_keys")
    observer.observe("schemas", pg.rows, sections, "schemas")
    observer.observe("tables", pg.rows, sections, "tables")
    observer.observe(
        "search", _search, psql, sections, name, app_role, entry.get("text_search_config") or "", entry.get("text_search_language") or ""
    )
    observer.observe("hot_queries", _hot_queries, psql, name, app_role, entry.get("hot_queries") or [])
    if app_role:
        observer.observe("app_role", pg.row, sections, "app_role")
        observer.observe("denied", _denied, sections)
        networks = pg.resolve_addresses(addresses)
        observer.observe("handshakes", _handshakes, run_command, seen["listeners"], port, name, app_role, networks)
        observer.observe("session", upkeep.read_session, sections)
        observer.observe("slow_log", _slow_log, psql, sections, name, app_role, seen["pid"])
    return observer
