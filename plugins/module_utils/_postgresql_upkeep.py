# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a PostgreSQL server is kept well: statistics, vacuum, connections, slow statements, timers. PRIVATE to the collection."""

from __future__ import annotations

import calendar
import json
import os
import re
import time
from pathlib import Path

from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output
from ansible_collections.prodready.django.plugins.module_utils._systemd import parse_show

#: The kinds of maintenance that have a timer.
TASKS = ("analyze", "vacuum", "reindex")
PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NextElapseUSecRealtime,Result"
RECORDS = "/var/lib/prodready/postgresql"
#: Slower than this a statement counts as slow; a threshold above it is a finding, so it is not waited for.
SLOWEST_TRIED_MS = 1000
#: What a session of the application gets at its log-in.
SESSION_SETTINGS = ("idle_in_transaction_session_timeout", "log_min_duration_statement", "lock_timeout", "statement_timeout")
_AT_WORK = (
    "SELECT pid FROM pg_stat_progress_vacuum UNION SELECT pid FROM pg_stat_progress_create_index UNION SELECT pid FROM pg_stat_progress_analyze "
)
_AT_WORK += "UNION SELECT pid FROM pg_stat_progress_copy"
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000, "": 1}

#: Asked once, in database postgres.
CLUSTER = {
    "connections": """
        SELECT json_build_object('max', current_setting('max_connections')::int,
          'reserved', current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0),
          'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()))""",
    "autovacuum": """
        SELECT json_build_object('autovacuum', current_setting('autovacuum'), 'track_counts', current_setting('track_counts'),
          'launcher', EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum launcher'),
          'freeze_max_age', current_setting('autovacuum_freeze_max_age')::bigint)""",
    "stuck": """
        SELECT json_build_object('user', usename, 'database', datname, 'seconds', round(extract(epoch FROM now() - query_start)))
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
          AND query_start < now() - interval '1 second' AND pid NOT IN ({0}) ORDER BY query_start""".format(_AT_WORK),
    "holders": """
        SELECT json_build_object('what', format('a session of %s in %s (%s)', usename, datname, state),
          'seconds', round(extract(epoch FROM clock_timestamp() - xact_start)))
        FROM pg_stat_activity WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND xact_start IS NOT NULL
          AND pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
        UNION ALL
        SELECT json_build_object('what', format('the prepared transaction %s in %s', gid, database),
          'seconds', round(extract(epoch FROM clock_timestamp() - prepared))) FROM pg_prepared_xacts
        UNION ALL
        SELECT json_build_object('what', format('the replication slot %s, which nobody uses', slot_name), 'seconds', NULL)
        FROM pg_replication_slots WHERE NOT active AND xmin IS NOT NULL""",
    "preloaded": "SELECT json_build_object('libraries', current_setting('shared_preload_libraries'))",
}

_ROLE_SETTINGS = """
        SELECT json_build_object('role', CASE WHEN s.setrole = 0 THEN '' ELSE pg_get_userbyid(s.setrole)::text END,
          'database', coalesce(d.datname, ''), 'settings', s.setconfig)
        FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase"""

#: Asked where the extension stands.
STATEMENTS = """
    SELECT json_build_object('role', pg_get_userbyid(s.userid), 'database', d.datname, 'statements', count(*), 'calls', sum(s.calls),
      'slow', coalesce(json_agg(json_build_object('query', left(regexp_replace(s.query, '\\s+', ' ', 'g'), 160), 'calls', s.calls,
        'mean_ms', round(s.mean_exec_time::numeric, 1)) ORDER BY s.mean_exec_time DESC)
        FILTER (WHERE s.calls > 20 AND s.mean_exec_time > 10), '[]'))
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid GROUP BY s.userid, d.datname"""

#: Asked in each database.
TABLES = """
    SELECT json_build_object('name', format('%s.%s', s.schemaname, s.relname), 'live', s.n_live_tup, 'dead', s.n_dead_tup,
      'changed', s.n_mod_since_analyze, 'empty', pg_relation_size(c.oid) = 0, 'age', CASE WHEN c.relkind = 'p' THEN 0 ELSE age(c.relfrozenxid) END,
      'analyzed', s.last_analyze IS NOT NULL OR s.last_autoanalyze IS NOT NULL OR EXISTS (SELECT FROM pg_statistic p WHERE p.starelid = c.oid),
      'opted_out', coalesce(array_to_string(c.reloptions, ' '), '') ~* '(^| )autovacuum_enabled=(false|off|no|0|f|n)( |$)')
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid ORDER BY 1::text"""


def cluster_script():
    """All questions about the cluster's upkeep."""
    return "".join(pg.section(name, statement) for name, statement in CLUSTER.items())


