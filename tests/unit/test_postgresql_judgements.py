# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an observation of PostgreSQL means: each judgement with what breaks it and what only looks like it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._judge_postgresql import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

PARAMS = {"addresses": ["127.0.0.1/32", "::1/128"], "listen_addresses": ["localhost"], "app_role": "shop_app", "owner": "shop_owner"}
LOADED = {"config": {"value": {"newer": []}}, "server": {"value": {"hba_file": "/hba"}}}


def judge(name: str, value: Any, observations: Any = None, **params: Any) -> str:
    context = Context(params={**PARAMS, **params}, observations=observations or {}, now=datetime(2026, 11, 23, tzinfo=timezone.utc))
    return JUDGEMENTS[name](value, context).status


def a_role(**changes: Any) -> dict[str, Any]:
    return {"login": True, "attributes": [], "member_of": [], "password": "scram-sha-256", "guessed": "", **changes}


def rule(**changes: Any) -> dict[str, Any]:
    given = {"line": 1, "type": "hostssl", "databases": ["shop"], "users": ["shop_app"], "address": "127.0.0.1/32", "method": "scram-sha-256"}
    return {**given, "error": None, **changes}


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    return {"rules": list(given), "errors": [one for one in given if one["error"]]}


def target(**changes: Any) -> dict[str, Any]:
    given = {
        "name": "art.v",
        "table": "art",
        "configurations": ["english"],
        "indexes": [{"name": "art_v", "valid": True}],
        "generated": True,
        "word_known": True,
        "stems": True,
        "problem": "",
        "plan_indexes": ["art_v"],
        "plan_problem": "",
    }
    return {**given, **changes}


def search(*targets: dict[str, Any], declared: str = "english") -> dict[str, Any]:
    return {"in_use": True, "declared": declared, "targets": list(targets)}


def node(kind: str, **changes: Any) -> dict[str, Any]:
    return {"kind": kind, "table": "art", "index": "", "condition": False, "filter": False, "limited": False, **changes}


def plans(*nodes: dict[str, Any], problem: str = "") -> dict[str, Any]:
    return {"count": 1, "plans": [{"query": "SELECT 1", "problem": problem, "nodes": list(nodes)}]}


TLS = {"offered": True, "version": "TLSv1.3", "cipher": "x", "verifies": True, "file_is_served": True, "problem": ""}
UTF8 = {"encoding": "UTF8", "collate": "C.UTF-8", "ctype": "C.UTF-8", "provider": "c"}
DENIED = {"create_role": "42501", "create_table": "42501", "program": "42501"}


def knocks(outcome: str = "refused", may: tuple[str, ...] = ("shop", "postgres")) -> dict[str, Any]:
    return {"handshakes": {"value": {"reachable": True, "to_postgres": {"outcome": outcome}}}, "app_role": {"value": {"may_connect_to": list(may)}}}


def strangers(*outcomes: str) -> dict[str, Any]:
    return {"strangers": [{"from": f"10.0.0.{number}", "to": "x", "tls": True, "outcome": one} for number, one in enumerate(outcomes)]}


