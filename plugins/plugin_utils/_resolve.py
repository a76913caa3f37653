# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole picture, once: what ran against what should have, blocked, waived, measured, items, verdict. PRIVATE to the collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ._catalogue import HOW, SEVERITIES, WINDOWS, Catalogue
from ._verdict import GREEN, STATUSES, ChecklistError, worst
from ._words import STATUS_WORDS

#: A red parent makes its red children `blocked`.
RED = frozenset({"fail", "error", "blocked", "not_run"})

#: profile → the windows that are due
PROFILES = {
    "predeploy": ("predeploy", "rollback", "sign_off"),
    "h1": ("predeploy", "rollback", "sign_off", "h1"),
    "d1": ("predeploy", "rollback", "sign_off", "h1", "d1"),
    "d7": ("predeploy", "rollback", "sign_off", "h1", "d1", "d7"),
    "d30": WINDOWS,
}

#: A result measured by a deep run counts this long in quick ones.
MEASURED_MAX_AGE = timedelta(days=30)


@dataclass(frozen=True)
class Inputs:
    """Everything the report depends on; time is one of them."""

    run: Mapping[str, Any]
    records: list[Mapping[str, Any]]
    now: datetime
    waivers: list[Mapping[str, Any]] = field(default_factory=list)
    declarations: list[Mapping[str, Any]] = field(default_factory=list)
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    previous: Mapping[str, Any] | None = None


def result_key(result: Mapping[str, Any]) -> str:
    subject = result["subject"]
    return "/".join((result["check"], subject["kind"], subject["host"], subject["instance"]))


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with its zone; `Z` is accepted."""
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ChecklistError(f"the time '{text}' has no zone; write it like 2026-01-31T12:00:00Z")
    return moment


def default_profile(records: Iterable[Mapping[str, Any]], now: datetime) -> tuple[str, str]:
    """The profile by the age of the newest deployment, and why."""
    deployed = [parse_time(record["facts"]["deployed_at"]) for record in records if (record.get("facts") or {}).get("deployed_at")]
    if not deployed:
        return "predeploy", "no deployment record was found"
    age = now - max(deployed)
    for profile, limit in (("h1", timedelta(hours=1)), ("d1", timedelta(days=1)), ("d7", timedelta(days=7))):
        if age < limit:
            return profile, f"the newest deployment is {_age(age)} old"
    return "d30", f"the newest deployment is {_age(age)} old"


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def select_scope(catalogue: Catalogue, scope: list[str], excluded: list[str]) -> set[str] | None:
    """Item ids in scope (groups or items by id); None means all. An unknown name is an error that says so."""
    members: dict[str, set[str]] = {}
    for group, item in catalogue.items():
        members.setdefault(group["id"], set()).add(item["id"])
        members[item["id"]] = {item["id"]}
    for name in (*scope, *excluded):
        if name not in members:
            raise ChecklistError(
                f"prodready_scope names '{name}', which is neither a group nor an item of the checklist. "
                f"Groups are: {', '.join(group['id'] for group in catalogue.groups)}"
            )
    if not scope and not excluded:
        return None
    chosen = set().union(*(members[name] for name in scope)) if scope else {item["id"] for _group, item in catalogue.items()}
    return chosen - set().union(*(members[name] for name in excluded), set())


def _unrun(check: Mapping[str, Any], planned: Mapping[str, Any], *, status: str, reason: str) -> dict[str, Any]:
    return {
        "check": check["id"],
        "subject": {"kind": planned["subject"], "host": planned["host"], "instance": planned["instance"]},
        "observed_from": "",
        "status": status,
        "observed": None,
        "expected": "",
        "reason": reason,
        "seconds": 0.0,
        "repeat": check["repeat"],
    }


def _collect(catalogue: Catalogue, inputs: Inputs) -> list[dict[str, Any]]:
    """What ran, and for everything planned that did not: a result that says why."""
    results = {}
    for record in inputs.records:
        for result in record.get("results") or []:
            if result["check"] in catalogue.checks:
                results[result_key(result)] = dict(result)
    unreachable = {note["host"]: note["message"] for note in inputs.records if note.get("note") == "unreachable"}
    for planned in inputs.run.get("plan") or []:
        for check in catalogue.checks_of(planned["owner"], planned["subject"]):
            if planned["host"] in unreachable:
                reason = f"{planned['host']} is unreachable: {unreachable[planned['host']]}"
                missing = _unrun(check, planned, status="error", reason=reason)
            else:
                reason = f"role {planned['owner']} did not report on {planned['instance']} at {planned['host']}"
                missing = _unrun(check, planned, status="not_run", reason=reason)
            results.setdefault(result_key(missing), missing)
    return [results[key] for key in sorted(results)]


def _recall(catalogue: Catalogue, inputs: Inputs, results: list[dict[str, Any]]) -> None:
    """A check this run may not make counts with what a permitted run measured, as long as that is young and of this release."""
    releases = {
        (record["host"], record["instance"]): record["facts"].get("release")
        for record in inputs.records
        if (record.get("facts") or {}).get("release")
    }
    for result in results:
        kept = inputs.measured.get(result_key(result))
        check = catalogue.checks[result["check"]]
        if result["status"] != "not_run" or kept is None or (check["cost"], check["effect"]) == ("quick", "none"):
            continue
        release = releases.get((result["subject"]["host"], result["subject"]["instance"]))
        said = f"measured at {kept['measured_at']} by run {kept['run']}"
        result.update({key: kept[key] for key in ("observed", "expected", "observed_from", "seconds")})
        if inputs.now - parse_time(kept["measured_at"]) > MEASURED_MAX_AGE:
            result.update(status="unproven", reason=f"{said}, which is older than {MEASURED_MAX_AGE.days} days")
        elif kept.get("release") != release:
            result.update(status="unproven", reason=f"{said} for release {kept.get('release')}; now {release} runs")
        else:
            result.update(status=kept["status"], reason=f"{kept['reason']} ({said})".strip())


def to_measured(catalogue: Catalogue, inputs: Inputs, results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What this run measured and later quick runs may read: deep or effectful checks that were decided."""
    releases = {
        (record["host"], record["instance"]): record["facts"].get("release")
        for record in inputs.records
        if (record.get("facts") or {}).get("release")
    }
    kept = dict(inputs.measured)
    for result in results:
        check = catalogue.checks[result["check"]]
        if (check["cost"], check["effect"]) != ("quick", "none") and result["status"] in ("pass", "fail") and "measured at" not in result["reason"]:
            kept[result_key(result)] = {
                **{key: result[key] for key in ("status", "observed", "expected", "observed_from", "reason", "seconds")},
                "measured_at": inputs.now.isoformat(timespec="seconds"),
                "run": inputs.run["id"],
                "release": releases.get((result["subject"]["host"], result["subject"]["instance"])),
            }
    return kept


