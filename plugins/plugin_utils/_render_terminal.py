# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The compact table on the terminal. PRIVATE to the collection."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from ._verdict import GREEN, STATUSES
from ._words import STATUS_WORDS, facet_results, iterate_items, result_sentence, say, why

_COLOURS = {"fail": 31, "error": 31, "blocked": 33, "unproven": 33, "not_run": 33, "pending": 36, "waived": 35, "pass": 32, "not_applicable": 90}
_WIDTH = 100


def _paint(text: str, code: int, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text


def _bar(items: list[Mapping[str, Any]], colour: bool) -> str:
    """One letter per item, in the checklist's order."""
    letters = {
        "fail": "✗",
        "error": "!",
        "blocked": "b",
        "unproven": "?",
        "not_run": "·",
        "pending": "…",
        "waived": "w",
        "pass": "✓",
        "not_applicable": "–",
    }
    return "".join(_paint(letters[item["status"]], _COLOURS[item["status"]], colour) for item in items)


def _open_items(readiness: Mapping[str, Any], colour: bool) -> list[str]:
    lines = []
    for _group, item in iterate_items(readiness):
        if not item["required"] or item["status"] in GREEN:
            continue
        word = _paint(f"{STATUS_WORDS[item['status']]:>8}", _COLOURS[item["status"]], colour)
        lines.append(f"{word}  {item['number']:>3}  {item['title']}  ({item['severity']})")
        sentence = why(readiness, item)
        lines += textwrap.wrap(sentence, _WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 15)[:4]
        remedies = {
            result["remedy"]
            for facet in item["facets"]
            for result in facet_results(readiness, facet)
            if result["status"] == item["status"] and item["status"] in ("fail", "error")
        }
        for remedy in sorted(remedies)[:2]:
            lines += textwrap.wrap("→ " + remedy, _WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 17)
        others = [
            result
            for facet in item["facets"]
            for result in facet_results(readiness, facet)
            if result["status"] in ("fail", "error") and result_sentence(result) != sentence
        ]
        lines += [f"{' ' * 15}also: {result['check']} — {say(result['reason'], 70)}" for result in others[:3]]
    return lines


def render(readiness: Mapping[str, Any], *, directory: str, colour: bool = False) -> str:
    """Groups with a mark per item, everything required that is not green with its reason and remedy, the verdict last."""
    verdict, run = readiness["verdict"], readiness["run"]
    lines = ["", f"Readiness of {run['environment']} · profile {run['profile']} ({run['profile_reason']})", ""]
    for group in readiness["groups"]:
        required = [item for item in group["items"] if item["required"]]
        if required:
            seconds = sum(result["seconds"] for item in required for facet in item["facets"] for result in facet_results(readiness, facet))
            green = sum(item["status"] in GREEN for item in required)
            lines.append(
                f"  {group['title']:<34} {_bar(required, colour)}{' ' * max(1, 14 - len(required))}{green}/{len(required)} green  {seconds:6.2f} s"
            )
    open_items = _open_items(readiness, colour)
    if open_items:
        lines += ["", *open_items]
    for note in readiness["notes"]:
        lines += ["", f"  {note['host']}: {note['note'].replace('_', ' ')}: {note['message']}"]
    changes = readiness["changes"]
    if changes and changes["items"]:
        lines += ["", f"  Since run {changes['run']}:"]
        lines += [f"    {change['title']}: {STATUS_WORDS[change['before']]} → {STATUS_WORDS[change['now']]}" for change in changes["items"][:12]]
        if len(changes["items"]) > 12:
            lines.append(f"    … and {len(changes['items']) - 12} more in the report")
    counts = ", ".join(f"{verdict['counts'][status]} {STATUS_WORDS[status]}" for status in reversed(STATUSES) if verdict["counts"][status])
    lines += ["", f"  Required: {counts or 'nothing'}."]
    if verdict["left_out"] or verdict["excluded"]:
        left = [f"{len(verdict['left_out'])} groups"] if verdict["left_out"] else []
        left += verdict["excluded"]
        lines += textwrap.wrap(f"Left out of scope: {', '.join(left)}.", _WIDTH, initial_indent="  ", subsequent_indent="  ")
    lines += [
        "",
        f"  {_paint(verdict['line'], 32 if verdict['green'] else 31, colour)}",
        f"  Grade {verdict['grade']}: {verdict['grade_reason']}",
        f"  Report: {directory}/readiness.html",
        "",
    ]
    return "\n".join(lines)
