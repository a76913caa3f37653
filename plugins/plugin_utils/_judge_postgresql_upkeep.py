# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about how a PostgreSQL server is kept: statistics, vacuum, connections, slow statements, timers. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from ._verdict import Context, Verdict, failed, not_applicable, passed, pending, unknown


def _other(context: Context, name: str) -> Any:
    """Another observation of the same probe; None when it could not be made."""
    return (context.observations.get(name) or {}).get("value")


def _list(words: Any) -> str:
    found = [str(word) for word in words]
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"


# --- Statements ---------------------------------------------------------------------------------------------------------


def statements_collected(value: Mapping[str, Any], context: Context) -> Verdict:
    """The library is loaded, and a view shows what it counts."""
    expected = "pg_stat_statements loaded and readable"
    seen = {key: value[key] for key in ("preloaded", "database")}
    if not value["preloaded"]:
        return failed("pg_stat_statements is not loaded in the running server", seen, expected)
    if not value["database"]:
        return failed("the extension pg_stat_statements stands in no database, so nobody can read what is counted", seen, expected)
    if value["problem"]:
        return unknown(f"the statistics cannot be read: {value['problem']}", seen, expected)
    if not value["by_role"]:
        return failed("the view shows no statement at all, although this look ran some", seen, expected)
    return passed({**seen, "statements": sum(row["statements"] for row in value["by_role"])}, expected)


def no_slow_statements(value: Mapping[str, Any], context: Context) -> Verdict:
    """What the application's role calls often takes little time on average."""
    limit, often = context.args["mean_ms_at_most"], context.args["calls_more_than"]
    expected = f"a mean of at most {limit} ms for every statement called more than {often} times"
    role = context.param("app_role")
    mine = [row for row in value["by_role"] if (row["role"], row["database"]) == (role, context.param("database"))]
    if not mine:
        return unknown(f"{role} has run no statement since the statistics were begun", 0, expected)
    slow = [one for row in mine for one in row["slow"] if one["mean_ms"] > limit and one["calls"] > often]
    shown = {"statements": sum(row["statements"] for row in mine), "calls": sum(row["calls"] for row in mine)}
    if slow:
        worst = max(slow, key=lambda one: one["mean_ms"])
        return failed(f"{len(slow)} slow, the slowest {worst['mean_ms']} ms in {worst['calls']} calls: {worst['query']}", slow[:3], expected)
    return passed(shown, expected)


def slow_log_settings(value: Mapping[str, Any], context: Context) -> Verdict:
    """The threshold that a session of the application's role gets; no role and no database is exempt."""
    limit = context.args["ms_at_most"]
    expected = f"a threshold of 0 to {limit} ms for every role and database"
    mine = {"role": context.param("app_role"), "database": context.param("database"), "ms": value["log_min_duration_statement"]}
    for one in [mine, *value["thresholds"]]:
        if not 0 <= one["ms"] <= limit:
            whose = " in ".join(str(word) for word in (one["role"] or "every role", one["database"]) if word)
            how = "not logged for being slow" if one["ms"] < 0 else f"logged from {one['ms']} ms on only"
            return failed(f"statements of {whose} are {how}", value["thresholds"], expected)
    return passed({"threshold_ms": mine["ms"], "exceptions": value["thresholds"]}, expected)


def slow_statement_logged(value: Mapping[str, Any], context: Context) -> Verdict:
    """What was slower than the threshold stands in the log."""
    expected = "the statement stands in the log within 5 seconds"
    if not value["tried"]:
        return unknown(f"a threshold of {value['threshold_ms']} ms was not waited for", value["threshold_ms"], expected)
    if not value["logged"]:
        return failed(f"a statement slower than {value['threshold_ms']} ms did not reach the log", value, expected)
    return passed({"threshold_ms": value["threshold_ms"], "seconds": value["seconds"]}, expected)