def _block(catalogue: Catalogue, results: list[dict[str, Any]]) -> None:
    """One break, one red: a red result whose required check is red too is `blocked` by it."""
    by_check: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        by_check.setdefault(result["check"], []).append(result)
    before = {id(result): result["status"] for result in results}
    for result in results:
        if result["status"] not in ("fail", "error"):
            continue
        for parent in catalogue.checks[result["check"]]["requires"]:
            candidates = [one for one in by_check.get(parent, []) if one["subject"]["host"] == result["subject"]["host"]]
            same = [one for one in candidates if one["subject"]["instance"] == result["subject"]["instance"]]
            red = [one for one in (same or candidates) if before[id(one)] in RED]
            if red:
                result["status"] = "blocked"
                result["reason"] = f"blocked by {parent} on {red[0]['subject']['instance']}: {result['reason']}"
                break


def _validate_waiver(waiver: Mapping[str, Any], catalogue: Catalogue, now: datetime) -> str:
    """Why a waiver does not count, or nothing."""
    missing = [key for key in ("check", "owner", "justification", "until") if not str(waiver.get(key) or "").strip()]
    if missing:
        return f"it lacks {', '.join(missing)}"
    if waiver["check"] not in catalogue.checks:
        return f"there is no check '{waiver['check']}'"
    try:
        until = datetime.fromisoformat(str(waiver["until"])).date()
    except ValueError:
        return f"until is '{waiver['until']}', a date like 2026-12-31 is expected"
    return f"it ended on {until}" if until < now.date() else ""