CASES = [
    ("answers", {"answers": True, "reason": ""}, "pass"),
    ("answers", {"answers": False, "reason": "no such socket"}, "fail"),
    ("running_is_installed", {"running": "15.18", "installed": "15.18", "replaced": False}, "pass"),
    ("running_is_installed", {"running": "15.17", "installed": "15.18", "replaced": True}, "fail"),
    ("running_is_installed", {"running": "15.18", "installed": "15.18", "replaced": True}, "fail"),
    ("scram_verifiers", {"a": a_role(), "postgres": a_role(password="none")}, "pass"),
    ("scram_verifiers", {"a": a_role(password="md5")}, "fail"),
    ("scram_verifiers", {"a": a_role(password="md5", login=False), "b": a_role()}, "pass"),
    ("scram_verifiers", {"postgres": a_role(password="none")}, "not_applicable"),
    ("not_guessable", {"a": a_role()}, "pass"),
    ("not_guessable", {"a": a_role(guessed="the role's own name")}, "fail"),
    ("listeners", {"tcp": ["127.0.0.1", "::1"]}, "pass"),
    ("listeners", {"tcp": ["0.0.0.0"]}, "fail"),
    ("listeners", {"tcp": []}, "pass"),
    ("superuser_shut_out", {"tls": {"outcome": "refused"}, "plain": {"outcome": "refused"}}, "pass"),
    ("superuser_shut_out", {"tls": {"outcome": "no_tls"}, "plain": {"outcome": "refused"}}, "pass"),
    ("superuser_shut_out", {"tls": {"outcome": "scram-sha-256"}, "plain": {"outcome": "refused"}}, "fail"),
    ("superuser_shut_out", {"tls": {"outcome": "error"}, "plain": {"outcome": "refused"}}, "error"),
    ("superuser_shut_out", {"tls": {"outcome": "error"}, "plain": {"outcome": "trust"}}, "fail"),
    ("tls_offered", TLS, "pass"),
    ("tls_offered", {**TLS, "verifies": None, "file_is_served": None}, "pass"),
    ("tls_offered", {**TLS, "offered": False}, "fail"),
    ("tls_offered", {**TLS, "version": "TLSv1.1"}, "fail"),
    ("tls_offered", {**TLS, "file_is_served": False}, "fail"),
    ("tls_offered", {**TLS, "verifies": False, "problem": "expired"}, "fail"),
    ("sessions_encrypted", [], "not_applicable"),
    ("sessions_encrypted", [{"user": "a", "address": "::1", "tls": True, "version": "TLSv1.2"}], "pass"),
    ("sessions_encrypted", [{"user": "a", "address": "::1", "tls": False, "version": None}], "fail"),
    ("app_attributes", {"shop_app": a_role()}, "pass"),
    ("app_attributes", {"shop_app": a_role(attributes=["createdb"])}, "fail"),
    ("app_attributes", {"shop_app": a_role(), "postgres": a_role(attributes=["superuser"])}, "pass"),
    ("app_attributes", {}, "fail"),
    ("app_memberships", {"shop_app": a_role()}, "pass"),
    ("app_memberships", {"shop_app": a_role(member_of=["readers"]), "readers": a_role(login=False)}, "pass"),
    ("app_memberships", {"shop_app": a_role(member_of=["pg_read_all_data"])}, "fail"),
    ("app_memberships", {"shop_app": a_role(member_of=["shop_owner"])}, "fail"),
    ("app_memberships", {"shop_app": a_role(member_of=["x"]), "x": a_role(attributes=["superuser"])}, "fail"),
    ("app_owns_nothing", {"owns": 0, "creates_in": [], "creates_schemas": False, "may_connect_to": []}, "pass"),
    ("app_owns_nothing", {"owns": 3, "creates_in": [], "creates_schemas": False, "may_connect_to": []}, "fail"),
    ("app_owns_nothing", {"owns": 0, "creates_in": ["reports"], "creates_schemas": False, "may_connect_to": []}, "fail"),
    ("app_owns_nothing", {"owns": 0, "creates_in": [], "creates_schemas": True, "may_connect_to": []}, "fail"),
    ("app_creates_nothing", DENIED, "pass"),
    ("app_creates_nothing", {**DENIED, "create_table": ""}, "fail"),
    ("app_creates_nothing", {**DENIED, "create_table": "25P02"}, "error"),
    ("app_creates_nothing", {}, "error"),
    ("strangers_refused", strangers("refused", "filtered"), "pass"),
    ("strangers_refused", strangers("refused", "scram-sha-256"), "fail"),
    ("strangers_refused", strangers("no_tls", "refused"), "pass"),
    ("strangers_refused", strangers("error"), "error"),
    ("strangers_refused", strangers(), "error"),
    ("plain_refused", {"plain": {"outcome": "refused"}, "tls": {"outcome": "scram-sha-256"}}, "pass"),
    ("plain_refused", {"plain": {"outcome": "scram-sha-256"}, "tls": {"outcome": "scram-sha-256"}}, "fail"),
    ("plain_refused", {"plain": {"outcome": "trust"}, "tls": {"outcome": "no_tls"}}, "fail"),
    ("plain_refused", {"plain": {"outcome": "filtered", "message": "x"}, "tls": {"outcome": "filtered"}}, "error"),
    ("encoding", UTF8, "pass"),
    ("encoding", {**UTF8, "collate": "C"}, "pass"),
    ("encoding", {**UTF8, "ctype": "C"}, "fail"),
    ("encoding", {**UTF8, "provider": "i", "collate": "C", "ctype": "C"}, "pass"),
    ("encoding", {**UTF8, "collate": "de_DE.utf8", "ctype": "de_DE.utf8"}, "pass"),
    ("encoding", {**UTF8, "encoding": "LATIN1"}, "fail"),
    ("encoding", {**UTF8, "encoding": "SQL_ASCII", "ctype": "C", "collate": "C"}, "fail"),
    ("collation_versions", [{"name": "d", "recorded": None, "actual": None}], "pass"),
    ("collation_versions", [{"name": "d", "recorded": "2.36", "actual": "2.36"}], "pass"),
    ("collation_versions", [{"name": "d", "recorded": "2.31", "actual": "2.36"}], "fail"),
    ("emoji", {"same": True, "characters": 1, "problem": ""}, "pass"),
    ("emoji", {"same": True, "characters": 4, "problem": ""}, "fail"),
    ("emoji", {"same": False, "characters": 0, "problem": "no equivalent"}, "fail"),
    ("indexes_valid", {"total": 3, "invalid": []}, "pass"),
    ("indexes_valid", {"total": 3, "invalid": ["a"]}, "fail"),
    ("indexes_valid", {"total": 0, "invalid": []}, "fail"),
    ("foreign_keys", {"total": 2, "without_index": []}, "pass"),
    ("foreign_keys", {"total": 2, "without_index": ["art(author_id)"]}, "fail"),
    ("foreign_keys", {"total": 0, "without_index": []}, "not_applicable"),
    ("hot_queries", plans(node("Index Scan", index="a", condition=True, filter=True)), "pass"),
    ("hot_queries", plans(node("Index Scan", index="a", filter=True, limited=True)), "pass"),
    ("hot_queries", plans(node("Bitmap Heap Scan", filter=True), node("Bitmap Index Scan", index="a", condition=True)), "pass"),
    ("hot_queries", plans(node("Seq Scan", filter=True)), "fail"),
    ("hot_queries", plans(node("Parallel Seq Scan")), "fail"),
    ("hot_queries", plans(node("Index Scan", index="a", filter=True)), "fail"),
    ("hot_queries", plans(problem="syntax error"), "error"),
    ("search_index", search(target()), "pass"),
    ("search_index", search(target(indexes=[])), "fail"),
    ("search_index", search(target(indexes=[{"name": "a", "valid": False}])), "fail"),
    ("search_index", search(target(indexes=[{"name": "a", "valid": False}, {"name": "b", "valid": True}])), "pass"),
    ("search_index", search(), "fail"),
    ("search_language", search(target()), "pass"),
    ("search_language", search(target(configurations=["simple"])), "fail"),
    ("search_language", search(target(configurations=["simple"]), declared="simple"), "pass"),
    ("search_language", search(target(configurations=["simple"]), declared=""), "fail"),
    ("search_language", search(target(configurations=["german"]), declared=""), "pass"),
    ("search_language", search(target(configurations=["english", "german"])), "fail"),
    ("search_language", search(target(configurations=[])), "error"),
    ("search_stems", search(target()), "pass"),
    ("search_stems", search(target(stems=False)), "fail"),
    ("search_stems", search(target(stems=False, word_known=False)), "error"),
    ("search_stems", search(target(stems=None)), "error"),
    ("search_plan", search(target()), "pass"),
    ("search_plan", search(target(plan_indexes=[])), "fail"),
    ("search_plan", search(target(plan_indexes=["other"])), "fail"),
    ("search_plan", search(target(plan_problem="permission denied")), "error"),
]


