# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks meet observations: one result per check and subject. No I/O, no Ansible. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._catalogue import COSTS, EFFECTS, Catalogue
from ._expectation import check_expectation, describe, dig, is_missing
from ._judgements import judgements_of
from ._verdict import ChecklistError, Context, Verdict


@dataclass(frozen=True)
class Subject:
    """What was looked at: `kind` as in the catalogue, on `host`, called `instance`."""

    kind: str
    host: str
    instance: str


@dataclass(frozen=True)
class Permissions:
    """How much a run may cost and what it may leave or break; each word includes those before it."""

    depth: str = "quick"
    effects: str = "none"

    def __post_init__(self) -> None:
        if self.depth not in COSTS:
            raise ChecklistError(f"prodready_depth is '{self.depth}'; known are {', '.join(COSTS)}")
        if self.effects not in EFFECTS:
            raise ChecklistError(f"prodready_effects is '{self.effects}'; known are {', '.join(EFFECTS)}")

    def refusal(self, check: Mapping[str, Any]) -> str:
        """Why a check may not run, or nothing."""
        missing = []
        if EFFECTS.index(check["effect"]) > EFFECTS.index(self.effects):
            missing.append(f"prodready_effects={check['effect']}")
        if COSTS.index(check["cost"]) > COSTS.index(self.depth):
            missing.append(f"prodready_depth={check['cost']}")
        return f"needs {' and '.join(missing)}" if missing else ""


@dataclass(frozen=True)
class Observed:
    """A probe's answer as evaluation accepts it: observations, or the reason why there are none."""

    observations: Mapping[str, Any] = field(default_factory=dict)
    observed_from: str = ""
    problem: str = ""


def read_probe(name: str, answer: Any) -> Observed:
    """Accept only what a probe really observed: an unreachable, failed or skipped task is a problem with its reason."""
    if not isinstance(answer, Mapping):
        return Observed(problem=f"probe {name} handed over nothing")
    message = str(answer.get("msg") or answer.get("skip_reason") or "").strip()
    if answer.get("unreachable"):
        return Observed(problem=f"the host is unreachable: {message}")
    if answer.get("failed"):
        return Observed(problem=f"probe {name} failed: {message or 'no message'}")
    if answer.get("skipped"):
        return Observed(problem=f"probe {name} was skipped: {message or 'no reason given'}")
    if not isinstance(answer.get("observations"), Mapping):
        return Observed(problem=f"probe {name} observed nothing")
    return Observed(observations=answer["observations"], observed_from=str(answer.get("observed_from") or "host"))


def _observation(path: str, probe: Observed) -> tuple[Any, str, float]:
    """The value at a path, the reason why there is none, and how long it took."""
    name, *rest = path.split(".")
    entry = probe.observations.get(name)
    if not isinstance(entry, Mapping):
        return None, f"the probe has no observation '{name}'", 0.0
    seconds = float(entry.get("seconds") or 0.0)
    if "error" in entry:
        return None, str(entry["error"]), seconds
    return dig(entry.get("value"), rest), "", seconds


def _judge(check: Mapping[str, Any], value: Any, context: Context) -> Verdict:
    owner = check["id"].split(".")[0]
    judgement = judgements_of(owner).get(check["judge"])
    if judgement is None:
        return Verdict("error", reason=f"the judgement '{check['judge']}' does not exist")
    if is_missing(value):
        return Verdict("error", reason=f"the probe's answer has no '{check['observe']}'")
    try:
        return judgement(value, context)
    except ChecklistError as error:
        return Verdict("error", reason=str(error))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return Verdict("error", reason=f"the answer cannot be judged: {type(error).__name__}: {error}")


def _applies_not(check: Mapping[str, Any], probe: Observed, params: Mapping[str, Any]) -> Verdict | None:
    rule = dict(check.get("not_applicable") or {})
    if not rule:
        return None
    path, reason = rule.pop("observe"), rule.pop("reason")
    value, problem, _seconds = _observation(path, probe)
    if problem:
        return Verdict("error", reason=problem)
    verdict = check_expectation(rule, value, params)
    if verdict.status == "error":
        return verdict
    return Verdict("not_applicable", verdict.observed, "", reason) if verdict.status == "pass" else None


def _verdict(check: Mapping[str, Any], probe: Observed, params: Mapping[str, Any], now: datetime) -> tuple[Verdict, float]:
    if probe.problem:
        return Verdict("error", reason=probe.problem), 0.0
    exempt = _applies_not(check, probe, params)
    if exempt is not None:
        return exempt, 0.0
    value, problem, seconds = _observation(check["observe"], probe)
    if problem:
        return Verdict("error", reason=problem), seconds
    if "judge" in check:
        context = Context(params=params, observations=probe.observations, now=now, args=check.get("args") or {})
        return _judge(check, value, context), seconds
    return check_expectation(check["expect"], value, params), seconds


def _fill(text: str, params: Mapping[str, Any]) -> str:
    """Fill `{names}` of a command from the params; a name that is not there stays as it is."""
    for name, value in params.items():
        if isinstance(value, (str, int)):
            text = text.replace("{" + name + "}", str(value))
    return text


def evaluate(
    catalogue: Catalogue,
    *,
    owner: str,
    subject: Subject,
    probes: Mapping[str, Any],
    params: Mapping[str, Any],
    now: datetime,
    permissions: Permissions,
) -> list[dict[str, Any]]:
    """Results of all checks of one owner on one subject, in the catalogue's order."""
    checks = catalogue.checks_of(owner, subject.kind)
    if not checks:
        raise ChecklistError(f"the catalogue has no check of owner '{owner}' for a subject of kind '{subject.kind}'")
    answers = {name: read_probe(name, answer) for name, answer in probes.items()}
    results = []
    for check in checks:
        refusal = permissions.refusal(check)
        probe = answers.get(check["probe"]) or Observed(problem=f"probe {check['probe']} was not handed over")
        if refusal:
            verdict, seconds = Verdict("not_run", reason=refusal), 0.0
        else:
            verdict, seconds = _verdict(check, probe, params, now)
        expected = verdict.expected
        if not expected and "expect" in check:
            try:
                expected = describe(check["expect"], params)
            except ChecklistError:
                expected = ""
        results.append(
            {
                "check": check["id"],
                "subject": {"kind": subject.kind, "host": subject.host, "instance": subject.instance},
                "observed_from": probe.observed_from,
                "status": verdict.status,
                "observed": verdict.observed,
                "expected": expected,
                "reason": verdict.reason,
                "seconds": seconds,
                "repeat": _fill(check["repeat"], params),
            }
        )
    return results
