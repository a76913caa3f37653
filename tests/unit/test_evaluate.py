"""Not knowing is never passing."""

from datetime import datetime, timezone

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.prodready.django.plugins.plugin_utils._evaluate import Permissions, Subject, evaluate
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
CHECK = {
    "id": "nginx.http2",
    "proves": ["web.http2#live"],
    "title": "t",
    "how": "live",
    "subject": "site",
    "probe": "site",
    "observe": "http2.protocol",
    "expect": {"equals": "h2"},
    "requires": [],
    "cost": "quick",
    "effect": "none",
    "source": "s",
    "repeat": "curl https://{domain}/ {unknown}",
    "remedy": "m",
}
GOOD = {"observations": {"http2": {"value": {"protocol": "h2"}, "seconds": 0.25}}, "observed_from": "host"}


def run(answer, *, check=None, params=None, permissions=None):
    catalogue = Catalogue({"groups": [], "checks": [{**CHECK, **(check or {})}]})
    (result,) = evaluate(
        catalogue,
        owner="nginx",
        subject=Subject("site", "web1", "newsroom"),
        probes={"site": answer},
        params=params or {"domain": "a.test"},
        now=NOW,
        permissions=permissions or Permissions(),
    )
    return result


def test_a_good_observation_passes_with_its_seconds():
    result = run(GOOD)
    assert (result["status"], result["seconds"], result["observed"]) == ("pass", 0.25, "h2")
    assert result["subject"] == {"kind": "site", "host": "web1", "instance": "newsroom"}


def test_the_command_to_repeat_is_filled_where_known():
    assert run(GOOD)["repeat"] == "curl https://a.test/ {unknown}"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"unreachable": True, "msg": "timed out"}, "unreachable: timed out"),
        ({"failed": True, "msg": "no python"}, "failed: no python"),
        ({"skipped": True, "skip_reason": "check mode"}, "skipped: check mode"),
        ({}, "observed nothing"),
        (None, "handed over nothing"),
        ({"observations": {}}, "no observation 'http2'"),
        ({"observations": {"http2": {"error": "needs root: /etc/x"}}}, "needs root"),
        ({"observations": {"http2": {"value": {}}}}, "lacks this value"),
        ({"observations": {"http2": {"value": None}}}, "lacks this value"),
    ],
)
def test_not_knowing_is_an_error_that_says_why(answer, word):
    result = run(answer)
    assert result["status"] == "error"
    assert word in result["reason"]


def test_a_probe_that_was_not_handed_over_is_an_error():
    result = run(GOOD, check={"probe": "other"})
    assert (result["status"], result["reason"]) == ("error", "probe other was not handed over")


@pytest.mark.parametrize(
    ("change", "permissions", "reason"),
    [
        ({"effect": "canary"}, Permissions(), "needs prodready_effects=canary"),
        ({"effect": "disruptive"}, Permissions(effects="canary"), "needs prodready_effects=disruptive"),
        ({"cost": "deep"}, Permissions(effects="disruptive"), "needs prodready_depth=deep"),
    ],
)
def test_a_check_that_is_not_permitted_does_not_run(change, permissions, reason):
    result = run(GOOD, check=change, permissions=permissions)
    assert (result["status"], result["reason"]) == ("not_run", reason)


def test_a_permitted_effect_runs():
    assert run(GOOD, check={"effect": "canary", "cost": "deep"}, permissions=Permissions("deep", "disruptive"))["status"] == "pass"


def test_not_applicable_is_an_observation():
    rule = {"observe": "http2.protocol", "equals": "h2", "reason": "because"}
    assert run(GOOD, check={"not_applicable": rule})["status"] == "not_applicable"
    missing = {"observe": "gone.key", "equals": "h2", "reason": "because"}
    assert run(GOOD, check={"not_applicable": missing})["status"] == "error"


def test_an_unknown_permission_is_refused():
    with pytest.raises(ChecklistError, match="known are none, canary, disruptive"):
        Permissions(effects="all")


def test_an_owner_without_checks_is_refused():
    with pytest.raises(ChecklistError, match="no check of owner 'apache'"):
        evaluate(
            Catalogue({"groups": [], "checks": []}),
            owner="apache",
            subject=Subject("site", "h", "i"),
            probes={},
            params={},
            now=NOW,
            permissions=Permissions(),
        )
