# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report is held against an oracle that knows nothing of how it came about, item by item, on every app of every host."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import oracle
import pytest
import yaml
from testinfra.utils.ansible_runner import AnsibleRunner

ROOT = Path(__file__).resolve().parents[3]
RUNNER = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
# What lies outside of the scope is reported of breaks alone.
SCOPE = yaml.safe_load((Path(__file__).parents[1] / "molecule.yml").read_text())["provisioner"]["inventory"]["group_vars"]["all"]["prodready_scope"]
ITEMS = sorted(
    (item for item in oracle.ORACLES if item.split(".")[0] in SCOPE), key=lambda item: (item in oracle.ROUGH, list(oracle.ORACLES).index(item))
)
TOOLS = "command -v curl openssl || DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends curl openssl"
DECIDED: dict[str, bool | str] = {}
#: An app, whether the item holds for it, and the claims that do not.
Verdict = tuple[oracle.App, tuple[bool | str, list[str]]]


@cache
def apps() -> list[oracle.App]:
    planted = yaml.safe_load((Path(__file__).parents[1] / "secrets.yml").read_text())["prodready_secrets"]
    found = []
    for name in sorted(RUNNER.get_hosts()):
        host, variables = RUNNER.get_host(name), dict[str, Any](RUNNER.get_variables(name))
        # Only now: the oracle's tools are no part of what was verified.
        assert host.run(TOOLS).rc == 0, f"curl and openssl cannot be installed on {name}"
        for app, options in variables["prodready_apps"].items():
            found.append(oracle.App(host, name, app, options["domains"], planted[app], options))
    return found


@cache
def reported() -> dict[str, str]:
    report = json.loads((ROOT / "reports" / "molecule" / "latest" / "readiness.json").read_text())
    return {item["id"]: item["status"] for group in report["groups"] for item in group["items"]}


def decide(item: str) -> list[Verdict]:
    """The oracle's verdict on each app, all at once; where it stops something, one app of a host after the other."""
    lanes: dict[str, list[oracle.App]] = {}
    for app in apps():
        lanes.setdefault(app.host_name if item in oracle.ROUGH else f"{app.host_name} {app.name}", []).append(app)

    def one_after_the_other(lane: list[oracle.App]) -> list[Verdict]:
        decided = []
        for app in lane:
            decided.append((app, oracle.agrees(app, item)))
            if item in oracle.ROUGH:
                oracle.let_recover(lane)
        return decided

    with ThreadPoolExecutor(len(lanes)) as pool:
        done = pool.map(one_after_the_other, lanes.values())
        return [pair for lane in done for pair in lane]


def test_every_host_has_its_apps():
    assert {(app.host_name, app.name) for app in apps()} == {("m12", "newsroom"), ("m12", "gazette"), ("m13", "newsroom")}


def test_secrets_reach_the_process_unchanged():
    for app in apps():
        for name, value in {"SECRET_KEY": app.secrets["secret_key"], **app.secrets["environment"]}.items():
            digest = app.say(f"tr '\\0' '\\n' < /proc/{app.pid}/environ | sed -n 's/^{name}=//p' | tr -d '\\n' | sha256sum | cut -c1-64")
            assert digest == hashlib.sha256(value.encode()).hexdigest(), f"{name} of {app.name} on {app.host_name} is another in the process"


@pytest.mark.parametrize("item", ITEMS)
def test_the_report_says_what_the_oracle_finds(item):
    verdicts, broken = set(), []
    for app, (verdict, claims) in decide(item):
        verdicts.add(verdict)
        broken += [f"{app.name} on {app.host_name}: not so: {claim}" for claim in claims]
    assert not broken, "\n".join(broken)
    assert verdicts in ({True}, {oracle.NOT_APPLICABLE})
    expected = "pass" if verdicts == {True} else "not_applicable"
    assert reported()[item] == expected, f"the oracle says {expected}, the report says {reported()[item]}"
    DECIDED[item] = verdicts.pop()


def test_a_cache_in_the_database_is_a_table_that_is_used_and_bounded():
    app = next(app for app in apps() if app.name == "gazette")
    assert [claim for claim, holds in oracle.database_cache(app) if not holds] == []


def test_at_least_25_items_were_decided():
    """Runs last."""
    assert len(DECIDED) >= 25, f"{len(DECIDED)} items: {sorted(DECIDED)}"
