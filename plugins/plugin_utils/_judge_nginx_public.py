# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of what strangers get: limits, the admin, maintenance, names, HTTP/3. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._judge_nginx_headers import EXPECTED, due_age, due_words, problem_of
from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown


def _per_second(rate: str) -> float:
    number, _sep, unit = rate.partition("r/")
    return int(number) / (60 if unit == "m" else 1)


def _unreached(entry: Mapping[str, Any]) -> Verdict:
    """Why a limit was not reached: the probe was too slow to tell, the site closed, or there is no limit."""
    expected = f"429 after a burst at {entry['rate']}"
    place = f"{entry['method']} {entry['path']}"
    if entry["first"] is None or entry["first"] >= 500:
        return unknown(f"{place} is answered with {entry['first']}, so nothing can be said of its limit", None, expected)
    if entry["tries"] <= entry["burst"] + 1:
        return unknown(f"{entry['tries']} requests were made, and the limit lets {entry['burst'] + 1} through at once", None, expected)
    speed = entry["tries"] / max(entry["seconds"], 0.001)
    if speed < 2 * _per_second(entry["rate"]):
        return unknown(f"only {speed:.0f} requests a second could be made, too few to reach {entry['rate']}", None, expected)
    return failed(f"{place}: {entry['tries']} requests within {entry['seconds']} s, and none was answered with 429", _shown(entry), expected)


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("name", "method", "path", "passed", "limited", "seconds", "retry_after") if key in entry}


def _each_limit(value: Sequence[Mapping[str, Any]], expected: str, problem_of_limit: Any) -> Verdict:
    if not value:
        return failed("rate_limits of the site is empty: nothing is limited", [], expected)
    for entry in value:
        if not entry["limited"]:
            return _unreached(entry)
        problem = problem_of_limit(entry)
        if problem:
            return failed(f"limit {entry['name']}, {entry['method']} {entry['path']}: {problem}", _shown(entry), expected)
    return passed([_shown(entry) for entry in value], expected)


def burst_limited(value: Any, context: Context) -> Verdict:
    def problem(entry: Mapping[str, Any]) -> str:
        if entry["passed"] == 0:
            return "even the first request is answered with 429"
        still = entry["after"] == 429  # a fast limit lets the next one through before it can be asked
        open_paths = [path for path, status in entry["others_of_limit"].items() if still and status != 429]
        return f"{', '.join(open_paths)} is answered while the limit's first path is not" if open_paths else ""

    return _each_limit(value, "requests pass at first, then 429 at every path of the limit", problem)


def others_unaffected(value: Any, context: Context) -> Verdict:
    def problem(entry: Mapping[str, Any]) -> str:
        good = entry["other"] != 429 and entry["other"] < 500
        return "" if good else f"another address is answered with {entry['other']} meanwhile"

    return _each_limit(value, "another address is answered while the first is limited", problem)


def not_spoofable(value: Any, context: Context) -> Verdict:
    def problem(entry: Mapping[str, Any]) -> str:
        return "" if entry["spoofed"] == 429 else f"with made-up addresses in its headers the client is answered with {entry['spoofed']} again"

    return _each_limit(value, "429 still, whatever address the headers claim", problem)


def headers_limited(value: Any, context: Context) -> Verdict:
    due, words = due_age(context.param("domains"), context.params.get("hsts_max_age")), due_words(context)

    def problem(entry: Mapping[str, Any]) -> str:
        return problem_of({"headers": entry["headers"], "secure": True}, due, words) if entry["after"] == 429 else ""

    if value and all(entry["limited"] and entry["after"] != 429 for entry in value):
        return unknown("every limit let the next request through before its answer could be looked at", None, EXPECTED)
    return _each_limit(value, EXPECTED, problem)


def admin_restricted(value: Any, context: Context) -> Verdict:
    expected = "403 or 404 (400 for a twisted address) at every spelling of the admin's address"
    if not value["tries"]:
        return not_applicable("the site declares no admin")
    shown = {entry["path"]: entry["status"] or entry["problem"] for entry in value["tries"]}
    if all(entry["status"] is None or entry["status"] >= 500 for entry in value["tries"]):
        return unknown(f"the site does not answer {value['source']}", shown, expected)
    for entry in value["tries"]:
        twisted = ".." in entry["path"] or "//" in entry["path"]
        if entry["status"] not in ((400, 403, 404, 410) if twisted else (403, 404)):
            where = f" to {entry['location']}" if entry["location"] else ""
            return failed(f"{value['source']} gets {entry['status'] or entry['problem']}{where} at {entry['path']}", shown, expected)
    return passed(shown, expected)


def open_to_public(value: Any, context: Context) -> Verdict:
    expected = "a stranger is answered below 500, and the maintenance switch is off"
    shown = {"stranger": value["stranger"]["status"], "host": value["operator"]["status"], "switch": value["switch"]}
    if value["switch"]:
        return failed("the site is in maintenance: its switch is on", shown, expected)
    if value["stranger"]["status"] == 503 and value["operator"]["status"] != 503:
        return failed(f"the host itself is served, {value['source']} is answered with 503", shown, expected)
    return passed(shown, expected)


def canonical_host(value: Any, context: Context) -> Verdict:
    expected = "301 or 308 to the same path and query of the first name, with Strict-Transport-Security"
    if len(context.param("domains")) < 2:
        return not_applicable("the site has one name")
    if not context.param("canonical_host"):
        return not_applicable("the site serves every one of its names (canonical_host is false)")
    port = context.params.get("public_https_port") or 443
    first = f"https://{context.param('domains')[0]}{'' if port == 443 else f':{port}'}"
    due, words = due_age(context.param("domains"), context.params.get("hsts_max_age")), due_words(context)
    shown = {entry["domain"]: f"{entry['status']} {entry['location']}" if entry["status"] else entry["problem"] for entry in value}
    if not value:
        return unknown("no further name was asked", shown, expected)
    for entry in value:
        place = f"https://{entry['domain']}{entry['target']}"
        if entry["status"] is None:
            return failed(f"{place} does not answer: {entry['problem']}", shown, expected)
        if entry["status"] not in (301, 308) or entry["location"] != first + entry["target"]:
            return failed(f"{place} is answered with {entry['status']} {entry['location']}".strip(), shown, expected)
        problem = problem_of({"headers": entry["headers"], "secure": True}, due, words)
        if problem:
            return failed(f"{place}: {problem}", shown, expected)
    return passed(shown, expected)


def http3_answers(value: Any, context: Context) -> Verdict:
    expected = "where HTTP/3 is announced, QUIC version 1 at the announced port"
    port = context.params.get("public_https_port") or 443
    if not value["port"]:
        if context.params.get("http3"):
            return failed("HTTP/3 is on, and no answer announces it", value, expected)
        return not_applicable("the site does not announce HTTP/3")
    if value["port"] != port:
        return failed(f"port {value['port']} is announced, clients reach the site at {port}", value, expected)
    if "QUIC v1" not in value["versions"]:
        return failed(f"nothing speaks QUIC at the port: {value['problem'] or value['versions']}", value, expected)
    return passed(value, expected)


PUBLIC_JUDGEMENTS = {
    function.__name__: function
    for function in (
        burst_limited,
        others_unaffected,
        not_spoofable,
        headers_limited,
        admin_restricted,
        open_to_public,
        canonical_host,
        http3_answers,
    )
}
