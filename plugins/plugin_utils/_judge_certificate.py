# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of certificates as served and as they lie on disk. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Callable

from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

PROVIDED = "the certificate is provided as files; whoever provides them renews them"

#: How the own authority's name begins, see module_utils/_acme.py (a test holds them equal).
OWN_AUTHORITY = "prodready own authority of "

#: The timer of our own renewal: it serves all certificates of a host, and keeps a record of each.
OWN_TIMER = "prodready-certificates.timer"

REHEARSED_WITHIN = timedelta(days=30)


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
    further = str(context.params.get("ca_file") or "")

    def problem(entry: Mapping[str, Any]) -> str:
        # This host trusts its own authority, nobody else does: a chain to it proves nothing of what an ACME server was to issue.
        if context.params.get("provider") == "acme" and str(entry.get("issuer") or "").startswith(OWN_AUTHORITY):
            return "a stand-in of the own authority is served; the ACME server has not issued the certificate yet"
        return "" if entry["chain"] else entry["problem"] or "the chain was not verified"

    return _each(value, f"a chain to the host's trust store{' or to ' + further if further else ''}", "issuer", problem)


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
    if context.param("provider") == "files":
        return not_applicable(PROVIDED)
    expected = "one timer that renews this certificate, enabled, active and with a next run, whose last run did not fail"
    mine = [timer for timer in value if timer["renews"]]
    if not mine:
        others = ", ".join(timer["timer"] for timer in value)
        return failed("no timer renews this certificate" + (f"; {others} does not know it for these domains" if others else ""), value, expected)
    if len(mine) > 1:
        return failed(f"{' and '.join(timer['timer'] for timer in mine)} both renew this certificate", value, expected)
    timer = mine[0]
    if not timer["enabled"]:
        return failed(f"{timer['timer']} is not enabled: it does not come back after a reboot", value, expected)
    if not timer["active"] or not timer["scheduled"]:
        return failed(f"{timer['timer']} has no next run", value, expected)
    if timer["failed"]:
        return failed(f"the last renewal failed on {timer['failed']['at']}: {timer['failed']['message']}", value, expected)
    # Our own timer serves all certificates of the host: it may have failed for another one, and then says so there.
    if timer["last_result"] not in ("success", "") and not (timer["timer"] == OWN_TIMER and timer["explained"]):
        return failed(f"the last run of {timer['timer']} ended with {timer['last_result']}", value, expected)
    return passed(value, expected)


def renewal_rehearsed(value: Any, context: Context) -> Verdict:
    if context.param("provider") == "files":
        return not_applicable(PROVIDED)
    expected = f"a renewal or its dry run that succeeded in the last {REHEARSED_WITHIN.days} days"
    if not value:
        return unknown("no rehearsal of the renewal is recorded; a deep run makes one", None, expected)
    if not value["ok"]:
        return failed(f"{value['at']}: {value['message']}", value, expected)
    if context.now - datetime.fromisoformat(value["at"]) > REHEARSED_WITHIN:
        return failed(f"the last one was on {value['at']}", value, expected)
    return passed(value, expected)


JUDGEMENTS = {
    function.__name__: function for function in (chain, names, not_expiring, served_is_current, key_mode, renewal_scheduled, renewal_rehearsed)
}
