# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JUnit XML: a suite per group, a case per item; by the same exit rule. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ._verdict import GREEN
from ._words import facet_results, result_sentence, why

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("�", text))


def _outcome(readiness: Mapping[str, Any], item: Mapping[str, Any]) -> tuple[str, str]:
    """The element's name (empty for a pass) and its message."""
    message = why(readiness, item)
    if item["status"] in ("pass", "waived"):
        return "", message
    if item["status"] == "not_applicable" or not item["required"]:
        return "skipped", f"{item['status']}{'' if item['required'] else ' (not required in this run)'}: {message}"
    return ("error" if item["status"] == "error" else "failure"), f"{item['status']}: {message}"


def render(readiness: Mapping[str, Any]) -> str:
    suites = []
    for group in readiness["groups"]:
        cases = []
        counts = {"failure": 0, "error": 0, "skipped": 0}
        for item in group["items"]:
            results = [result for facet in item["facets"] for result in facet_results(readiness, facet)]
            element, message = _outcome(readiness, item)
            if element:
                counts[element] += 1
            body = ""
            if element == "skipped":
                body = f"<skipped message={_attribute(message)}/>"
            elif element:
                detail = "\n".join(result_sentence(result) for result in results if result["status"] not in GREEN)
                body = f"<{element} message={_attribute(message)}>{escape(_FORBIDDEN.sub('�', detail))}</{element}>"
            seconds = sum(result["seconds"] for result in results)
            name = _attribute(f"{item['number']} {item['title']}")
            cases.append(f'  <testcase classname={_attribute(group["title"])} name={name} time="{seconds:.3f}">{body}</testcase>')
        suites.append(
            f' <testsuite name={_attribute(group["title"])} tests="{len(cases)}" failures="{counts["failure"]}" '
            f'errors="{counts["error"]}" skipped="{counts["skipped"]}">\n' + "\n".join(cases) + "\n </testsuite>"
        )
    return '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="readiness">\n' + "\n".join(suites) + "\n</testsuites>\n"
