"""The whole picture: blocked, waived, measured, declared, due, in scope, and the exit rule."""

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import (
    Inputs,
    default_profile,
    resolve,
    result_key,
    to_measured,
)
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import STATUSES, ChecklistError, worst

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def check(name, facet, **more):
    return {
        "id": f"nginx.{name}",
        "proves": [facet],
        "title": name,
        "how": "live",
        "subject": "site",
        "probe": "site",
        "observe": "x",
        "expect": {"equals": 1},
        "requires": [],
        "cost": "quick",
        "effect": "none",
        "source": "s",
        "repeat": "r",
        "remedy": "m",
        **more,
    }


CATALOGUE = Catalogue(
    {
        "groups": [
            {
                "id": "web",
                "title": "Web",
                "path": ["Pre"],
                "window": "predeploy",
                "items": [
                    {"id": "web.answers", "number": 1, "title": "Answers", "severity": "critical", "facets": {"live": "It answers."}},
                    {"id": "web.http2", "number": 2, "title": "HTTP/2", "severity": "medium", "facets": {"live": "It is negotiated."}},
                ],
            },
            {
                "id": "later",
                "title": "Later",
                "path": ["Post"],
                "window": "h1",
                "items": [
                    {
                        "id": "later.restart",
                        "number": 3,
                        "title": "Restart",
                        "severity": "low",
                        "facets": {"kill": "It returns.", "unclaimed": "Nobody knows."},
                    }
                ],
            },
        ],
        "checks": [
            check("answers", "web.answers#live"),
            check("http2", "web.http2#live", requires=["nginx.answers"]),
            check("kill", "later.restart#kill", cost="deep", effect="disruptive"),
        ],
    }
)


def result(name, status="pass", *, host="web1", instance="shop", reason=""):
    return {
        "check": f"nginx.{name}",
        "subject": {"kind": "site", "host": host, "instance": instance},
        "observed_from": "host",
        "status": status,
        "observed": 1,
        "expected": "1",
        "reason": reason,
        "seconds": 0.1,
        "repeat": "r",
    }


def record(*results, host="web1", instance="shop", facts=None):
    return {"host": host, "owner": "nginx", "subject": "site", "instance": instance, "facts": facts or {}, "results": list(results)}


def report(*records, run=None, **inputs):
    plan = [{"host": "web1", "owner": "nginx", "subject": "site", "instance": "shop"}]
    base = {"id": "r1", "environment": "test", "started": "x", "profile": "predeploy", "scope": [], "scope_except": [], "plan": plan}
    return resolve(CATALOGUE, Inputs(run={**base, **(run or {})}, records=list(records), now=NOW, **inputs))


def items(readiness):
    return {item["id"]: item for group in readiness["groups"] for item in group["items"]}


def status_of(readiness, item):
    return items(readiness)[item]["status"]


GOOD = record(result("answers"), result("http2"), result("kill", "not_run", reason="needs prodready_effects=disruptive"))


def test_all_required_green_is_ready():
    readiness = report(GOOD)
    assert readiness["verdict"]["line"] == "READY"
    assert (readiness["verdict"]["exit_status"], readiness["verdict"]["grade"]) == (0, "A")


def test_every_item_stands_in_every_report():
    assert list(items(report(run={"plan": []}))) == ["web.answers", "web.http2", "later.restart"]


def test_nothing_tested_is_not_green():
    readiness = report(run={"plan": []})
    assert readiness["verdict"]["exit_status"] == 1
    assert status_of(readiness, "web.answers") == "not_run"


def test_a_role_that_silently_did_not_run_is_seen():
    readiness = report()
    assert status_of(readiness, "web.answers") == "not_run"
    reason = next(iter(readiness["results"].values()))["reason"]
    assert reason == "role nginx did not report on shop at web1"


def test_an_unreachable_host_is_an_error_with_its_message():
    readiness = report({"note": "unreachable", "host": "web1", "message": "timed out"})
    assert status_of(readiness, "web.answers") == "error"
    assert "timed out" in next(iter(readiness["results"].values()))["reason"]


