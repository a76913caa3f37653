# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checklist itself, its boxes ticked and the evidence beside each. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._verdict import GREEN
from ._words import STATUS_WORDS, facet_results, say, why

_ORDERED = {"rollback_procedure"}


def _code(text: str) -> str:
    """Inline code that no content can leave."""
    return "`" + text.replace("`", "ʼ") + "`" if text else ""


def _evidence(readiness: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    lines = []
    for facet in item["facets"]:
        for result in facet_results(readiness, facet):
            subject = result["subject"]
            parts = [f"{STATUS_WORDS[result['status']]}", f"{result['title']} ({subject['instance']} on {subject['host']})"]
            if result["observed"] is not None:
                parts.append("observed " + _code(say(result["observed"], 160)))
            if result["status"] != "pass" and result["reason"]:
                parts.append(say(result["reason"]))
            lines.append(f"  - {': '.join(parts[:2])}{' — ' + '; '.join(parts[2:]) if parts[2:] else ''}")
    return lines


def render(readiness: Mapping[str, Any]) -> str:
    """The user's own checklist text in its order."""
    verdict, run = readiness["verdict"], readiness["run"]
    lines = [
        "# Production Readiness Checklist",
        "",
        f"**{verdict['line']}** · grade {verdict['grade']} ({verdict['grade_reason']})",
        "",
        f"Environment {run['environment']}, run {run['id']}, profile {run['profile']} ({run['profile_reason']}), {run['finished']}.",
    ]
    shown: list[str] = []
    for group in readiness["groups"]:
        for level, heading in enumerate(group["path"]):
            if shown[level : level + 1] != [heading]:
                lines += ["", f"{'#' * (level + 2)} {heading}"]
                shown = shown[:level] + [heading]
        lines += ["", f"### {group['title']}" if len(group["path"]) < 2 else f"#### {group['title']}", ""]
        for number, item in enumerate(group["items"], 1):
            mark = "x" if item["status"] in GREEN else " "
            bullet = f"{number}." if group["id"] in _ORDERED else "-"
            lines.append(
                f"{bullet} [{mark}] {item['title']} — *{STATUS_WORDS[item['status']]}*{'' if item['required'] else ' (not required in this run)'}"
            )
            reason = why(readiness, item)
            if item["status"] not in ("pass",) and reason:
                lines.append(f"  - {say(reason)}")
            if item["status"] != "not_run":
                lines += _evidence(readiness, item)
    return "\n".join(lines) + "\n"
