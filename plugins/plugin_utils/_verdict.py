# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The statuses, their order, and what a judgement returns. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: Worst first. An item has the worst status of its facets.
STATUSES = ("fail", "error", "blocked", "unproven", "not_run", "pending", "waived", "pass", "not_applicable")

#: What the exit rule accepts.
GREEN = frozenset({"pass", "waived", "not_applicable"})


class ChecklistError(Exception):
    """A mistake of catalogue, inventory or caller, said in a full sentence."""


@dataclass(frozen=True)
class Verdict:
    """What became of one check on one subject."""

    status: str
    observed: Any = None
    expected: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Context:
    """What a judgement may look at beside the observed value. `now` is an aware datetime."""

    params: Mapping[str, Any]
    observations: Mapping[str, Any]
    now: datetime
    args: Mapping[str, Any] = field(default_factory=dict)

    def param(self, name: str) -> Any:
        """A value the site declared; a missing one is an error that names it."""
        if self.params.get(name) is None:
            raise ChecklistError(f"the parameter '{name}' is not defined; the verify entry point must hand it over")
        return self.params[name]


def worst(statuses: Iterable[str]) -> str:
    """The worst of some statuses; of none, `not_run`."""
    found = set(statuses)
    unknown = found - set(STATUSES)
    if unknown:
        raise ChecklistError(f"unknown status {sorted(unknown)[0]!r}; known are {', '.join(STATUSES)}")
    return next((status for status in STATUSES if status in found), "not_run")


def passed(observed: Any, expected: str) -> Verdict:
    return Verdict("pass", observed, expected)


def failed(reason: str, observed: Any, expected: str) -> Verdict:
    return Verdict("fail", observed, expected, reason)


def unknown(reason: str, observed: Any = None, expected: str = "") -> Verdict:
    return Verdict("error", observed, expected, reason)


def pending(reason: str, until: str) -> Verdict:
    return Verdict("pending", None, "", f"{reason} (until {until})")


def not_applicable(reason: str, observed: Any = None) -> Verdict:
    return Verdict("not_applicable", observed, "", reason)
