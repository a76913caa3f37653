# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of certificates as served and as they lie on disk. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Callable

from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

RENEWED_BY = {
    "own_ca": "the own CA's certificates are renewed by every run of the certificate role in their last 30 days; no timer is needed",
    "files": "the certificate is provided as files; whoever provides them renews them",
}


def _each(value: Sequence[Mapping[str, Any]], expected: str, shown: str, problem_of: Callable[[Mapping[str, Any]], str]) -> Verdict:
    observed = {entry["domain"]: entry.get(shown) or entry["problem"] for entry in value}
    for entry in value:
        if not entry["answered"]:
            return unknown(f"{entry['domain']} at {entry['address']} gave no certificate: {entry['problem']}", observed, expected)
        problem = problem_of(entry)
        if problem:
            return failed(f"{entry['domain']}: {problem}", observed, expected)
    return passed(observed, expected) if value else unknown("no domain was asked for", None, expected)


def chain(value: Any, context: Context) -> Verdict:
    def problem(entry: Mapping[str, Any]) -> str:
        return "" if entry["chain"] else entry["problem"] or "the chain was not verified"

    return _each(value, "a chain to the host's trust store", "issuer", problem)


def names(value: Any, context: Context) -> Verdict:
    def problem(entry: Mapping[str, Any]) -> str:
        return "" if entry["names_domain"] else f"the certificate served is for {', '.join(entry['names']) or 'no name'}"

    return _each(value, "every domain is among the names of the certificate served for it", "names", problem)


def not_expiring(value: Any, context: Context) -> Verdict:
    due = max(int(context.params.get("min_days") or 21), 21)

    def problem(entry: Mapping[str, Any]) -> str:
        ends, begins = datetime.fromisoformat(entry["not_after"]), datetime.fromisoformat(entry["not_before"])
        if begins > context.now:
            return f"valid only from {entry['not_before']}"
        left = ends - context.now
        if left < timedelta(0):
            return f"expired on {entry['not_after']}"
        return f"expires in {left.days} days, on {entry['not_after']}; at least {due} are expected" if left < timedelta(days=due) else ""

    return _each(value, f"valid now and for at least {due} more days", "not_after", problem)


def served_is_current(value: Any, context: Context) -> Verdict:
    in_file = context.observations.get("file") or {}
    if "value" not in in_file:
        return unknown(str(in_file.get("error") or "the certificate's file was not observed"))
    wanted = in_file["value"]

    def problem(entry: Mapping[str, Any]) -> str:
        if entry["sha256"] == wanted["sha256"]:
            return ""
        return f"serial {entry['serial']} is served, serial {wanted['serial']} is in {wanted['path']}"

    return _each(value, "the certificate served is the one in the file", "serial", problem)


def key_mode(value: Any, context: Context) -> Verdict:
    expected = "owned by root, mode 0600 or stricter, and the certificate's own key"
    shown = {"path": value["path"], "uid": value["uid"], "mode": value["mode"], "matches": value["matches"]}
    if value["uid"] != 0:
        return failed(f"{value['path']} belongs to uid {value['uid']}", shown, expected)
    if int(value["mode"], 8) & 0o177:
        return failed(f"{value['path']} has mode {value['mode']}", shown, expected)
    if not value["matches"]:
        return failed(f"{value['path']} does not belong to the certificate beside it", shown, expected)
    return passed(shown, expected)


def renewal_scheduled(value: Any, context: Context) -> Verdict:
    provider = context.param("provider")
    if provider in RENEWED_BY:
        return not_applicable(RENEWED_BY[provider])
    expected = "an enabled timer with a next run"
    if not any(timer["scheduled"] for timer in value):
        return failed("no timer that renews certificates has a next run", value, expected)
    return passed(value, expected)


def renewal_rehearsed(value: Any, context: Context) -> Verdict:
    provider = context.param("provider")
    if provider in RENEWED_BY:
        return not_applicable(RENEWED_BY[provider])
    return unknown(f"no rehearsal is known for the provider '{provider}'")


JUDGEMENTS = {
    function.__name__: function for function in (chain, names, not_expiring, served_is_current, key_mode, renewal_scheduled, renewal_rehearsed)
}
