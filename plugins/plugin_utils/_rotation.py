# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New secrets for old: which ones, and where they stand in a file that somebody wrote. PRIVATE to the collection."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ._verdict import ChecklistError

#: What can be asked for, and the secrets of an app that it means.
ROTATIONS: dict[str, tuple[str, ...]] = {
    "secret_key": ("secret_key",),
    "database_passwords": ("database_owner_password", "database_app_password"),
    "redis_password": ("redis_password",),
}
_LETTERS = string.ascii_letters + string.digits


def new_value(name: str) -> str:
    """As long and of the same letters as the ones an inventory is born with."""
    length, letters = (64, _LETTERS + "-_.~") if name == "secret_key" else (40, _LETTERS)
    return "".join(secrets.choice(letters) for _number in range(length))


def names_of(asked: Any) -> list[str]:
    """The secrets that are to be rotated; a word that nobody knows is a mistake."""
    words = [word.strip() for word in asked.split(",")] if isinstance(asked, str) else list(asked or [])
    known = [*ROTATIONS, "all"]
    unknown = [word for word in words if word not in known]
    if not words or unknown:
        raise ChecklistError(f"found rotate={','.join(map(str, words)) or '(nothing)'}, expected one or more of {', '.join(known)}. Change rotate")
    return [name for rotation, names in ROTATIONS.items() if rotation in words or "all" in words for name in names]


def rotate(
    before: Mapping[str, Any], apps: Iterable[str], names: Iterable[str], keep: int, redis_elsewhere: Iterable[str] = ()
) -> dict[str, dict[str, Any]]:
    """What changes, by app. The key that was in force becomes the first fallback, so that what it signed stays valid.

    The password for another host's Redis stays: nobody here can give it to that server.
    """
    changes: dict[str, dict[str, Any]] = {}
    for app in apps:
        mine = before.get(app)
        if not isinstance(mine, Mapping):
            raise ChecklistError(f"found no secrets of {app} in the secrets file, expected prodready_secrets.{app}. Change rotate_app, or add them")
        found: dict[str, Any] = {
            name: new_value(name) for name in names if mine.get(name) and not (name == "redis_password" and app in redis_elsewhere)
        }
        if "secret_key" in found:
            fallbacks = [mine["secret_key"], *(mine.get("secret_key_fallbacks") or [])]
            found["secret_key_fallbacks"] = fallbacks[:keep]
        if found:
            changes[app] = found
    return changes


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of the rotatable secrets that are not the same in both, by app."""
    found = {}
    for app, mine in after.items():
        old = before.get(app) if isinstance(before.get(app), Mapping) else {}
        names = [name for names in ROTATIONS.values() for name in names if isinstance(mine, Mapping) and mine.get(name) != (old or {}).get(name)]
        if names:
            found[str(app)] = names
    return found


def _node(mapping: Any, key: str) -> Any:
    """The value's node under a key of a mapping's node, or None."""
    if not isinstance(mapping, yaml.MappingNode):
        return None
    return next((value for name, value in mapping.value if name.value == key), None)


def splice(text: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The file with the new values in the place of the old ones, and every comment where it was."""
    root = _node(yaml.compose(text, Loader=yaml.SafeLoader), "prodready_secrets")
    edits: list[tuple[int, int, str]] = []
    for app, values in changes.items():
        mine = _node(root, app)
        for name, value in values.items():
            shown = json.dumps(value, ensure_ascii=False)
            node = _node(mine, name)
            if node is None:
                beside = _node(mine, "secret_key")
                if mine.flow_style:
                    edits.append((beside.end_mark.index, beside.end_mark.index, f", {name}: {shown}"))
                    continue
                line = text.rfind("\n", 0, beside.start_mark.index) + 1
                indent = next(key for key, value in mine.value if value is beside).start_mark.column
                edits.append((line, line, f"{' ' * indent}{name}: {shown}\n"))
            else:
                # a block sequence ends where the next key starts; what lies between is not its own
                end = node.end_mark.index
                end -= len(text[node.start_mark.index : end]) - len(text[node.start_mark.index : end].rstrip())
                edits.append((node.start_mark.index, end, shown))
    for start, end, shown in sorted(edits, reverse=True):
        text = text[:start] + shown + text[end:]
    return text


def rewritten(text: str, changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The same, or, where that would not say what it shall, the file written anew without its comments."""
    wanted = yaml.safe_load(text)
    for app, values in changes.items():
        wanted["prodready_secrets"][app] = {**wanted["prodready_secrets"][app], **values}
    try:
        spliced = splice(text, changes)
        if yaml.safe_load(spliced) == wanted:
            return spliced
    except (yaml.YAMLError, AttributeError, StopIteration):
        pass
    return yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False)
