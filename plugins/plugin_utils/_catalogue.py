# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue: items and checks, loaded from its JSON build and validated. PRIVATE to the collection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ._expectation import WORDS
from ._verdict import ChecklistError

CHECKLIST = Path(__file__).resolve().parents[2] / "checklist"

WINDOWS = ("predeploy", "h1", "d1", "d7", "d30", "rollback", "sign_off")
SEVERITIES = ("critical", "high", "medium", "low")
HOW = {"live": "L", "runtime": "R", "file": "F", "history": "H", "attested": "A"}
SUBJECTS = ("host", "certificate", "nginx", "site", "service", "cluster", "database", "pooler", "cache", "app")
COSTS = ("quick", "deep")
EFFECTS = ("none", "canary", "disruptive")

#: key → (required, allowed words or type)
CHECK_KEYS: dict[str, tuple[bool, Any]] = {
    "id": (True, str),
    "proves": (True, list),
    "title": (True, str),
    "how": (True, tuple(HOW)),
    "subject": (True, SUBJECTS),
    "probe": (True, str),
    "observe": (True, str),
    "expect": (False, dict),
    "judge": (False, str),
    "args": (False, dict),
    "requires": (False, list),
    "not_applicable": (False, dict),
    "cost": (False, COSTS),
    "effect": (False, EFFECTS),
    "source": (True, str),
    "repeat": (True, str),
    "remedy": (True, str),
}
ITEM_KEYS: dict[str, tuple[bool, Any]] = {
    "id": (True, str),
    "title": (True, str),
    "severity": (True, SEVERITIES),
    "facets": (True, dict),
}
GROUP_KEYS: dict[str, tuple[bool, Any]] = {
    "id": (True, str),
    "title": (True, str),
    "path": (True, list),
    "window": (True, WINDOWS),
    "items": (True, list),
}

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_CHECK_ID = re.compile(r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")


def _validate_keys(entry: Any, *, keys: Mapping[str, tuple[bool, Any]], where: str) -> list[str]:
    if not isinstance(entry, Mapping):
        return [f"{where}: a mapping is expected, found {entry!r}"]
    errors = [f"{where}: unknown key '{key}'; known are {', '.join(keys)}" for key in entry if key not in keys]
    for key, (required, allowed) in keys.items():
        if key not in entry:
            if required:
                errors.append(f"{where}: '{key}' is missing")
        elif isinstance(allowed, tuple):
            if entry[key] not in allowed:
                errors.append(f"{where}: {key} is '{entry[key]}'; known are {', '.join(allowed)}")
        elif not isinstance(entry[key], allowed):
            errors.append(f"{where}: {key} must be a {allowed.__name__}, found {entry[key]!r}")
    return errors


def _validate_expect(expect: Any, where: str) -> list[str]:
    if not isinstance(expect, Mapping) or not set(expect) - {"at"}:
        return [f"{where}: expect needs at least one operator; known are {', '.join(sorted(WORDS))}"]
    errors = []
    for word, operand in expect.items():
        if word == "at":
            continue
        if word not in WORDS:
            errors.append(f"{where}: unknown operator '{word}'; known are {', '.join(sorted(WORDS))}")
        elif word in ("every", "none"):
            errors += _validate_expect(operand, where)
        elif word in ("present", "absent") and operand is not True:
            errors.append(f"{where}: '{word}' takes the value true")
        elif word == "matches" and isinstance(operand, str):
            try:
                re.compile(operand)
            except re.error as error:
                errors.append(f"{where}: matches is not a regular expression: {error}")
    return errors


def _validate_groups(groups: Any, where: str) -> tuple[list[str], dict[str, set[str]]]:
    """Errors, and the facets of each full item id."""
    errors: list[str] = []
    facets: dict[str, set[str]] = {}
    if not isinstance(groups, list) or not groups:
        return [f"{where}: 'groups' must be a list of groups"], facets
    for group in groups:
        at = f"{where}: group {group.get('id', '?') if isinstance(group, Mapping) else group!r}"
        found = _validate_keys(group, keys=GROUP_KEYS, where=at)
        errors += found
        if found:
            continue
        for item in group["items"]:
            item_at = f"{where}: item {group['id']}.{item.get('id', '?') if isinstance(item, Mapping) else item!r}"
            found = _validate_keys(item, keys=ITEM_KEYS, where=item_at)
            errors += found
            if found:
                continue
            full = f"{group['id']}.{item['id']}"
            if full in facets:
                errors.append(f"{item_at}: the id stands twice")
            if not item["facets"]:
                errors.append(f"{item_at}: at least one facet is needed")
            errors += [
                f"{item_at}: '{name}' is not a name (lower case letters, digits, _)"
                for name in (group["id"], item["id"], *item["facets"])
                if not _NAME.match(str(name))
            ]
            facets[full] = set(item["facets"])
    return errors, facets


def _validate_check(check: Any, *, owner: str, where: str, facets: Mapping[str, set[str]], judgements: set[str] | None) -> list[str]:
    errors = _validate_keys(check, keys=CHECK_KEYS, where=where)
    if errors:
        return errors
    if not _CHECK_ID.match(check["id"]) or not check["id"].startswith(owner + "."):
        errors.append(f"{where}: the id must read {owner}.<name>")
    if not check["proves"]:
        errors.append(f"{where}: 'proves' names no facet")
    for claim in check["proves"]:
        item, _sign, facet = str(claim).partition("#")
        if item not in facets:
            errors.append(f"{where}: proves the unknown item '{item}'")
        elif facet not in facets[item]:
            errors.append(f"{where}: item '{item}' has no facet '{facet}'; known are {', '.join(sorted(facets[item]))}")
    if ("expect" in check) == ("judge" in check):
        errors.append(f"{where}: exactly one of 'expect' and 'judge' is needed")
    if "expect" in check:
        errors += _validate_expect(check["expect"], where)
    if judgements is not None and "judge" in check and check["judge"] not in judgements:
        errors.append(f"{where}: unknown judgement '{check['judge']}'; known are {', '.join(sorted(judgements)) or 'none'}")
    if "not_applicable" in check:
        rule = dict(check["not_applicable"])
        reason, observe = rule.pop("reason", ""), rule.pop("observe", "")
        if not reason or not observe:
            errors.append(f"{where}: not_applicable needs 'observe', an operator and a 'reason'")
        errors += _validate_expect(rule, f"{where}: not_applicable")
    return errors


def validate(items: Mapping[str, Any], checks: Mapping[str, Any], *, judgements: Mapping[str, Iterable[str]] | None = None) -> list[str]:
    """All mistakes of a catalogue as sentences that name the file, the id and the known words.

    `items` is the content of items.yml; `checks` maps an owner to the content of its checks file.
    """
    errors, facets = _validate_groups(items.get("groups"), "checklist/items.yml")
    known: dict[str, str] = {}
    for owner, content in checks.items():
        file = f"checklist/checks/{owner}.yml"
        entries = content.get("checks") if isinstance(content, Mapping) else None
        if not isinstance(entries, list):
            errors.append(f"{file}: 'checks' must be a list of checks")
            continue
        for check in entries:
            name = check.get("id", "?") if isinstance(check, Mapping) else repr(check)
            where = f"{file}: {name}"
            allowed = None if judgements is None else set(judgements.get(owner, ()))
            errors += _validate_check(check, owner=owner, where=where, facets=facets, judgements=allowed)
            if name in known:
                errors.append(f"{where}: the id stands twice")
            known[name] = where
    for owner, content in checks.items():
        for check in (content or {}).get("checks") or []:
            if isinstance(check, Mapping):
                errors += [
                    f"checklist/checks/{owner}.yml: {check.get('id')}: requires the unknown check '{parent}'"
                    for parent in check.get("requires") or []
                    if parent not in known
                ]
    return errors


class Catalogue:
    """The items in the checklist's order and the checks by id."""

    def __init__(self, data: Mapping[str, Any]):
        self.groups: list[dict[str, Any]] = data["groups"]
        self.checks: dict[str, dict[str, Any]] = {check["id"]: check for check in data["checks"]}
        self.by_facet: dict[str, list[str]] = {}
        for check in self.checks.values():
            for claim in check["proves"]:
                self.by_facet.setdefault(claim, []).append(check["id"])

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        file = path or CHECKLIST / "catalogue.json"
        try:
            return cls(json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise ChecklistError(f"the catalogue cannot be read: {error}. Build it with `make catalogue`.") from error

    def checks_of(self, owner: str, subject: str) -> list[dict[str, Any]]:
        return [check for check in self.checks.values() if check["id"].split(".")[0] == owner and check["subject"] == subject]

    def items(self) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        """All (group, item) in the checklist's order."""
        return ((group, item) for group in self.groups for item in group["items"])


def collection_version() -> str:
    """The version in the installed collection's manifest, or in the checkout's galaxy.yml."""
    root = CHECKLIST.parent
    manifest = root / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    found = re.search(r"^version:\s*(\S+)", (root / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    return f"{found[1]} (checkout)" if found else "unknown"


def build(items: Mapping[str, Any], checks: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON build: items in order with their numbers, checks in the order of their files, defaults filled in."""
    number = 0
    groups = []
    for group in items["groups"]:
        entries = []
        for item in group["items"]:
            number += 1
            entries.append({**item, "number": number, "id": f"{group['id']}.{item['id']}"})
        groups.append({**group, "items": entries})
    defaults = {"cost": "quick", "effect": "none", "requires": []}
    return {
        "schema_version": 1,
        "groups": groups,
        "checks": [{**defaults, **check} for owner in sorted(checks) for check in checks[owner]["checks"]],
    }