def _as_logged_in(role):
    """A transaction whose settings are those that a session of `role` has at its log-in, as the server itself works them out.

    It begins with those of the server's files, because this session has time-outs of its own.
    """
    return (
        "BEGIN READ WRITE;\nDO $do$ DECLARE one text; BEGIN FOR one IN SELECT o FROM (SELECT s.name || '=' || coalesce((SELECT f.setting FROM "
        "pg_file_settings f WHERE f.name = s.name AND f.applied ORDER BY f.seqno DESC LIMIT 1), s.boot_val) AS o, -1 AS setrole, -1 AS setdatabase "
        "FROM pg_settings s UNION ALL SELECT unnest(s.setconfig), (s.setrole <> 0)::int, (s.setdatabase <> 0)::int "
        "FROM pg_db_role_setting s WHERE s.setrole IN (0, quote_ident({0})::regrole) AND s.setdatabase IN (0, (SELECT oid FROM pg_database "
        "WHERE datname = current_database()))) x WHERE split_part(o, '=', 1) IN ({1}) ORDER BY setrole, setdatabase LOOP "
        "PERFORM set_config(split_part(one, '=', 1), substr(one, strpos(one, '=') + 1), true); END LOOP; END $do$;"
    ).format(pg.quote_literal(role), ", ".join(pg.quote_literal(name) for name in SESSION_SETTINGS))


def session_script(role):
    """What a session of the role gets, in milliseconds."""
    chosen = ", ".join(pg.quote_literal(name) for name in SESSION_SETTINGS)
    return pg.section("overrides", _ROLE_SETTINGS) + pg.section(
        "session",
        "SELECT json_object_agg(name, setting::int) FROM pg_settings WHERE name IN ({0})".format(chosen),
        before=_as_logged_in(role),
        after="ROLLBACK;",
    )


def slow_script(role, milliseconds, mark):
    """A statement that is slower than the role's threshold, not to be counted among the project's own statements."""
    before = _as_logged_in(role) + "\nSET LOCAL pg_stat_statements.track = 'none';\nSET LOCAL statement_timeout = '5s';"
    before += "\nSET LOCAL ROLE {0};".format(pg.quote_identifier(role))
    return pg.section(
        "slow", "SELECT pg_sleep({0}) AS {1}".format(milliseconds / 1000.0, pg.quote_identifier(mark)), before=before, after="ROLLBACK;"
    )


def read_session(sections):
    """What a session of the role gets, and whatever sets another threshold for slow statements."""
    found = dict(pg.row(sections, "session"))
    found["thresholds"] = read_overrides(pg.rows(sections, "overrides"), "log_min_duration_statement")
    return found


def milliseconds(text):
    """A time setting of PostgreSQL, written with or without its unit."""
    found = re.match(r"^\s*(-?[\d.]+)\s*(us|ms|s|min|h|d)?\s*$", str(text))
    if not found:
        raise ObservationError("not a time: {0!r}".format(text))
    return int(float(found.group(1)) * _UNITS[found.group(2) or ""])


def read_overrides(rows, name):
    """Where one time setting is set for a role or database, in milliseconds."""
    found = []
    for row in rows:
        for pair in row["settings"] or []:
            key, _equals, value = pair.partition("=")
            if key == name:
                found.append({"role": row["role"], "database": row["database"], "ms": milliseconds(value)})
    return found


def library_names(text):
    """The libraries of a list such as shared_preload_libraries, without paths and quotes."""
    return [word.strip().strip('"').rsplit("/", 1)[-1] for word in text.split(",") if word.strip()]


# --- Statement statistics ----------------------------------------------------------------------------------------------------------------


def observe_statements(psql, sections, names):
    """Whether statement statistics are loaded and collected, and what they say of each role in each database."""
    loaded = "pg_stat_statements" in library_names(pg.row(sections, "preloaded")["libraries"])
    found = {"preloaded": loaded, "database": "", "problem": "", "by_role": []}
    script = pg.section("where", "SELECT to_json(n.nspname)::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = "
                        "'pg_stat_statements'")  # fmt: skip
    for name in ["postgres"] + [one for one in names if one != "postgres"]:
        schemas = pg.rows(psql.sections(script, name), "where")
        if schemas:
            found["database"] = name
            path = "SET LOCAL search_path = pg_catalog, {0};".format(pg.quote_identifier(schemas[0]))
            asked = psql.sections(pg.section("statements", STATEMENTS, before="BEGIN;\n" + path, after="ROLLBACK;"), name)
            try:
                found["by_role"] = pg.rows(asked, "statements")
            except ObservationError as error:
                found["problem"] = str(error)
            break
    return found


# --- The log -----------------------------------------------------------------------------------------------------------------------------


