# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How observed values and statuses read in a report. PRIVATE to the collection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

STATUS_WORDS = {
    "fail": "fail",
    "error": "error",
    "blocked": "blocked",
    "unproven": "unproven",
    "not_run": "not run",
    "pending": "pending",
    "waived": "waived",
    "pass": "pass",
    "not_applicable": "n/a",
}

HOW_WORDS = {"L": "live probe", "R": "effective runtime value", "F": "file", "H": "history", "A": "attestation"}


def say(value: Any, limit: int = 300) -> str:
    """An observed value on one line, cut with its true length said."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def facet_results(readiness: Mapping[str, Any], facet: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [readiness["results"][key] for key in facet["results"]]


def why(readiness: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """The one sentence that says why an item is not green: its own reason, or its first facet of that status."""
    if item["reason"]:
        return item["reason"]
    for facet in item["facets"]:
        if facet["status"] == item["status"]:
            if facet["reason"]:
                return facet["reason"]
            for result in facet_results(readiness, facet):
                if result["status"] == item["status"]:
                    return result_sentence(result)
    return ""


def result_sentence(result: Mapping[str, Any]) -> str:
    """What was found and what was expected, on which subject."""
    subject = result["subject"]
    at = f"{subject['instance']} on {subject['host']}"
    said = f"{at}: {result['reason'] or result['title']}"
    if result["observed"] is not None:
        said += f" [observed {say(result['observed'], 120)}"
        said += f"; expected {say(result['expected'], 120)}]" if result["expected"] else "]"
    return said


def iterate_items(readiness: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return ((group, item) for group in readiness["groups"] for item in group["items"])