def test_one_break_is_one_red():
    readiness = report(record(result("answers", "fail"), result("http2", "error"), result("kill", "not_run")))
    assert status_of(readiness, "web.answers") == "fail"
    assert status_of(readiness, "web.http2") == "blocked"


def test_a_green_child_of_a_red_parent_stays_green():
    assert status_of(report(record(result("answers", "fail"), result("http2"))), "web.http2") == "pass"


def test_a_parent_on_another_host_blocks_nobody():
    readiness = report(
        record(result("answers"), result("http2", "fail")),
        record(result("answers", "fail", host="web2"), host="web2"),
    )
    key = result_key(result("http2"))
    assert readiness["results"][key]["status"] == "fail"


def test_the_worst_subject_decides_the_item():
    readiness = report(GOOD, record(result("answers", "fail", instance="blog"), instance="blog"))
    assert status_of(readiness, "web.answers") == "fail"


def test_two_instances_do_not_overwrite_each_other():
    readiness = report(GOOD, record(result("answers", instance="blog"), instance="blog"))
    assert len([key for key in readiness["results"] if key.startswith("nginx.answers/")]) == 2


def test_an_unclaimed_facet_keeps_its_item_from_passing():
    readiness = report(record(result("answers"), result("http2"), result("kill")), run={"profile": "h1"})
    assert status_of(readiness, "later.restart") == "not_run"
    assert readiness["verdict"]["exit_status"] == 1


WAIVER = {"check": "nginx.http2", "owner": "Ada", "justification": "old balancer", "until": "2026-12-31"}


def test_a_waiver_accepts_a_failure_and_costs_the_best_grade():
    readiness = report(record(result("answers"), result("http2", "fail")), waivers=[WAIVER])
    assert status_of(readiness, "web.http2") == "waived"
    assert readiness["verdict"]["line"] == "READY WITH 1 ACCEPTED RISKS"
    assert readiness["verdict"]["grade"] == "B"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"until": "2026-11-22"}, "ended on 2026-11-22"),
        ({"until": "soon"}, "a date like"),
        ({"owner": ""}, "lacks owner"),
        ({"justification": None}, "lacks justification"),
        ({"check": "nginx.no"}, "no check 'nginx.no'"),
    ],
)
def test_a_waiver_that_does_not_hold_changes_nothing(change, problem):
    readiness = report(record(result("answers"), result("http2", "fail")), waivers=[{**WAIVER, **change}])
    assert status_of(readiness, "web.http2") == "fail"
    assert problem in readiness["waivers"][0]["problem"]


def test_a_waiver_for_another_instance_does_not_fit():
    readiness = report(record(result("answers"), result("http2", "fail")), waivers=[{**WAIVER, "instance": "blog"}])
    assert status_of(readiness, "web.http2") == "fail"


DECLARATION = {"item": "web.http2", "owner": "Ada", "reason": "no browsers"}


def test_a_declaration_without_observation_is_listed_as_such():
    readiness = report(record(result("answers"), result("http2", "error")), declarations=[DECLARATION])
    assert items(readiness)["web.http2"]["status"] == "not_applicable"
    assert "declared by Ada, not observed" in items(readiness)["web.http2"]["reason"]


def test_a_declaration_against_observed_use_fails():
    assert status_of(report(GOOD, declarations=[DECLARATION]), "web.http2") == "fail"


def test_a_declaration_without_owner_is_an_error():
    assert status_of(report(GOOD, declarations=[{"item": "web.http2"}]), "web.http2") == "error"


def test_a_scoped_run_never_says_ready():
    readiness = report(GOOD, run={"scope": ["web"], "scope_except": ["web.http2"]})
    assert readiness["verdict"]["line"] == "SCOPE GREEN: 1 of 3 items (1 group)"
    assert readiness["verdict"]["left_out"] == ["Later"]
    assert readiness["verdict"]["excluded"] == ["web.http2"]
    assert not readiness["verdict"]["ready"]


def test_an_unknown_scope_names_the_groups():
    with pytest.raises(ChecklistError, match="Groups are: web, later"):
        report(GOOD, run={"scope": ["wbe"]})