@pytest.mark.parametrize(("name", "value", "status"), CASES)
def test_a_judgement_tells_breaks_from_look_alikes(name, value, status):
    assert judge(name, value) == status


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (rules(rule(), rule(type="host", address="all", method="reject")), "pass"),
        (rules(rule(type="local", address=None, method="peer", users=["postgres"])), "pass"),
        (rules(rule(address="::1/128")), "pass"),
        (rules(rule(address="all")), "fail"),
        (rules(rule(address="0.0.0.0/0")), "fail"),
        (rules(rule(address="samenet")), "fail"),
        (rules(rule(address="127.0.0.0/8")), "fail"),
        (rules(rule(type="local", address=None, method="trust")), "fail"),
        (rules(rule(method="md5")), "fail"),
        (rules(rule(error="invalid connection type")), "fail"),
        (rules(), "error"),
    ],
)
def test_access_rules_open_nothing_beyond_the_declared_addresses(given, status):
    assert judge("hba_rules", given, LOADED) == status


def test_rules_that_were_edited_and_not_loaded_are_not_those_in_force():
    assert judge("hba_rules", rules(rule()), {**LOADED, "config": {"value": {"newer": ["/hba"]}}}) == "fail"
    assert judge("hba_rules", rules(rule()), {}) == "error"


@pytest.mark.parametrize(
    ("denied", "observations", "status"),
    [
        (DENIED, knocks(), "pass"),
        (DENIED, knocks("scram-sha-256", may=("shop",)), "pass"),
        (DENIED, knocks("scram-sha-256"), "fail"),
        ({**DENIED, "create_role": ""}, knocks(), "fail"),
        ({**DENIED, "program": ""}, knocks(), "fail"),
        ({**DENIED, "program": "25P02"}, knocks(), "error"),
        (DENIED, {}, "error"),
    ],
)
def test_the_application_is_denied_what_it_has_no_business_with(denied, observations, status):
    assert judge("app_denied", denied, observations) == status


def test_a_wildcard_is_only_listened_to_when_declared():
    assert judge("listeners", {"tcp": ["0.0.0.0"]}, listen_addresses=["*"]) == "pass"
    assert judge("listeners", {"tcp": ["10.0.0.2"]}, listen_addresses=["localhost", "10.0.0.2"]) == "pass"
