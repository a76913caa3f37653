# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about pgbouncer: what an answer of the probe means. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

MODERN_TLS = frozenset({"TLSv1.2", "TLSv1.3"})
#: The console's own database.
CONSOLE = "pgbouncer"
#: What a client reads that was let in by the pooler and could not be brought to the server.
LET_THROUGH = "server login"


def _list(words: Any) -> str:
    return ", ".join(str(word) for word in words)


def _verdict(problems: list[str], observed: Any, expected: str) -> Verdict:
    return failed("; ".join(problems), observed, expected) if problems else passed(observed, expected)


def _other(context: Context, name: str) -> Any:
    """Another observation of the same probe; None when it could not be made."""
    return (context.observations.get(name) or {}).get("value")


def answers(value: Mapping[str, Any], context: Context) -> Verdict:
    """A pooler that is down is a finding; that we were not allowed to ask would be none."""
    return passed(True, "an answer") if value["answers"] else failed(value["reason"], False, "an answer")


def starts_again(value: Mapping[str, Any], context: Context) -> Verdict:
    """The pooler is there after the next boot and after a crash."""
    observed = {"at boot": value["UnitFileState"], "after a crash": value["Restart"]}
    problems = [] if value["UnitFileState"] == "enabled" else [f"the unit is {value['UnitFileState'] or 'not enabled'}"]
    if value["Restart"] not in ("always", "on-failure", "on-abnormal", "on-abort"):
        problems.append("nobody starts it after a crash")
    return _verdict(problems, observed, "enabled, and restarted after a crash")


def in_force(value: Mapping[str, Any], context: Context) -> Verdict:
    """What runs is what the files say and what is installed."""
    expected = "the settings, files and program that run are those on disk"
    process, binary = _other(context, "process"), _other(context, "binary")
    if not process or not binary:
        return unknown("it could not be found out which program runs")
    problems = [f"{one['name']} is {one['running'] or 'not known'}, the file says {one['file']}" for one in value["differs"]]
    problems += [f"{path} was changed after the pooler had read it" for path in value["newer"] if not value["differs"]]
    problems += [f"{path} was changed after the start" for path in value["newer_units"]]
    if value["certificate_is_served"] is False:
        problems.append("the certificate that is served is not the one in the file")
    if binary["running"] != binary["installed"] or process["replaced"]:
        problems.append(f"{binary['running']} still runs, {binary['installed']} is installed")
    return _verdict(problems, {**value, "version": binary["running"]}, expected)


def limits_are_finite(value: Mapping[str, Any], context: Context) -> Verdict:
    """Clients, their waiting time and the connections to the server end somewhere, and the process may open that many files."""
    pools, process = _other(context, "pools"), _other(context, "process")
    if not pools or not process:
        return unknown("it could not be found out which pools there are and how many files the process may open")
    pool = pools.get(context.param("name"))
    clients, wait = int(value["max_client_conn"]), float(value["query_wait_timeout"])
    most = pool["most"] if pool else 0
    servers = sum(one["most"] or one["size"] + one["reserve"] for name, one in pools.items() if name != CONSOLE)
    files = process["open_files"]
    observed = {"clients": clients, "seconds of waiting": wait, "connections to the server": most, "open files": files}
    expected = f"all finite, a query waits at most {context.args['wait_at_most']} s, a file for each client and each of {servers} connections"
    problems = []
    if not 0 < wait <= context.args["wait_at_most"]:
        problems.append("a query waits for ever" if not wait else f"a query waits up to {wait:g} s")
    if not most:
        problems.append(f"the connections of {context.param('name')} to the server are not limited")
    if files is not None and files < clients + servers:
        problems.append(f"{clients} clients and {servers} connections to the server need more than {files} open files")
    return _verdict(problems, observed, expected)


def pool_serves(value: Mapping[str, Any], context: Context) -> Verdict:
    """The pool is there, open and leads to the database of its name. Whether the application fits in is a check of the running application."""
    name, pool = context.param("name"), value["there"]
    expected = f"an open pool of at least one connection to database {name}"
    if pool is None:
        return failed(f"the pooler knows no database {name}", None, expected)
    problems = []
    if pool["paused"] or pool["disabled"]:
        problems.append(f"{name} is {'paused' if pool['paused'] else 'disabled'}")
    if pool["database"] != name:
        problems.append(f"{name} leads to database {pool['database']}")
    if pool["size"] < 1:
        problems.append(f"{name} has no connection to give")
    return _verdict(problems, {key: pool[key] for key in ("database", "size", "reserve", "paused", "disabled")}, expected)


def shares_by_transaction(value: Mapping[str, Any], context: Context) -> Verdict:
    """By session nothing is shared, by statement transactions break."""
    mode = value["there"]["mode"]
    return _verdict([] if mode == "transaction" else [f"the pool's mode is {mode}"], mode, "transaction")


def nobody_waits(value: Mapping[str, Any], context: Context) -> Verdict:
    """No client waits noticeably for a connection at this moment; the average also remembers the last restart of the server."""
    pool, most = value["there"], context.args["seconds_at_most"]
    observed = {"waiting": pool["waiting"], "longest wait": pool["longest_wait"], "average wait": pool["average_wait"]}
    problems = []
    if pool["longest_wait"] >= most:
        problems.append(f"{pool['waiting']} clients wait for a connection, the first for {pool['longest_wait']:.1f} s")
    return _verdict(problems, observed, f"nobody waits {most} s")


