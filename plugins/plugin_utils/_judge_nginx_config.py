# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of nginx's configuration and processes. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

from ._nginx_lint import Directive, findings
from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

#: Forwarding headers frameworks believe. What a proxy does not set itself reaches the application as the client sent it.
BELIEVED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded")
#: Those of them whose absence is another check's finding.
JUDGED_ALONE = ("x-forwarded-for", "x-forwarded-proto")


def silent_test(value: Any, context: Context) -> Verdict:
    expected = "nginx -t succeeds and says nothing else"
    if value["rc"] != 0 or value["messages"]:
        return failed(value["messages"][0] if value["messages"] else f"nginx -t ended with {value['rc']}", value["messages"], expected)
    return passed("silent", expected)


def static_analysis(value: Any, context: Context) -> Verdict:
    expected = "no finding of medium or high severity"
    found = findings(value)
    if found:
        return failed(found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""), found, expected)
    return passed("nothing found", expected)


def unprivileged_workers(value: Any, context: Context) -> Verdict:
    expected = "every worker runs as a user other than root"
    workers = value["workers"]
    if not workers:
        return unknown("no worker is running", value, expected)
    uids = sorted({worker["uid"] for worker in workers})
    if 0 in uids:
        return failed("a worker runs as root", uids, expected)
    return passed({"workers": len(workers), "uids": uids}, expected)


def in_effect(value: Any, context: Context) -> Verdict:
    expected = "no configuration file or certificate changed after the oldest serving worker started"
    if value["seconds_behind"] > 0:
        return failed(f"{value['newest_file']} changed {value['seconds_behind']} s after the oldest worker started", value, expected)
    return passed(value, expected)


def open_files(value: Any, context: Context) -> Verdict:
    """The limit in force in each worker against the connections the configuration gives it."""
    expected = "every worker may open at least twice as many files as it has connections"
    config = (context.observations.get("config") or {}).get("value")
    if not config:
        return unknown("the configuration could not be read", None, expected)
    if not value["workers"]:
        return unknown("no worker is running", None, expected)
    limits = [worker["open_files"] for worker in value["workers"]]
    shown = {
        "open_files": min((limit for limit in limits if limit is not None), default="unlimited"),
        "worker_connections": config["worker_connections"],
    }
    if any(limit is not None and limit < 2 * config["worker_connections"] for limit in limits):
        return failed(f"{shown['open_files']} files for {shown['worker_connections']} connections", shown, expected)
    return passed(shown, expected)


def _proxies(tree: Sequence[Directive], inherited: tuple[list[Any], ...] = (), where: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Every proxy_pass with the request headers in force there: a level with proxy_set_header inherits none."""
    own = [directive[1] for directive in tree if directive[0] == "proxy_set_header" and len(directive[1]) == 2]
    in_force = tuple(own) or inherited
    for directive in tree:
        if directive[0] == "proxy_pass":
            yield where, {args[0].lower(): args[1] for args in in_force}
        elif directive[2]:
            place = " ".join([directive[0]] + list(directive[1]))
            names = [name for child in directive[2] if child[0] == "server_name" for name in child[1]]
            place = f"server {names[0]}" if directive[0] == "server" and names else place
            deeper = f"{where}, {place}" if where else place
            yield from _proxies(directive[2], in_force, deeper if directive[0] in ("server", "location", "if") else where)


def _each_proxy(value: Any, expected: str, problem_of: Callable[[Mapping[str, str]], str]) -> Verdict:
    proxies = list(_proxies(value))
    if not proxies:
        return not_applicable("this nginx passes no request to an application")
    for where, headers in proxies:
        problem = problem_of(headers)
        if problem:
            return failed(f"{where}: {problem}", headers, expected)
    return passed(proxies[0][1], expected)


def forwards_scheme(value: Any, context: Context) -> Verdict:
    def problem(headers: Mapping[str, str]) -> str:
        found = headers.get("x-forwarded-proto")
        return "" if found in ("$scheme", "https") else f"X-Forwarded-Proto is {found or 'not set'}"

    return _each_proxy(value, "X-Forwarded-Proto is $scheme wherever a request is passed on", problem)


def forwards_client_ip(value: Any, context: Context) -> Verdict:
    def problem(headers: Mapping[str, str]) -> str:
        found = headers.get("x-forwarded-for")
        return "" if found in ("$remote_addr", "$proxy_add_x_forwarded_for") else f"X-Forwarded-For is {found or 'not set'}"

    return _each_proxy(value, "X-Forwarded-For ends with $remote_addr wherever a request is passed on", problem)


def forwards_host(value: Any, context: Context) -> Verdict:
    def problem(headers: Mapping[str, str]) -> str:
        found = headers.get("host")
        good = found is not None and (found == "$host" or found.startswith("$host:") or "$" not in found)
        return "" if good else f"Host is {found or 'not set'}"

    return _each_proxy(value, "Host is the name the client asked for wherever a request is passed on", problem)


def forwards_overwritten(value: Any, context: Context) -> Verdict:
    def problem(headers: Mapping[str, str]) -> str:
        missing = [name for name in BELIEVED if name not in headers and name not in JUDGED_ALONE]
        copied = [name for name in BELIEVED if "$http_" in headers.get(name, "") or headers.get(name) == "$proxy_add_x_forwarded_for"]
        if missing:
            return f"{', '.join(missing)} of the client reaches the application"
        return f"{', '.join(copied)} is taken from the client" if copied else ""

    return _each_proxy(value, f"{', '.join(BELIEVED)} are set by nginx wherever a request is passed on", problem)


CONFIG_JUDGEMENTS = {
    function.__name__: function
    for function in (
        silent_test,
        static_analysis,
        in_effect,
        unprivileged_workers,
        open_files,
        forwards_scheme,
        forwards_client_ip,
        forwards_host,
        forwards_overwritten,
    )
}
