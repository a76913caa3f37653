"""Each judgement about a cache: what is good, what is red."""

from datetime import datetime, timezone

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._judge_redis import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

UNIT = {"Id": "redis-server.service", "ActiveState": "active", "UnitFileState": "enabled"}
USER = {"enabled": True, "refused": [], "foreign_keys": [], "permitted": [], "flushes": True, "default_user": "off"}
INFO = {"maxmemory": 512 * 2**20, "maxmemory_policy": "allkeys-lru", "memory_total_bytes": 4 * 2**30}
TRIP = {"stored": "OK", "read_back": True, "miss_is_empty": True, "expired": True, "counted": {"hits": 1, "misses": 1}}
PLACE = {
    "address": "10.0.0.5", "answered": True, "problem": "", "plain": False, "sha256": "ab",
    "not_before": "2026-11-01T00:00:00+00:00", "not_after": "2027-11-01T00:00:00+00:00",
}  # fmt: skip
TLS = {"used": True, "port": 6380, "unencrypted": [], "expected_sha256": "ab", "places": [PLACE]}
NO_TLS = {"used": False, "port": 0, "unencrypted": [], "expected_sha256": "", "places": []}


def place(**changes):
    return {**TLS, "places": [PLACE, {**PLACE, **changes}]}


CASES = [
    ("running", UNIT, {}, "pass"),
    ("running", {**UNIT, "ActiveState": "failed"}, {}, "fail"),
    ("running", {**UNIT, "UnitFileState": "disabled"}, {}, "fail"),
    ("own_keys_only", USER, {}, "pass"),
    ("own_keys_only", {**USER, "flushes": False}, {}, "pass"),
    ("own_keys_only", {**USER, "enabled": False}, {}, "fail"),
    ("own_keys_only", {**USER, "refused": ["SET"]}, {}, "fail"),
    ("own_keys_only", {**USER, "foreign_keys": ["GET"]}, {}, "fail"),
    ("own_keys_only", {**USER, "permitted": ["FLUSHALL"]}, {}, "fail"),
    ("own_keys_only", {**USER, "default_user": "on"}, {}, "fail"),
    ("makes_room", INFO, {"persistence": False}, "pass"),
    ("makes_room", {**INFO, "maxmemory_policy": "allkeys-lfu"}, {"persistence": False}, "pass"),
    ("makes_room", {**INFO, "maxmemory_policy": "noeviction"}, {"persistence": True}, "pass"),
    ("makes_room", {**INFO, "maxmemory": 0}, {"persistence": False}, "fail"),
    ("makes_room", {**INFO, "maxmemory": 3 * 2**30}, {"persistence": False}, "fail"),
    ("makes_room", {**INFO, "maxmemory_policy": "noeviction"}, {"persistence": False}, "fail"),
    ("makes_room", {**INFO, "maxmemory_policy": "volatile-lru"}, {"persistence": False}, "fail"),
    ("makes_room", INFO, {"persistence": True}, "fail"),
    ("stored_and_expired", TRIP, {}, "pass"),
    ("stored_and_expired", {**TRIP, "stored": "OOM command not allowed", "read_back": False}, {}, "fail"),
    ("stored_and_expired", {**TRIP, "read_back": False}, {}, "fail"),
    ("stored_and_expired", {**TRIP, "miss_is_empty": False}, {}, "fail"),
    ("stored_and_expired", {**TRIP, "expired": False}, {}, "fail"),
    ("counted", TRIP, {}, "pass"),
    ("counted", {**TRIP, "counted": {"hits": 0, "misses": 1}}, {}, "fail"),
    ("counted", {**TRIP, "counted": {"hits": 7, "misses": 0}}, {}, "fail"),
    ("encrypted_port", TLS, {"tls": True}, "pass"),
    ("encrypted_port", TLS, {}, "pass"),
    ("encrypted_port", {**TLS, "expected_sha256": ""}, {"tls": True}, "pass"),
    ("encrypted_port", place(not_after="2026-12-14T00:00:01+00:00"), {"tls": True}, "pass"),
    ("encrypted_port", NO_TLS, {"tls": False}, "not_applicable"),
    ("encrypted_port", {**NO_TLS, "unencrypted": ["127.0.0.1:6379"]}, {"tls": False}, "not_applicable"),
    ("encrypted_port", NO_TLS, {"tls": True}, "fail"),
    ("encrypted_port", {**TLS, "unencrypted": ["10.0.0.5:6379"]}, {"tls": True}, "fail"),
    ("encrypted_port", place(plain=True), {"tls": True}, "fail"),
    ("encrypted_port", place(answered=False, problem="timed out"), {"tls": True}, "fail"),
    ("encrypted_port", place(not_after="2026-12-13T23:59:59+00:00"), {"tls": True}, "fail"),
    ("encrypted_port", place(not_after="2026-11-22T00:00:00+00:00"), {"tls": True}, "fail"),
    ("encrypted_port", place(not_before="2026-11-24T00:00:00+00:00"), {"tls": True}, "fail"),
    ("encrypted_port", place(sha256="cd"), {"tls": True}, "fail"),
]


@pytest.mark.parametrize(("name", "value", "params", "status"), CASES)
def test_each_case_gets_its_status(name, value, params, status):
    context = Context(params=params, observations={}, now=datetime(2026, 11, 23, tzinfo=timezone.utc))
    assert JUDGEMENTS[name](value, context).status == status


def test_every_judgement_is_seen_green_and_red():
    seen = {(name, status) for name, _value, _params, status in CASES}
    assert {(name, status) for name in JUDGEMENTS for status in ("pass", "fail")} <= seen
