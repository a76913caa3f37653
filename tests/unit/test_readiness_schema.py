# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The published schema accepts what resolve() makes and refuses what contradicts itself."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import EFFECTS, HOW, SEVERITIES, SUBJECTS, WINDOWS
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import PROFILES, resolve
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import STATUSES
from jsonschema import Draft202012Validator
from readiness_fixture import ROOT, make_catalogue, make_green_readiness, make_inputs, make_readiness

SCHEMA = json.loads((ROOT / "checklist" / "readiness.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def complaints(readiness) -> list[str]:
    """Of the report as it is written and read back."""
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(json.loads(json.dumps(readiness)))]


@pytest.fixture(scope="module")
def readiness():
    return make_readiness()


def nothing_ran():
    inputs = make_inputs(records=[{"note": "unreachable", "host": host, "message": ""} for host in ("web1.example.org", "db1.example.org")])
    return resolve(make_catalogue(), inputs)


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "make",
    [
        make_readiness,
        make_green_readiness,
        nothing_ran,
        lambda: make_readiness(with_previous=False, profile="d30"),
        lambda: make_readiness(scope=["web_server", "logging.rotation"]),
        lambda: make_readiness(waivers=[{"check": "nginx.nothing", "ticket": 7}]),
    ],
    ids=["every status", "green in scope", "nothing ran", "first run", "scoped", "strange waiver"],
)
def test_what_resolve_makes_is_accepted(make):
    assert complaints(make()) == []


def test_the_fixture_has_every_status(readiness):
    assert {result["status"] for result in readiness["results"].values()} == set(STATUSES)


def test_the_words_are_those_of_the_engine():
    defs = SCHEMA["$defs"]
    assert defs["status"]["enum"] == list(STATUSES)
    assert defs["counts"]["required"] == list(STATUSES) == list(defs["counts"]["properties"])
    assert defs["severity"]["enum"] == list(SEVERITIES)
    assert defs["window"]["enum"] == list(WINDOWS)
    assert defs["kind"]["enum"] == list(SUBJECTS)
    assert defs["effect"]["enum"] == list(EFFECTS)
    assert defs["result"]["properties"]["how"]["enum"] == list(HOW.values())
    assert defs["run"]["properties"]["profile"]["enum"] == list(PROFILES)


def first(readiness, status):
    return next(result for result in readiness["results"].values() if result["status"] == status)


SPOILINGS = {
    "an unknown key": lambda report: report.update(score=97),
    "an unknown key of the verdict": lambda report: report["verdict"].update(percent=97),
    "a missing part": lambda report: report.pop("waivers"),
    "an unknown status": lambda report: report["groups"][0]["items"][0].update(status="ok"),
    "an exit status 0 while not green": lambda report: report["verdict"].update(exit_status=0),
    "ready while not green": lambda report: report["verdict"].update(ready=True),
    "green with a failure": lambda report: report["verdict"].update(green=True, exit_status=0, grade="A"),
    "ready in a scoped run": lambda report: report["verdict"].update(scoped=True),
    "counts without a status": lambda report: report["verdict"]["counts"].pop("error"),
    "required, though not due": lambda report: report["groups"][0]["items"][0].update(due=False),
    "declared, yet passing": lambda report: report["groups"][0]["items"][0].update(declared=True),
    "a facet that passes without a result": lambda report: report["groups"][0]["items"][0]["facets"][0].update(results=[]),
    "a failure without a reason": lambda report: first(report, "fail").update(reason=""),
    "a result without its command": lambda report: first(report, "pass").pop("repeat"),
    "a time without a zone": lambda report: report["run"].update(finished="2026-03-14T16:05:41"),
    "a waiver that counts and has no end": lambda report: report["waivers"][0].pop("until"),
    "a waiver that covers though it has a problem": lambda report: report["waivers"][1].update(used=2),
}


@pytest.mark.parametrize("spoil", SPOILINGS.values(), ids=SPOILINGS)
def test_what_contradicts_itself_is_refused(readiness, spoil):
    report = copy.deepcopy(readiness)
    spoil(report)
    assert complaints(report)