def _waive(catalogue: Catalogue, inputs: Inputs, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Apply accepted failures; the list returned says of each waiver whether it counted, and why not."""
    listed = []
    for waiver in inputs.waivers:
        problem = _validate_waiver(waiver, catalogue, inputs.now)
        used = 0
        if not problem:
            for result in results:
                subject = result["subject"]
                fits = result["check"] == waiver["check"] and all(waiver.get(key) in (None, subject[key]) for key in ("host", "instance"))
                if fits and result["status"] in ("fail", "error", "unproven"):
                    used += 1
                    result["reason"] = (
                        f"waived by {waiver['owner']} until {waiver['until']}: {waiver['justification']} (was {result['status']}: {result['reason']})"
                    )
                    result["status"] = "waived"
        listed.append({**{key: str(value) for key, value in waiver.items()}, "problem": problem, "used": used})
    return listed


def _facet(catalogue: Catalogue, claim: str, text: str, by_check: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    checks = catalogue.by_facet.get(claim, [])
    found = [result for check in checks for result in by_check.get(check, [])]
    status = worst(result["status"] for result in found)
    reason = ""
    if not checks:
        reason = "no check proves this yet"
    elif not found:
        kinds = sorted({catalogue.checks[check]["subject"] for check in checks})
        reason = f"this run looked at no {' or '.join(kinds)}"
    return {"id": claim.split("#")[1], "title": text, "status": status, "reason": reason, "results": [result_key(one) for one in found]}


def _declare(item: dict[str, Any], declarations: Iterable[Mapping[str, Any]]) -> None:
    """`not_applicable` as a declaration by a named owner; observed use that disagrees is a `fail`."""
    for declaration in declarations:
        if declaration.get("item") != item["id"]:
            continue
        owner, reason = declaration.get("owner"), declaration.get("reason")
        if not owner or not reason:
            item.update(status="error", reason="its declaration in prodready_not_applicable lacks an owner or a reason")
        elif any(facet["status"] in ("pass", "fail", "waived") for facet in item["facets"]):
            item.update(status="fail", reason=f"declared not applicable by {owner} ({reason}), but it was observed in use")
        else:
            item.update(status="not_applicable", reason=f"declared by {owner}, not observed: {reason}", declared=True)


def _items(catalogue: Catalogue, inputs: Inputs, results: list[dict[str, Any]], *, due: set[str], scope: set[str] | None) -> list[dict[str, Any]]:
    by_check: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        by_check.setdefault(result["check"], []).append(result)
    groups = []
    for group in catalogue.groups:
        entries = []
        for item in group["items"]:
            facets = [_facet(catalogue, f"{item['id']}#{name}", text, by_check) for name, text in item["facets"].items()]
            status = worst(facet["status"] for facet in facets)
            reasons = [facet["reason"] for facet in facets if facet["status"] == status and facet["reason"]]
            entry = {
                "number": item["number"],
                "id": item["id"],
                "title": item["title"],
                "severity": item["severity"],
                "status": status,
                "reason": reasons[0] if reasons else "",
                "due": group["window"] in due,
                "in_scope": scope is None or item["id"] in scope,
                "facets": facets,
            }
            _declare(entry, inputs.declarations)
            entry["required"] = entry["due"] and entry["in_scope"]
            entries.append(entry)
        groups.append({**{key: group[key] for key in ("id", "title", "path", "window")}, "items": entries})
    return groups


def _grade(required: list[Mapping[str, Any]], waivers: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """A letter with the reason that capped it; never a percentage."""
    red = [item for item in required if item["status"] in ("fail", "error", "blocked")]
    if red:
        first = min(red, key=lambda item: SEVERITIES.index(item["severity"]))
        letter = "F" if first["severity"] in ("critical", "high") else "D"
        return letter, f"{first['title']} ({first['severity']}) is {STATUS_WORDS[first['status']]}"
    open_items = [item for item in required if item["status"] not in GREEN]
    if open_items:
        return "C", f"{open_items[0]['title']} is {STATUS_WORDS[open_items[0]['status']]}"
    waived = [item for item in required if item["status"] == "waived"]
    if waived or any(waiver["used"] for waiver in waivers):
        return "B", "accepted failures stand behind it"
    return "A", "everything required is proved"


def _counts(items: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counter = Counter(item["status"] for item in items)
    return {status: counter.get(status, 0) for status in STATUSES}


def _verdict(groups: list[dict[str, Any]], inputs: Inputs, waivers: list[dict[str, Any]], *, scoped: bool) -> dict[str, Any]:
    items = [item for group in groups for item in group["items"]]
    required = [item for item in items if item["required"]]
    red = [item for item in required if item["status"] not in GREEN]
    notes = [note for note in inputs.records if note.get("note") == "provision_failed"]
    good = bool(required) and not red and not notes
    letter, cap = _grade(required, waivers)
    in_groups = sum(1 for group in groups if any(item["required"] for item in group["items"]))
    extent = f"{len(required)} of {len(items)} items ({in_groups} group{'' if in_groups == 1 else 's'})"
    signed = sum(1 for item in required if item["status"] == "waived")
    if notes:
        hosts = ", ".join(sorted({note["host"] for note in notes}))
        word = "SCOPE RED" if scoped else "NOT READY"
        line = f"{word}: provisioning failed on {hosts}; {len(red)} of {len(required)} required items are not green"
    elif scoped:
        line = f"SCOPE GREEN: {extent}" if good else f"SCOPE RED: {len(red)} of {len(required)} required items are not green ({extent})"
    elif good:
        line = f"READY WITH {signed} ACCEPTED RISKS" if signed else "READY"
    else:
        line = f"NOT READY: {len(red)} of {len(required)} required items are not green"
    if not required:
        line = "NOTHING REQUIRED: scope and profile leave no item to prove"
    return {
        "line": line,
        "ready": good and not scoped,
        "green": good,
        "scoped": scoped,
        "exit_status": 0 if good else 1,
        "grade": letter if required and not notes else "F",
        "grade_reason": "provisioning failed" if notes else cap,
        "required": len(required),
        "counts": _counts(required),
        "counts_all": _counts(items),
    }


def _changes(groups: list[dict[str, Any]], previous: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What differs from the last report of this environment."""
    if not previous:
        return None
    before = {item["id"]: item["status"] for group in previous.get("groups", []) for item in group["items"]}
    changed = [
        {"item": item["id"], "title": item["title"], "before": before[item["id"]], "now": item["status"]}
        for group in groups
        for item in group["items"]
        if item["id"] in before and before[item["id"]] != item["status"]
    ]
    return {"run": previous["run"]["id"], "items": changed}


def resolve(catalogue: Catalogue, inputs: Inputs) -> dict[str, Any]:
    """The readiness report as data: the source of every output format."""
    run = dict(inputs.run)
    scope = select_scope(catalogue, list(run.get("scope") or []), list(run.get("scope_except") or []))
    profile = run.get("profile") or "auto"
    why = "chosen by prodready_profile"
    if profile == "auto":
        profile, why = default_profile(inputs.records, inputs.now)
    if profile not in PROFILES:
        raise ChecklistError(f"prodready_profile is '{profile}'; known are auto, {', '.join(PROFILES)}")
    due = set(PROFILES[profile])

    results = _collect(catalogue, inputs)
    _recall(catalogue, inputs, results)
    _block(catalogue, results)
    waivers = _waive(catalogue, inputs, results)
    groups = _items(catalogue, inputs, results, due=due, scope=scope)
    joined = {}
    for result in results:
        check = catalogue.checks[result["check"]]
        joined[result_key(result)] = {
            **result,
            "title": check["title"],
            "how": HOW[check["how"]],
            "source": check["source"],
            "remedy": check["remedy"],
            "cost": check["cost"],
            "effect": check["effect"],
            "proves": check["proves"],
        }
    left_out = sorted({group["title"] for group in groups if not any(item["in_scope"] for item in group["items"])}) if scope is not None else []
    excluded = [item["id"] for group in groups for item in group["items"] if not item["in_scope"] and any(one["in_scope"] for one in group["items"])]
    return {
        "schema_version": 1,
        "run": {**run, "profile": profile, "profile_reason": why, "finished": inputs.now.isoformat(timespec="seconds")},
        "verdict": {**_verdict(groups, inputs, waivers, scoped=scope is not None), "left_out": left_out, "excluded": excluded},
        "subjects": _subjects(inputs.records),
        "notes": [{key: note[key] for key in ("note", "host", "message")} for note in inputs.records if note.get("note")],
        "groups": groups,
        "results": joined,
        "waivers": waivers,
        "changes": _changes(groups, inputs.previous),
    }


def _subjects(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was looked at, with the facts the probes brought (release, deployment time)."""
    return [
        {
            "kind": record["subject"],
            "host": record["host"],
            "instance": record["instance"],
            "owner": record["owner"],
            "facts": record.get("facts") or {},
        }
        for record in records
        if "results" in record
    ]
