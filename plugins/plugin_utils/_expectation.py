# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The few operators of `expect`: what they mean and how they read. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ._verdict import ChecklistError, Verdict

_MISSING = object()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ChecklistError(f"{value!r} is not a number")
    return value


def _at_least(value: Any, bound: Any) -> bool:
    return _number(value) >= _number(bound)


def _at_most(value: Any, bound: Any) -> bool:
    return _number(value) <= _number(bound)


def _contains(value: Any, wanted: Any) -> bool:
    if not isinstance(value, (str, list, tuple, dict)):
        raise ChecklistError(f"{value!r} cannot contain anything")
    parts = wanted if isinstance(wanted, list) and not isinstance(value, str) else [wanted]
    return all(part in value for part in parts)


def _matches(value: Any, pattern: str) -> bool:
    if not isinstance(value, str):
        raise ChecklistError(f"{value!r} is not a text")
    return re.search(pattern, value) is not None


#: operator → (test, how it reads before its operand)
OPERATORS = {
    "equals": (lambda value, wanted: value == wanted and isinstance(value, bool) == isinstance(wanted, bool), ""),
    "one_of": (lambda value, wanted: value in wanted, "one of "),
    "at_least": (_at_least, "at least "),
    "at_most": (_at_most, "at most "),
    "contains": (_contains, "contains "),
    "matches": (_matches, "matches "),
}

#: Operators that look at whether a value is there, or at its elements.
WORDS = frozenset(OPERATORS) | {"present", "absent", "every", "none"}


def dig(value: Any, path: list[str]) -> Any:
    """Follow keys (and list indexes) into a value; `_MISSING` where the way ends."""
    for step in path:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, (list, tuple)) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def is_missing(value: Any) -> bool:
    return value is _MISSING


def resolve(operand: Any, params: Mapping[str, Any]) -> Any:
    """Put a site's own value where the catalogue says `{param: name}`."""
    if isinstance(operand, Mapping) and set(operand) == {"param"}:
        name = operand["param"]
        if params.get(name) is None:
            raise ChecklistError(f"the parameter '{name}' is not defined; the verify entry point must hand it over")
        return params[name]
    return operand


def describe(expect: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """An expectation in words, with the site's values filled in."""
    parts = []
    for word, operand in expect.items():
        if word == "at":
            continue
        if word in ("present", "absent"):
            parts.append(word)
        elif word in ("every", "none"):
            inner = describe(operand, params)
            where = f"{operand['at']} " if isinstance(operand, Mapping) and "at" in operand else ""
            parts.append(f"{word}: {where}{inner}")
        else:
            wanted = resolve(operand, params)
            shown = wanted if isinstance(wanted, str) else _plain(wanted)
            parts.append(f"{OPERATORS[word][1]}{shown}")
    return " and ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value)
    return str(value)


def holds(expect: Mapping[str, Any], value: Any, params: Mapping[str, Any]) -> bool:
    """Whether all operators hold. An empty set never satisfies `every`."""
    if "at" in expect:
        value = dig(value, str(expect["at"]).split("."))
    for word, operand in expect.items():
        if word == "at":
            continue
        if word == "present":
            good = not is_missing(value) and value not in (None, "", [], {})
        elif word == "absent":
            good = is_missing(value) or value in (None, "", [], {})
        elif is_missing(value):
            raise ChecklistError("the probe's answer lacks this value")
        elif word in ("every", "none"):
            elements = list(value.values()) if isinstance(value, Mapping) else value
            if not isinstance(elements, (list, tuple)):
                raise ChecklistError(f"{value!r} is not a list")
            if word == "every":
                good = bool(elements) and all(holds(operand, element, params) for element in elements)
            else:
                good = not any(holds(operand, element, params) for element in elements)
        else:
            good = OPERATORS[word][0](value, resolve(operand, params))
        if not good:
            return False
    return True


def check_expectation(expect: Mapping[str, Any], value: Any, params: Mapping[str, Any]) -> Verdict:
    """Compare one value with an expectation. A value that cannot be compared is an error, never a pass."""
    shown = None if is_missing(value) else value
    try:
        expected = describe(expect, params)
        good = holds(expect, value, params)
    except ChecklistError as error:
        return Verdict("error", shown, "", str(error))
    if good:
        return Verdict("pass", shown, expected)
    return Verdict("fail", shown, expected, "the observed value is not the expected one")
