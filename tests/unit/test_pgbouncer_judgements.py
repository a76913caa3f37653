# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an observation of pgbouncer means: each judgement with what breaks it and what only looks like it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._judge_pgbouncer import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

ARGS = {"wait_at_most": 120, "seconds_at_most": 1}
PARAMS = {"name": "shop", "user": "shop_app", "reserved": 13}


def judge(name: str, value: Any, others: dict[str, Any] | None = None, **params: Any) -> str:
    observations = {key: {"value": one} for key, one in (others or {}).items()}
    context = Context(params={**PARAMS, **params}, observations=observations, now=datetime(2026, 11, 23, tzinfo=timezone.utc), args=ARGS)
    return JUDGEMENTS[name](value, context).status


def pool(**changes: Any) -> dict[str, Any]:
    given = {"database": "shop", "size": 4, "reserve": 0, "most": 4, "mode": "transaction", "paused": False, "disabled": False}
    return {**given, "waiting": 0, "longest_wait": 0.0, "average_wait": 0.0, **changes}


CONSOLE = pool(database="pgbouncer", size=2, most=0, mode="statement")
RUNS = {"process": {"replaced": False, "open_files": 1024}, "binary": {"running": "1.18.0", "installed": "1.18.0"}}
FRESH = {"differs": [], "newer": [], "newer_units": [], "certificate_is_served": True}
KNOCK = {"outcome": "scram-sha-256", "message": ""}
REFUSED = {"outcome": "error", "message": "SSL required"}
TLS = {"offered": True, "version": "TLSv1.3", "cipher": "x", "verifies": True, "problem": ""}


def knocks(**changes: Any) -> dict[str, Any]:
    return {"tls": KNOCK, "plain": REFUSED, **changes}


def end(tls: str, unix: bool = False) -> dict[str, Any]:
    return {"tls": tls, "unix": unix}


@pytest.mark.parametrize(
    ("value", "status"),
    [({"answers": True, "reason": ""}, "pass"), ({"answers": False, "reason": "no such file"}, "fail")],
)
def test_a_pooler_that_is_down_is_a_finding(value, status):
    assert judge("answers", value) == status


@pytest.mark.parametrize(
    ("state", "restart", "status"),
    [
        ("enabled", "always", "pass"),
        ("enabled", "on-failure", "pass"),
        ("enabled", "no", "fail"),
        ("disabled", "always", "fail"),
        ("", "always", "fail"),
    ],
)
def test_a_pooler_comes_back(state, restart, status):
    assert judge("starts_again", {"UnitFileState": state, "Restart": restart}) == status


@pytest.mark.parametrize(
    ("stale", "others", "status"),
    [
        (FRESH, RUNS, "pass"),
        ({**FRESH, "certificate_is_served": None}, RUNS, "pass"),
        ({**FRESH, "differs": [{"name": "pool_mode", "file": "transaction", "running": "session", "restart": False}]}, RUNS, "fail"),
        ({**FRESH, "newer": ["/ca"]}, RUNS, "fail"),
        ({**FRESH, "newer_units": ["/unit"]}, RUNS, "fail"),
        ({**FRESH, "certificate_is_served": False}, RUNS, "fail"),
        (FRESH, {**RUNS, "binary": {"running": "1.18.0", "installed": "1.24.1"}}, "fail"),
        (FRESH, {**RUNS, "process": {"replaced": True}}, "fail"),
        (FRESH, {}, "error"),
    ],
)
def test_what_runs_is_what_is_on_disk(stale, others, status):
    assert judge("in_force", stale, others) == status


@pytest.mark.parametrize(
    ("config", "pools", "files", "status"),
    [
        ({}, {}, 1024, "pass"),
        ({"query_wait_timeout": "0"}, {}, 1024, "fail"),
        ({"query_wait_timeout": "121"}, {}, 1024, "fail"),
        ({}, {"shop": pool(most=0)}, 1024, "fail"),
        ({}, {"shop": pool(), "blog": pool(most=0)}, 1024, "pass"),
        ({"max_client_conn": "1022"}, {}, 1024, "fail"),
        ({"max_client_conn": "9999"}, {}, None, "pass"),
    ],
)
def test_everything_is_limited(config, pools, files, status):
    others = {"pools": {"shop": pool(), "pgbouncer": CONSOLE, **pools}, "process": {"open_files": files}}
    assert judge("limits_are_finite", {"max_client_conn": "500", "query_wait_timeout": "20", **config}, others) == status


def test_limits_that_cannot_be_seen_are_no_pass():
    assert judge("limits_are_finite", {"max_client_conn": "500", "query_wait_timeout": "20"}) == "error"


