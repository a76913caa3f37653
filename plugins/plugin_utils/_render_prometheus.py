# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The textfile collector's format; without timestamps, which the collector refuses. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._resolve import parse_time
from ._verdict import GREEN, STATUSES
from ._words import iterate_items


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(status: str) -> int:
    """1 green, 0 decided against, -1 not known."""
    if status in GREEN:
        return 1
    return 0 if status == "fail" else -1


def render(readiness: Mapping[str, Any]) -> str:
    run, verdict = readiness["run"], readiness["verdict"]
    environment = _label(run["environment"])
    lines = [
        "# HELP readiness_item Item of the checklist: 1 green, 0 failed, -1 not known.",
        "# TYPE readiness_item gauge",
    ]
    for group, item in iterate_items(readiness):
        lines.append(
            f'readiness_item{{environment="{environment}",id="{item["id"]}",group="{group["id"]}",severity="{item["severity"]}",'
            f'status="{item["status"]}",required="{str(item["required"]).lower()}"}} {_value(item["status"])}'
        )
    lines += [
        "# HELP readiness_check Check on one subject: 1 green, 0 failed, -1 not known.",
        "# TYPE readiness_check gauge",
    ]
    for result in readiness["results"].values():
        subject = result["subject"]
        lines.append(
            f'readiness_check{{environment="{environment}",id="{result["check"]}",host="{_label(subject["host"])}",'
            f'kind="{subject["kind"]}",name="{_label(subject["instance"])}"}} {_value(result["status"])}'
        )
    lines += [
        "# HELP readiness_required_items Required items by status.",
        "# TYPE readiness_required_items gauge",
        *(f'readiness_required_items{{environment="{environment}",status="{status}"}} {verdict["counts"][status]}' for status in STATUSES),
        "# HELP readiness_green Whether the exit rule is met.",
        "# TYPE readiness_green gauge",
        f'readiness_green{{environment="{environment}"}} {int(verdict["green"])}',
        "# HELP readiness_last_run_timestamp_seconds When the run finished.",
        "# TYPE readiness_last_run_timestamp_seconds gauge",
        f'readiness_last_run_timestamp_seconds{{environment="{environment}"}} {int(parse_time(run["finished"]).timestamp())}',
    ]
    return "\n".join(lines) + "\n"