def test_a_scope_that_is_not_due_requires_nothing_and_is_not_green():
    readiness = report(GOOD, run={"scope": ["later"]})
    assert readiness["verdict"]["line"].startswith("NOTHING REQUIRED")
    assert readiness["verdict"]["exit_status"] == 1


def test_failed_provisioning_is_red_however_green_the_checks():
    readiness = report(GOOD, {"note": "provision_failed", "host": "web1", "message": "apt"})
    assert readiness["verdict"]["exit_status"] == 1
    assert "provisioning failed on web1" in readiness["verdict"]["line"]


@pytest.mark.parametrize(
    ("age", "profile"),
    [(timedelta(minutes=59), "h1"), (timedelta(hours=1), "d1"), (timedelta(hours=24), "d7"), (timedelta(days=7), "d30")],
)
def test_the_profile_follows_the_newest_deployment(age, profile):
    facts = [{"facts": {"deployed_at": (NOW - age).isoformat()}}, {"facts": {"deployed_at": (NOW - timedelta(days=99)).isoformat()}}]
    assert default_profile(facts, NOW)[0] == profile


@pytest.mark.parametrize(
    ("age", "said"),
    [(timedelta(seconds=59), "0 minutes"), (timedelta(seconds=61), "1 minute"), (timedelta(hours=3), "3 hours"), (timedelta(days=2), "2 days")],
)
def test_the_age_of_the_newest_deployment_is_said(age, said):
    facts = [{"facts": {"deployed_at": (NOW - age).isoformat()}}]
    assert default_profile(facts, NOW)[1] == f"the newest deployment is {said} old"


def test_without_a_deployment_the_profile_is_predeploy():
    assert default_profile([GOOD], NOW)[0] == "predeploy"


def test_a_time_without_zone_is_refused():
    with pytest.raises(ChecklistError, match="has no zone"):
        default_profile([{"facts": {"deployed_at": "2026-11-23T10:00:00"}}], NOW)


def measured(*, age=timedelta(days=2), release="abc", status="pass"):
    kept = {"status": status, "observed": 1, "expected": "1", "observed_from": "host", "reason": "", "seconds": 1.0}
    return {result_key(result("kill")): {**kept, "measured_at": (NOW - age).isoformat(), "run": "r0", "release": release}}


def with_release(readiness_release="abc"):
    return record(result("answers"), result("http2"), result("kill", "not_run"), facts={"release": readiness_release})


@pytest.mark.parametrize(
    ("kept", "status", "word"),
    [
        (measured(), "pass", "measured at"),
        (measured(status="fail"), "fail", "measured at"),
        (measured(age=timedelta(days=31)), "unproven", "older than 30 days"),
        (measured(release="old"), "unproven", "for release old"),
        ({}, "not_run", ""),
    ],
)
def test_what_a_deep_run_measured_counts_while_young_and_of_this_release(kept, status, word):
    readiness = report(with_release(), measured=kept)
    found = readiness["results"][result_key(result("kill"))]
    assert found["status"] == status
    assert word in found["reason"]


def test_only_decided_deep_results_are_kept():
    inputs = Inputs(run={"id": "r1"}, records=[with_release()], now=NOW)
    kept = to_measured(CATALOGUE, inputs, [result("answers"), result("kill"), result("kill", "error", instance="blog")])
    assert list(kept) == [result_key(result("kill"))]
    assert kept[result_key(result("kill"))]["release"] == "abc"


def test_changes_since_the_last_report_are_listed():
    before = report(record(result("answers", "fail"), result("http2")))
    readiness = report(GOOD, previous=before)
    assert [(change["item"], change["before"], change["now"]) for change in readiness["changes"]["items"]] == [("web.answers", "fail", "pass")]


def test_the_order_of_statuses():
    assert worst(["pass", "not_applicable"]) == "pass"
    assert worst(["waived", "pending", "pass"]) == "pending"
    assert worst(STATUSES) == "fail"
    assert worst([]) == "not_run"
    with pytest.raises(ChecklistError):
        worst(["green"])