def fits_server(value: Mapping[str, Any], context: Context) -> Verdict:
    """All pools together leave the server the connections that are kept for others."""
    pools = _other(context, "pools")
    if not pools:
        return unknown("it could not be found out which pools there are")
    limits = value["limits"]
    superusers = limits.get("superuser_reserved_connections", 3) + limits.get("reserved_connections", 0)
    most = limits["max_connections"] - max(int(context.param("reserved")), superusers)
    taken = {name: pool["most"] or pool["size"] + pool["reserve"] for name, pool in pools.items() if name != CONSOLE}
    observed = {"pools": taken, "server": limits["max_connections"]}
    problems = (
        [] if sum(taken.values()) <= most else [f"all pools together may take {sum(taken.values())} connections, the server has {most} to give"]
    )
    return _verdict(problems, observed, f"at most {most} in all pools")


def backends_from_pooler(value: Mapping[str, Any], context: Context) -> Verdict:
    """Nobody goes round the pooler as the application's role."""
    user, sessions, strangers = context.param("user"), value["sessions"], value["strangers"]
    expected = f"every session of {user} is a connection of the pooler"
    if not sessions:
        return not_applicable(f"{user} has no session in the database at this moment", sessions)
    found = sorted({f"{one['application'] or 'a client'} from {one['address'] or 'the local socket'}" for one in strangers})
    problems = [f"{len(strangers)} of {len(sessions)} sessions of {user} went round the pooler: {_list(found)}"] if strangers else []
    return _verdict(problems, {"sessions": len(sessions), "round the pooler": len(strangers)}, expected)


def tls_offered(value: Mapping[str, Any], context: Context) -> Verdict:
    """TLS is offered, modern, and the clients' authority vouches for the certificate."""
    expected = "TLS 1.2 or newer with a certificate for localhost that clients accept"
    seen = {key: value[key] for key in ("offered", "version", "cipher", "verifies")}
    if not value["offered"]:
        return failed("the pooler answers a request for TLS with no", seen, expected)
    problems = [] if value["version"] in MODERN_TLS else [f"{value['version']} was negotiated"]
    if value["verifies"] is False:
        problems.append(f"a client that verifies 'localhost' refuses the certificate: {value['problem']}")
    return _verdict(problems, seen, expected)


def plain_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    """An unencrypted start is answered with a demand for TLS and nothing else; other errors say nothing about it."""
    knock = value["plain"]
    expected = "refused, because TLS is required"
    if knock["outcome"] in ("refused", "error") and "ssl required" in knock["message"].lower():
        return passed(knock["message"], expected)
    if knock["outcome"] in ("refused", "error", "filtered"):
        return unknown(f"the pooler's answer was not understood: {knock['message']}", knock["message"], expected)
    return failed(f"the pooler goes on with {knock['outcome']} where nothing is encrypted", knock["outcome"], expected)


def asks_for_scram(value: Mapping[str, Any], context: Context) -> Verdict:
    """Who says to be the application is asked for a proof."""
    knock = value["tls"]
    expected = "scram-sha-256 is demanded"
    if knock["message"].startswith(LET_THROUGH):
        return failed("the pooler asks for no proof and goes on to the server, which refuses", knock["message"], expected)
    if knock["outcome"] in ("refused", "error", "filtered", "no_tls"):
        return unknown(f"the pooler's answer was not understood: {knock['message']}", knock["outcome"], expected)
    problems = [] if knock["outcome"] == "scram-sha-256" else [f"the pooler goes on with {knock['outcome']}"]
    return _verdict(problems, knock["outcome"], expected)


def both_sides_encrypted(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """Connections over TCP on both sides of the pool, as the pooler itself sees them."""
    servers = _other(context, "servers")
    if servers is None:
        return unknown("the pooler did not show its connections to the server")
    expected = "TLS 1.2 or newer on both sides"
    sides = {"clients": value, "servers": servers}
    over_tcp = {side: [one for one in found if not one["unix"]] for side, found in sides.items()}
    if not any(over_tcp.values()):
        return not_applicable("no connection over TCP is open at this moment", [])
    bare = {side: [one for one in found if one["tls"].split("/")[0] not in MODERN_TLS] for side, found in over_tcp.items()}
    observed = {side: {"over TCP": len(found), "versions": sorted({one["tls"].split("/")[0] for one in found})} for side, found in over_tcp.items()}
    return _verdict([f"{len(found)} {side} without TLS 1.2 or newer" for side, found in bare.items() if found], observed, expected)


JUDGEMENTS = {
    function.__name__: function
    for function in (
        answers,
        asks_for_scram,
        backends_from_pooler,
        both_sides_encrypted,
        fits_server,
        in_force,
        limits_are_finite,
        nobody_waits,
        plain_refused,
        pool_serves,
        shares_by_transaction,
        starts_again,
        tls_offered,
    )
}