def nothing_stuck(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    limit = context.args["seconds_at_most"]
    expected = f"no statement runs for more than {limit} seconds"
    stuck = [one for one in value if one["seconds"] > limit]
    if stuck:
        found = _list(f"one of {one['user']} in {one['database']} for {_minutes(one['seconds'])}" for one in stuck)
        return failed(f"still running: {found}", stuck, expected)
    return passed(f"{len(value)} running for more than a second", expected)


# --- Tables -------------------------------------------------------------------------------------------------------------


def analyzed(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """A table with rows has statistics; of an empty one there is nothing to know."""
    expected = "every table that holds something was analysed"
    if not value:
        return not_applicable("the database has no table", value)
    never = [one["name"] for one in value if not one["analyzed"] and not one["empty"]]
    if never:
        return failed(f"never analysed: {_list(never)}", never, expected)
    return passed(f"{len(value)} tables", expected)


def _shares(value: list[Mapping[str, Any]], key: str, context: Context) -> list[str]:
    """Tables of whose rows too large a share is outdated; as many as the server itself calls a handful do not count."""
    share, handful = context.args["share_at_most"], context.args["rows_ignored"]
    return [f"{one['name']} ({one[key]} of {one['live']} rows)" for one in value if one[key] > handful and one[key] > share * max(one["live"], 1)]


def statistics_fresh(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    share = context.args["share_at_most"]
    expected = f"at most {share:.0%} of a table's rows changed since it was analysed"
    if not value:
        return not_applicable("the database has no table", value)
    stale = _shares(value, "changed", context)
    return failed(f"changed since the last analysis: {_list(stale)}", stale, expected) if stale else passed(f"{len(value)} tables", expected)


def autovacuum_enabled(value: Mapping[str, Any], context: Context) -> Verdict:
    """Switches on, and the process that starts the work is there."""
    expected = "autovacuum and track_counts on, the launcher running"
    off = [name for name in ("autovacuum", "track_counts") if value[name] != "on"]
    if off:
        return failed(f"switched off: {_list(off)}", value, expected)
    if not value["launcher"]:
        return failed("the autovacuum launcher does not run", value, expected)
    return passed(value, expected)


def no_table_opts_out(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    out = [one["name"] for one in value if one["opted_out"]]
    if out:
        return failed(f"autovacuum is switched off for {_list(out)}", out, "no table opts out")
    return passed(f"{len(value)} tables", "no table opts out")


def vacuum_effective(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """Dead rows are taken away, and old transactions are frozen before the server has to force it."""
    share, ages = context.args["share_at_most"], context.args["age_at_most"]
    expected = f"at most {share:.0%} dead rows and an age of at most {ages} transactions in every table"
    if not value:
        return not_applicable("the database has no table", value)
    problems = [f"dead rows: {one}" for one in _shares(value, "dead", context)]
    problems += [f"{one['name']} is {one['age']} transactions old" for one in value if one["age"] > ages]
    oldest = max(one["age"] for one in value)
    return failed(_list(problems), problems, expected) if problems else passed({"tables": len(value), "oldest": oldest}, expected)


def not_held_back(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """What keeps rows that are dead from being removed: an old transaction, a forgotten prepared one, a slot without a reader."""
    limit = context.args["seconds_at_most"]
    expected = f"nothing holds old rows for more than {_minutes(limit)}"
    old = [one for one in value if one["seconds"] is None or one["seconds"] > limit]
    if old:
        found = _list(one["what"] + ("" if one["seconds"] is None else f" for {_minutes(one['seconds'])}") for one in old)
        return failed(f"old rows cannot be removed because of {found}", old, expected)
    return passed(f"{len(value)} transactions open", expected)


# --- Connections --------------------------------------------------------------------------------------------------------


def _pool(context: Context) -> int:
    """Connections that the application's pool may hold: those of the running pooler, or those declared; 0 where there is no pool."""
    pool = (context.params.get("pools") or {}).get(context.param("database")) or {}
    return int(pool.get("size") or context.params.get("pool_size") or 0)


def role_limit(value: Mapping[str, Any], context: Context) -> Verdict:
    role, pool = value.get(context.param("app_role")), _pool(context)
    expected = f"a finite limit, not below the pool of {pool}" if pool else "a finite limit"
    if role is None:
        return failed(f"there is no role {context.param('app_role')}", sorted(value), expected)
    limit = role["connection_limit"]
    if limit < 0:
        return failed(f"{context.param('app_role')} may hold as many connections as there are", limit, expected)
    if limit < max(pool, 1):
        return failed(f"{context.param('app_role')} may hold {limit} connections, and its pool {pool}", limit, expected)
    return passed({"limit": limit, "pool": pool}, expected)


def headroom(value: Mapping[str, Any], context: Context) -> Verdict:
    """What the applications may hold and what is kept for others fit below the limit, and there is room at this moment."""
    roles, pooler = _other(context, "roles") or {}, _other(context, "pooler") or {}
    limits = sum(max(roles[name]["connection_limit"], 0) for name in context.params.get("app_roles") or [] if name in roles)
    pools = sum(pool["size"] for pool in (pooler.get("pools") or {}).values())
    needed = int(context.params.get("needed_connections") or 0) or pools or limits
    reserve, share = value["reserved"] + context.args["reserve"], context.args["use_at_most"]
    seen = {"limit": value["max"], "needed": needed, "reserve": reserve, "used": value["used"]}
    expected = f"needed + reserve at most {value['max']}, and less than {share:.0%} of it in use"
    if needed + reserve > value["max"]:
        return failed(
            f"{needed} connections of applications and a reserve of {reserve} are more than max_connections = {value['max']}", seen, expected
        )
    if value["used"] >= share * value["max"]:
        return failed(f"{value['used']} of {value['max']} connections are in use", seen, expected)
    return passed(seen, expected)


def idle_timeout(value: Mapping[str, Any], context: Context) -> Verdict:
    """What a session of the application's role gets at its log-in, through the pooler too."""
    limit, found = context.args["ms_at_most"], value["idle_in_transaction_session_timeout"]
    expected = f"idle_in_transaction_session_timeout of at most {limit // 1000} s"
    if found <= 0:
        return failed(f"a session of {context.param('app_role')} may stay idle in a transaction for ever", found, expected)
    if found > limit:
        return failed(f"a session of {context.param('app_role')} may stay idle in a transaction for {_minutes(found / 1000)}", found, expected)
    return passed(found, expected)


def statements_end(value: Mapping[str, Any], context: Context) -> Verdict:
    """A statement that never ends holds a connection of the pool, and one that waits for its lock all those behind it."""
    limit = context.args["ms_at_most"]
    names = {"statement_timeout": "may run", "lock_timeout": "may wait for a lock"}
    found = {name: value[name] for name in names}
    expected = f"{' and '.join(names)} of at most {limit // 1000} s"
    for name, what in names.items():
        if found[name] <= 0:
            return failed(f"a statement of {context.param('app_role')} {what} for ever ({name} is 0)", found, expected)
        if found[name] > limit:
            return failed(f"a statement of {context.param('app_role')} {what} for {_minutes(found[name] / 1000)} ({name})", found, expected)
    return passed(found, expected)


# --- Settings -----------------------------------------------------------------------------------------------------------


def _told_elsewhere(context: Context) -> set[str]:
    """The files whose reload checks of their own ask for: the access rules and the certificate."""
    server, settings = _other(context, "server") or {}, _other(context, "settings") or {}
    certificate = (settings.get("ssl_cert_file") or {}).get("setting") or ""
    return {server.get("hba_file", ""), str(PurePosixPath(server.get("data_directory", ""), certificate))}


def in_effect(value: Mapping[str, Any], context: Context) -> Verdict:
    """What the files say and what the server works with are the same."""
    expected = "no setting waits for a restart or a reload, and no line is faulty"
    seen = {"needs_restart": value["needs_restart"], "newer": value["newer"], "errors": value["errors"]}
    newer = [path for path in value["newer"] if path not in _told_elsewhere(context)]
    if value["errors"]:
        one = value["errors"][0]
        where = f"line {one['line']} of {one['file']}" if one["file"] else "a setting"
        return failed(f"{where} is faulty ({one['error']}); the server keeps what it had before", seen, expected)
    if value["needs_restart"]:
        return failed(f"in force only after a restart: {_list(value['needs_restart'])}", seen, expected)
    if newer:
        return failed(f"changed after the server had read it: {_list(newer)}", seen, expected)
    return passed({"files": len(value["files"])}, expected)


# --- Timers -------------------------------------------------------------------------------------------------------------


def maintenance_scheduled(value: Mapping[str, Mapping[str, Any]], context: Context) -> Verdict:
    """Each timer is there, starts with the host, and is due within the interval of its work."""
    expected = "a timer for " + _list(f"{task} at least every {days} days" for task, days in context.args["days"].items())
    observed = {task: {key: one[key] for key in ("timer", "enabled", "active", "next")} for task, one in value.items()}
    for task, days in context.args["days"].items():
        one = value[task]
        if not one["loaded"]:
            return failed(f"there is no {one['timer']}", observed, expected)
        if not one["enabled"] or not one["active"]:
            return failed(f"{one['timer']} is not {'enabled' if not one['enabled'] else 'running'}", observed, expected)
        if one["next"] is None and not one["running"]:
            return failed(f"{one['timer']} is never due", observed, expected)
        if one["next"] is not None and one["next"] - context.now.timestamp() > days * 86400:
            return failed(f"{one['timer']} is due in more than {days} days", observed, expected)
    return passed(observed, expected)


def maintenance_last_run(value: Mapping[str, Mapping[str, Any]], context: Context) -> Verdict:
    """Each last run succeeded, and not longer ago than its interval; the first run may still be ahead."""
    expected = "a success of " + _list(f"{task} within {days} days" for task, days in context.args["days"].items())
    observed = {task: {key: one[key] for key in ("last", "result", "next")} for task, one in value.items()}
    waiting = []
    for task, days in context.args["days"].items():
        one = value[task]
        if one["result"] not in ("", "success"):
            return failed(f"the last {task} failed ({one['result']})", observed, expected)
        if one["last"] is not None and context.now.timestamp() - one["last"] > days * 86400:
            return failed(f"{task} last succeeded more than {days} days ago", observed, expected)
        if one["last"] is None:
            if one["next"] is None:
                return failed(f"{task} never ran, and is not due", observed, expected)
            waiting.append((one["next"], task))
    if waiting:
        until = datetime.fromtimestamp(max(waiting)[0], tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        return pending(f"not run yet: {_list(task for _next, task in sorted(waiting))}", until)
    return passed(observed, expected)


JUDGEMENTS = {
    function.__name__: function
    for function in (
        statements_collected,
        no_slow_statements,
        slow_log_settings,
        slow_statement_logged,
        nothing_stuck,
        analyzed,
        statistics_fresh,
        autovacuum_enabled,
        no_table_opts_out,
        vacuum_effective,
        not_held_back,
        role_limit,
        headroom,
        idle_timeout,
        statements_end,
        in_effect,
        maintenance_scheduled,
        maintenance_last_run,
    )
}
