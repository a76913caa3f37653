"""Each judgement about a cache: what is good, what is red."""

from datetime import datetime, timezone

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._judge_redis import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

UNIT = {"Id": "redis-server.service", "ActiveState": "active", "UnitFileState": "enabled"}
USER = {"enabled": True, "refused": [], "foreign_keys": [], "permitted": [], "flushes": True, "default_user": "off"}
INFO = {"maxmemory": 512 * 2**20, "maxmemory_policy": "allkeys-lru", "memory_total_bytes": 4 * 2**30}
TRIP = {"stored": "OK", "read_back": True, "miss_is_empty": True, "expired": True, "counted": {"hits": 1, "misses": 1}}

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
]


@pytest.mark.parametrize(("name", "value", "params", "status"), CASES)
def test_each_case_gets_its_status(name, value, params, status):
    context = Context(params=params, observations={}, now=datetime(2026, 11, 23, tzinfo=timezone.utc))
    assert JUDGEMENTS[name](value, context).status == status


def test_every_judgement_is_seen_green_and_red():
    seen = {(name, status) for name, _value, _params, status in CASES}
    assert {(name, status) for name in JUDGEMENTS for status in ("pass", "fail")} <= seen
