"""The catalogue against the checklist, its schema, and its JSON build."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.prodready.django.plugins.plugin_utils import _catalogue, _judgements

ROOT = Path(__file__).resolve().parents[2]
CHECKLIST = ROOT / "checklist"


def _yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def items():
    return _yaml(CHECKLIST / "items.yml")


@pytest.fixture(scope="module")
def checks():
    return {file.stem: _yaml(file) for file in sorted((CHECKLIST / "checks").glob("*.yml"))}


def checklist_lines():
    """(headings, title) of every box of the checklist that is not itself a group, in order."""
    headings, group, lines = [], None, []
    for line in (CHECKLIST / "checklist.md").read_text(encoding="utf-8").splitlines():
        heading = re.match(r"^(#{2,})\s+(.*)", line)
        box = re.match(r"^(\s*)(?:-|\d+\.)\s\[ \]\s+(.*)", line)
        if heading:
            headings = headings[: len(heading[1]) - 2] + [heading[2]]
            group = None
        elif box and not box[1] and re.fullmatch(r"\*\*(.+)\*\*", box[2]):
            group = box[2].strip("*")
        elif box:
            signature = re.match(r"\*\*(.+?)\*\*:", box[2])
            title = signature[1] if signature else box[2]
            path = headings if group else headings[:-1]
            lines.append((path, group or headings[-1], title))
    return lines


def test_every_line_stands_verbatim_and_in_order(items):
    ours = [(group["path"], group["title"], item["title"]) for group in items["groups"] for item in group["items"]]
    assert ours == checklist_lines()
    assert len(ours) == 176


def test_the_catalogue_is_valid(items, checks):
    judgements = {owner: _judgements.judgements_of(owner) for owner in checks}
    assert _catalogue.validate(items, checks, judgements=judgements) == []


def test_the_json_build_equals_the_yaml(items, checks):
    built = json.loads((CHECKLIST / "catalogue.json").read_text(encoding="utf-8"))
    assert built == json.loads(json.dumps(_catalogue.build(items, checks)))


ITEMS = {
    "groups": [
        {
            "id": "web",
            "title": "Web",
            "path": ["Pre"],
            "window": "predeploy",
            "items": [{"id": "http2", "title": "HTTP/2", "severity": "high", "facets": {"live": "It answers."}}],
        }
    ]
}
CHECK = {
    "id": "nginx.http2",
    "proves": ["web.http2#live"],
    "title": "t",
    "how": "live",
    "subject": "site",
    "probe": "nginx_site",
    "observe": "http2.protocol",
    "expect": {"equals": "h2"},
    "source": "s",
    "repeat": "r",
    "remedy": "m",
}


def validate(change=None, *, drop=(), item=None):
    items = copy.deepcopy(ITEMS)
    items["groups"][0]["items"][0].update(item or {})
    check = {key: value for key, value in {**CHECK, **(change or {})}.items() if key not in drop}
    return _catalogue.validate(items, {"nginx": {"checks": [check]}}, judgements={"nginx": {"named": None}})


def test_a_good_check_has_no_errors():
    assert validate() == []


@pytest.mark.parametrize(
    ("change", "drop", "words"),
    [
        ({"severty": "high"}, (), ["nginx.yml", "nginx.http2", "unknown key 'severty'", "known are id, proves"]),
        ({}, ("remedy",), ["'remedy' is missing"]),
        ({"how": "guess"}, (), ["how is 'guess'", "live, runtime"]),
        ({"subject": "web"}, (), ["subject is 'web'", "site"]),
        ({"proves": ["web.http3#live"]}, (), ["unknown item 'web.http3'"]),
        ({"proves": ["web.http2#dead"]}, (), ["no facet 'dead'", "known are live"]),
        ({"proves": []}, (), ["names no facet"]),
        ({"expect": {"equal": 1}}, (), ["unknown operator 'equal'", "equals"]),
        ({"expect": {}}, (), ["at least one operator"]),
        ({"expect": {"every": {"is": 1}}}, (), ["unknown operator 'is'"]),
        ({"expect": {"matches": "("}}, (), ["not a regular expression"]),
        ({"expect": {"present": False}}, (), ["takes the value true"]),
        ({"judge": "named"}, (), ["exactly one of"]),
        ({}, ("expect",), ["exactly one of"]),
        ({"judge": "nobody"}, ("expect",), ["unknown judgement 'nobody'", "known are named"]),
        ({"requires": ["nginx.none"]}, (), ["requires the unknown check 'nginx.none'"]),
        ({"id": "apache.http2"}, (), ["must read nginx.<name>"]),
        ({"not_applicable": {"observe": "a", "equals": 1}}, (), ["needs 'observe', an operator and a 'reason'"]),
    ],
)
def test_a_mistake_names_file_id_and_known_words(change, drop, words):
    errors = " | ".join(validate(change, drop=drop))
    assert all(word in errors for word in words), errors


def test_an_item_without_facets_is_refused():
    assert "at least one facet" in " ".join(validate(item={"facets": {}}))


def test_a_severity_is_one_of_the_known():
    assert "known are critical" in " ".join(validate(item={"severity": "urgent"}))


def test_an_id_stands_once():
    errors = _catalogue.validate(ITEMS, {"nginx": {"checks": [CHECK, CHECK]}})
    assert any("stands twice" in error for error in errors)


def test_a_command_to_repeat_shows_no_password_to_whoever_lists_processes(checks):
    commands = [check["repeat"] for of in checks.values() for check in of["checks"] if "redis-cli" in check.get("repeat", "")]
    assert commands
    assert [command for command in commands if re.search(r"redis-cli[^|;]* (--pass|-a|-u) ", command)] == []
