# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of the protecting response headers. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

YEAR = 31536000
EXPECTED = "Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options and Referrer-Policy, each exactly once and as strict as due"

_ONE_OF = {
    "x-content-type-options": ("nosniff",),
    "x-frame-options": ("deny", "sameorigin"),
    "referrer-policy": ("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"),
}
#: Names that no public site can have (RFC 2606, RFC 6761). Only there may a site be allowed to change its mind about HTTPS soon.
_RESERVED = re.compile(r"(^|\.)(localhost|test|invalid|example|example\.(com|net|org))$")


def due_age(domains: Sequence[str], declared: Any) -> int:
    """How long HSTS must last: a year, or on reserved names what the site declares."""
    if domains and all(_RESERVED.search(domain.lower()) for domain in domains) and isinstance(declared, int):
        return max(1, min(declared, YEAR))
    return YEAR


def due_words(context: Context) -> tuple[str, ...]:
    """What the site declares beside how long HSTS lasts."""
    words = {"includesubdomains": "hsts_include_subdomains", "preload": "hsts_preload"}
    return tuple(word for word, name in words.items() if context.params.get(name))


def _hsts_problem(value: str, due: int, words: Sequence[str]) -> str:
    found = re.search(r"(?:^|;)\s*max-age\s*=\s*\"?(\d+)", value, re.IGNORECASE)
    if not found:
        return f"Strict-Transport-Security is '{value}', without max-age"
    if int(found.group(1)) < due:
        return f"Strict-Transport-Security lasts {found.group(1)} s, due are {due} s"
    said = [part.strip().lower() for part in value.split(";")]
    missing = [word for word in words if word not in said]
    return f"Strict-Transport-Security is '{value}', without {' and '.join(missing)} that the site declares" if missing else ""


def problem_of(entry: Mapping[str, Any], due: int, words: Sequence[str] = ()) -> str:
    """What is wrong with the headers of one answer, or nothing."""
    headers = entry["headers"]
    names = list(_ONE_OF) + (["strict-transport-security"] if entry["secure"] else [])
    for name in sorted(names):
        values = headers.get(name) or []
        if len(values) != 1:
            return f"{name} is missing" if not values else f"{name} comes {len(values)} times: {' | '.join(values)}"
        if name == "strict-transport-security":
            problem = _hsts_problem(values[0], due, words)
            if problem:
                return problem
        elif values[0].split(",")[-1].strip().lower() not in _ONE_OF[name]:
            return f"{name} is '{values[0]}'"
    return ""


def _judge(value: Sequence[Mapping[str, Any]], context: Context, kinds: Mapping[str, Sequence[int]]) -> Verdict:
    """`kinds` says which answers are looked at, and with which status they count; no status means any below 500."""
    due = due_age(context.param("domains"), context.params.get("hsts_max_age"))
    looked_at: dict[str, str] = {}
    for entry in value:
        if entry["kind"] not in kinds:
            continue
        place = f"{entry['kind']} ({entry['path']})"
        if entry["status"] is None:
            return unknown(f"{place} was not answered: {entry['problem']}", None, EXPECTED)
        statuses = kinds[entry["kind"]]
        if statuses and entry["status"] not in statuses:
            wanted = " or ".join(str(status) for status in statuses)
            return failed(f"{place} is answered with {entry['status']}, not with {wanted}", looked_at, EXPECTED)
        problem = problem_of(entry, due, due_words(context))
        looked_at[f"{entry['kind']} {entry['status']}"] = problem or "all there"
        if problem:
            return failed(f"{place}, {entry['status']}: {problem}", looked_at, EXPECTED)
    if not looked_at:
        return unknown("no such answer was seen", None, EXPECTED)
    return passed(looked_at, EXPECTED)


def headers_pages(value: Any, context: Context) -> Verdict:
    return _judge(value, context, {"page": ()})


def headers_redirects(value: Any, context: Context) -> Verdict:
    found = [entry for entry in value if entry["kind"] == "redirect of the application"]
    if not found:
        verdict = _judge(value, context, {"redirect to https": (301, 302, 307, 308)})
        return not_applicable("the site declares no address that redirects (redirect_paths)") if verdict.status == "pass" else verdict
    if not 300 <= (found[0]["status"] or 0) < 400:
        return unknown(f"{found[0]['path']} is not answered with a redirect; name a path that is in redirect_paths of the site", None, EXPECTED)
    return _judge(value, context, {"redirect of the application": (), "redirect to https": (301, 302, 307, 308)})


def headers_errors(value: Any, context: Context) -> Verdict:
    return _judge(value, context, {"page not found": (), "too large": (413,), "bad request": (), "method refused": ()})


def headers_static_and_media(value: Any, context: Context) -> Verdict:
    if not any(entry["kind"] == "static" for entry in value):
        static = context.observations.get("static") or {}
        if "value" in static and not static["value"]["path"]:
            verdict = _judge(value, context, {"static not found": (), "media": (200,), "media not found": ()})
            return not_applicable(static["value"]["reason"]) if verdict.status == "pass" else verdict
        return unknown("no static file was found on the site's pages", None, EXPECTED)
    return _judge(value, context, {"static": (200,), "static not found": (), "media": (200,), "media not found": ()})


HEADER_JUDGEMENTS = {function.__name__: function for function in (headers_pages, headers_redirects, headers_errors, headers_static_and_media)}