@pytest.mark.parametrize(
    ("there", "status"),
    [
        (pool(), "pass"),
        (pool(size=40), "pass"),
        (None, "fail"),
        (pool(paused=True), "fail"),
        (pool(disabled=True), "fail"),
        (pool(database="other"), "fail"),
        (pool(size=1), "pass"),
        (pool(size=0), "fail"),
    ],
)
def test_a_pool_is_open_and_has_a_connection(there, status):
    assert judge("pool_serves", {"there": there}) == status


@pytest.mark.parametrize(("mode", "status"), [("transaction", "pass"), ("session", "fail"), ("statement", "fail")])
def test_connections_are_shared_by_transaction(mode, status):
    assert judge("shares_by_transaction", {"there": pool(mode=mode)}) == status


@pytest.mark.parametrize(
    ("there", "status"),
    [
        (pool(), "pass"),
        (pool(waiting=2, longest_wait=0.02), "pass"),
        (pool(average_wait=3.0), "pass"),
        (pool(waiting=1, longest_wait=1.0), "fail"),
    ],
)
def test_a_moment_is_no_wait(there, status):
    assert judge("nobody_waits", {"there": there}) == status


@pytest.mark.parametrize(
    ("pools", "limits", "status"),
    [
        ({"shop": pool(most=87)}, {"max_connections": 100}, "pass"),
        ({"shop": pool(most=88)}, {"max_connections": 100}, "fail"),
        ({"shop": pool(most=50), "blog": pool(most=0, size=30, reserve=8)}, {"max_connections": 100}, "fail"),
        ({"shop": pool(most=87), "pgbouncer": CONSOLE}, {"max_connections": 100}, "pass"),
        ({"shop": pool(most=81)}, {"max_connections": 100, "superuser_reserved_connections": 10, "reserved_connections": 10}, "fail"),
        ({}, {"max_connections": 100}, "error"),
    ],
)
def test_pools_leave_the_server_its_reserve(pools, limits, status):
    assert judge("fits_server", {"limits": limits, "sessions": []}, {"pools": pools}) == status


SESSION = {"application": "", "address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("sessions", "strangers", "status"),
    [([SESSION], [], "pass"), ([SESSION, SESSION], [SESSION], "fail"), ([], [], "not_applicable")],
)
def test_nobody_goes_round_the_pooler(sessions, strangers, status):
    assert judge("backends_from_pooler", {"sessions": sessions, "strangers": strangers}) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, "pass"), ({"verifies": None}, "pass"), ({"offered": False}, "fail"), ({"version": "TLSv1.1"}, "fail"), ({"verifies": False}, "fail")],
)
def test_tls_is_offered_as_clients_need_it(changes, status):
    assert judge("tls_offered", {**TLS, **changes}) == status


@pytest.mark.parametrize(
    ("plain", "status"),
    [
        (REFUSED, "pass"),
        (KNOCK, "fail"),
        ({"outcome": "trust", "message": ""}, "fail"),
        ({"outcome": "error", "message": "no such database"}, "error"),
        ({"outcome": "filtered", "message": "timed out"}, "error"),
    ],
)
def test_only_the_demand_for_tls_refuses_a_plain_client(plain, status):
    assert judge("plain_refused", knocks(plain=plain)) == status


@pytest.mark.parametrize(
    ("tls", "status"),
    [
        (KNOCK, "pass"),
        ({"outcome": "md5", "message": ""}, "fail"),
        ({"outcome": "trust", "message": ""}, "fail"),
        ({"outcome": "error", "message": "server login failed: wrong password type"}, "fail"),
        ({"outcome": "error", "message": "no such user"}, "error"),
        ({"outcome": "no_tls", "message": ""}, "error"),
    ],
)
def test_a_proof_is_demanded(tls, status):
    assert judge("asks_for_scram", knocks(tls=tls)) == status


@pytest.mark.parametrize(
    ("clients", "servers", "status"),
    [
        ([end("TLSv1.3/x")], [end("TLSv1.3/x")], "pass"),
        ([end("", unix=True)], [end("TLSv1.2/x")], "pass"),
        ([end("")], [end("TLSv1.3/x")], "fail"),
        ([end("TLSv1.3/x")], [end("")], "fail"),
        ([end("TLSv1.1/x")], [], "fail"),
        ([], [], "not_applicable"),
        ([end("", unix=True)], [], "not_applicable"),
    ],
)
def test_both_sides_are_encrypted(clients, servers, status):
    assert judge("both_sides_encrypted", clients, {"servers": servers}) == status


def test_a_side_that_was_not_seen_is_no_pass():
    assert judge("both_sides_encrypted", [end("TLSv1.3/x")]) == "error"
