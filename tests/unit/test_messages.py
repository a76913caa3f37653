"""What a message says to change is what has an effect: the inventory's key first, and the role's option in brackets."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DECIDED = ("_certificates", "_sites", "_databases", "_pools", "_users")
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")
ORDER = re.compile(r"\b(change|set|correct|lower|raise|empty|choose|name|list|give)\b", re.IGNORECASE)


def mapped_options():
    """The options that playbooks/tasks/provision.yml fills from the inventory: a value of the user's own under their name is overridden."""
    found = set()
    for task in yaml.safe_load((ROOT / "playbooks" / "tasks" / "provision.yml").read_text(encoding="utf-8")):
        for name, value in (task.get("vars") or {}).items():
            if not name.startswith("__") and ("app" in str(value) or name.endswith(DECIDED)):
                found.add(name)
    return found


def texts_of(value):
    """Every message of a task file, without its expressions."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("message", "fail_msg", "msg", "__gunicorn_advice") and isinstance(part, str):
                yield re.sub(r"\{[{%].*?[%}]\}", "…", part, flags=re.DOTALL) if key != "__gunicorn_advice" else part
            else:
                yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def strings_of(path):
    """Every string of a Python file but documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    written = [node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in DOCUMENTATION]
    documentation = {id(node.value) for node in [*written, *(node for node in ast.walk(tree) if isinstance(node, ast.Expr))]}
    for node in ast.walk(tree):
        if id(node) in documentation:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def misleading(text, options):
    """The options that a sentence tells to change outside of brackets."""
    while re.search(r"\([^()]*\)", text):
        text = re.sub(r"\([^()]*\)", "", text)
    sentences = [sentence for sentence in re.split(r"[.;]\s+", text) if ORDER.search(sentence) and not sentence.startswith("found ")]
    return sorted({word for sentence in sentences for word in re.findall(r"[a-z_]+", sentence) if word in options})


def messages():
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for text in texts_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            yield path, text
    for path in sorted((ROOT / "checklist" / "checks").glob("*.yml")):
        for check in yaml.safe_load(path.read_text(encoding="utf-8"))["checks"]:
            yield path, check.get("remedy") or ""
    for path in sorted((ROOT / "plugins").glob("*/*.py")):
        for text in strings_of(path):
            if " " in text:
                yield path, text


def test_the_mapped_options_are_found():
    assert {"django_app_require_hashes", "gunicorn_workers", "nginx_sites", "redis_users"} <= mapped_options()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hash the file, or set django_app_require_hashes: false", ["django_app_require_hashes"]),
        ("Set require_hashes: false of the app in prodready_apps (django_app_require_hashes)", []),
        ("found gunicorn_workers 1, expected 2. Change workers of the app (gunicorn_workers).", []),
        ("found 1. Change nginx_http_port.", []),
    ],
)
def test_an_option_outside_of_brackets_is_noticed(text, found):
    assert misleading(text, mapped_options()) == found


def test_no_message_sends_to_an_option_that_the_inventory_overrides():
    options = mapped_options()
    wrong = {(path.relative_to(ROOT).as_posix(), option) for path, text in messages() for option in misleading(text, options)}
    assert sorted(wrong) == []