def log_file(pid, psql):
    """Where the running server's messages go: the collector's file, or the file behind its standard error."""
    current = psql.run("SELECT coalesce(pg_current_logfile('stderr'), ''), current_setting('data_directory')").strip().split("|")
    if current[0]:
        return os.path.join(current[1], current[0])
    target = str(Path("/proc/{0}/fd/2".format(pid)).readlink())
    if not target.startswith("/") or target.startswith("/dev/"):
        raise ObservationError("the server's messages go to {0}, which cannot be read back".format(target))
    return target


def find_duration(text, mark):
    """The milliseconds that a log tells of the statement with our mark; None while it is not there."""
    for line in text.splitlines():
        if mark in line:
            found = re.search(r"duration: ([\d.]+) ms", line)
            if found:
                return float(found.group(1))
    return None


def observe_slow_log(psql, name, role, threshold, pid):
    """Run a statement slower than the role's threshold, and look for it in the log for at most five seconds."""
    found = {"threshold_ms": threshold, "tried": 0 <= threshold <= SLOWEST_TRIED_MS, "logged": False, "seconds": None}
    if not found["tried"]:
        return found
    path = log_file(pid, psql)
    start, mark = os.path.getsize(path), "prodready_slow_{0}".format(os.urandom(6).hex())
    pg.answer(psql.sections(slow_script(role, threshold + 100, mark), name), "slow")
    began = time.monotonic()
    while not found["logged"] and time.monotonic() - began < 5:
        with open(path, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            found["logged"] = find_duration(log.read(), mark) is not None
        found["seconds"] = round(time.monotonic() - began, 2)
        if not found["logged"]:
            time.sleep(0.1)
    return found


# --- The pooler --------------------------------------------------------------------------------------------------------------------------


def read_pools(text):
    """`SHOW DATABASES` of pgbouncer, as CSV with its heading: what each pool may hold, its reserve included, and where its server is."""
    lines = [line.split("|") for line in text.splitlines() if "|" in line]
    if not lines:
        return {}
    found = {}
    for line in lines[1:]:
        row = dict(zip(lines[0], line))
        if row.get("name") != "pgbouncer" and str(row.get("pool_size", "")).isdigit():
            reserve = str(row.get("reserve_pool_size") or row.get("reserve_pool") or "0")  # releases differ in the name
            size = int(row["pool_size"]) + (int(reserve) if reserve.isdigit() else 0)
            found[row["name"]] = {"size": size, "database": row.get("database", ""), "port": row.get("port", "")}
    return found


def observe_pooler(run_command, psql_argv, port):
    """Whether a pooler runs on this machine, and how large its pools are; asked over its socket, where no password is needed."""
    rc, out, _err = run_command(["systemctl", "is-active", "pgbouncer.service"])
    if out.strip() != "active":
        return {"active": False, "pools": {}}
    argv = psql_argv + ["timeout", "5", "psql", "-XAw", "-h", "/run/postgresql", "-p", str(port), "-U", "pgbouncer", "-d", "pgbouncer"]
    return {"active": True, "pools": read_pools(command_output(run_command, argv + ["-c", "SHOW DATABASES"], cwd="/"))}


# --- The timers --------------------------------------------------------------------------------------------------------------------------


def read_stamp(text):
    """A time as `systemctl` prints it in UTC, as seconds since 1970; None where it prints none."""
    found = re.search(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", text or "")
    return calendar.timegm(time.strptime(found.group(1), "%Y-%m-%d %H:%M:%S")) if found else None


def observe_maintenance(run_command, records=RECORDS):
    """Each kind of maintenance: its timer, when it is due, how the last run ended, and when one last succeeded."""
    names = {task: ("prodready-postgresql-{0}.timer".format(task), "prodready-postgresql@{0}.service".format(task)) for task in TASKS}
    argv = ["systemctl", "show", "--no-pager", "--property=" + PROPERTIES] + [unit for pair in names.values() for unit in pair]
    units = parse_show(command_output(run_command, argv, environ_update={"TZ": "UTC"}))
    found = {}
    for task, (timer, service) in names.items():
        one, other = units.get(timer, {}), units.get(service, {})
        record = Path(records, task + ".json")
        found[task] = {
            "timer": timer,
            "loaded": one.get("LoadState") == "loaded",
            "enabled": one.get("UnitFileState") == "enabled",
            "active": one.get("ActiveState") == "active",
            "next": read_stamp(one.get("NextElapseUSecRealtime")),
            "result": other.get("Result", ""),
            "running": other.get("ActiveState") == "activating",
            "last": json.loads(record.read_text(encoding="utf-8"))["finished"] if record.is_file() else None,
        }
    return found
