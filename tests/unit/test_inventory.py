"""Every variable that a playbook reads is documented, every documented one is read, and the tables say what a value is checked against."""

import re
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.prodready.django.plugins.plugin_utils import _inventory
from ansible_collections.prodready.django.plugins.plugin_utils._apps import resolve_apps

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "playbooks" / "tasks").glob("*.yml")])
TEMPLATES = sorted((ROOT / "playbooks" / "templates").glob("*.j2"))
EXPRESSIONS = ("when", "that", "failed_when", "changed_when", "until")
OURS = re.compile(r"^(prodready|init|rotate|remove|maintenance)(_[a-z0-9_]+)?$")
ROLES = re.compile(f"^({'|'.join(path.name for path in (ROOT / 'roles').iterdir())})_")
DOCUMENTED = {**_inventory.RUN, **{name: key for keys in _inventory.PLAYBOOKS.values() for name, key in keys.items()}}


def names_in(text):
    """The variables that a template reads; filters, modules and words of sentences are none."""
    tree = jinja2.Environment().parse(text)
    return {node.name for node in tree.find_all(jinja2.nodes.Name) if node.ctx == "load"}


def read_by(value, key=""):
    """The variables that the parsed YAML of a playbook reads, its questions included."""
    if isinstance(value, dict):
        asked = {question["name"] for question in value.get("vars_prompt") or []}
        return asked.union(*(read_by(part, name) for name, part in value.items()))
    if isinstance(value, list):
        return set().union(*(read_by(part, key) for part in value))
    if not isinstance(value, str):
        return set()
    return names_in("{{ (" + value + ") }}" if key in EXPRESSIONS and "{{" not in value else value)


def variables():
    found = set()
    for path in FILES:
        found |= read_by(yaml.safe_load(path.read_text(encoding="utf-8")))
    for path in TEMPLATES:
        found |= names_in(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"when": "remove_all and not x"}, {"remove_all", "x"}),
        ({"debug": {"msg": "{{ rotate | default(prodready_x) }} remove_y"}}, {"rotate", "prodready_x"}),
        ({"vars_prompt": [{"name": "init_host", "prompt": "init_other"}]}, {"init_host"}),
        ({"assert": {"that": ["rotate_app is defined", "a == []"]}}, {"rotate_app", "a"}),
        ({"prodready.django.init_answers": {"a": 1}}, set()),
    ],
)
def test_what_a_playbook_reads_is_found(value, found):
    assert read_by(value) == found


def test_every_variable_of_ours_that_a_playbook_reads_is_documented():
    assert sorted(name for name in variables() if OURS.match(name) and name not in DOCUMENTED) == []


def test_every_documented_variable_is_read_by_a_playbook():
    assert sorted(set(DOCUMENTED) - variables()) == []


def test_a_role_option_that_a_playbook_reads_is_an_option_of_that_role():
    options = {
        name
        for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        for name in entry.get("options") or {}
    }
    assert sorted(name for name in variables() if ROLES.match(name) and name not in options) == []


@pytest.mark.parametrize(
    "keys", [_inventory.APP, _inventory.CONTRACT, _inventory.TEXT_SEARCH, _inventory.PROCESS, _inventory.RATE_LIMITS, DOCUMENTED]
)
def test_every_key_has_a_meaning_and_a_default_of_its_type(keys):
    for name, key in keys.items():
        assert key.meaning.endswith("."), name
        assert key.required or key.default is None or type(key.default) in key.kinds, name
        assert not key.choices or key.default is None or key.default in key.choices, name


def test_a_default_is_what_an_app_gets():
    (app,) = resolve_apps({"shop": {"domains": ["a.example.org"], "source": {"type": "tree", "path": "/x"}, "settings_module": "shop.settings"}})
    left = {name: key.default for name, key in _inventory.APP.items() if not key.required and name not in ("wsgi", "contract", "rate_limits")}
    assert {name: app[name] for name in left} == left
    assert app["contract"] == _inventory.defaults_of(_inventory.CONTRACT)
    assert app["rate_limits"] == _inventory.defaults_of(_inventory.RATE_LIMITS)


def test_extra_processes_take_what_the_role_takes():
    text = (ROOT / "plugins" / "module_utils" / "_gunicorn_processes.py").read_text(encoding="utf-8")
    assert set(_inventory.PROCESS) == set(re.findall(r'"([a-z_]+)"', re.search(r"_KEYS = \((.*?)\)", text)[1]))
