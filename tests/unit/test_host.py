"""What a host prints becomes dicts, and dicts become verdicts."""

from datetime import datetime, timezone

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _host
from ansible_collections.prodready.django.plugins.plugin_utils._judge_host import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n'
MOUNTS = """overlay / overlay rw,relatime 0 0
/dev/vda /etc/hosts ext4 rw,relatime 0 0
/dev/vda /etc/hostname ext4 rw,relatime 0 0
/dev/vdb /srv/my\\040data xfs rw 0 0
tmpfs /run tmpfs rw 0 0
proc /proc proc rw 0 0
"""
UPGRADES = """Inst libssl3 [3.0.15-1] (3.0.16-1~deb12u1 Debian-Security:12/stable-security [amd64])
Inst tzdata [2024a] (2025a Debian:12.9/stable, Debian:12-updates/stable-updates [all])
Inst linux-image-6.1.0-30-amd64 (6.1.124-1 Debian-Security:12/stable-security [amd64])
Inst curl [7.81] (7.82 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64]) []
Conf libssl3 (3.0.16-1~deb12u1 Debian-Security:12/stable-security [amd64])
"""
MAPS = """7f0 r-xp 00000000 fe:00 123 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1 r-xp 00000000 fe:00 124 /usr/lib/x86_64-linux-gnu/libc.so.6
7f2 rw-s 00000000 00:01 125 /memfd:x (deleted)
7f3 rw-p 00000000 fe:00 126 /tmp/gunicorn.so (deleted)
"""
GIB = 2**30


def test_the_distribution_is_named():
    assert _host.parse_os_release(OS_RELEASE) == {"id": "debian", "version_id": "13", "pretty_name": "Debian GNU/Linux 13 (trixie)"}


def test_a_volume_counts_once_and_memory_not_at_all():
    assert _host.parse_mounts(MOUNTS) == [("/", "overlay"), ("/etc/hosts", "ext4"), ("/srv/my data", "xfs")]


def test_security_updates_are_told_from_others():
    found = _host.parse_upgrades(UPGRADES)
    assert found["security"] == ["curl", "libssl3", "linux-image-6.1.0-30-amd64"]
    assert len(found["all"]) == 4


def test_only_replaced_libraries_count():
    assert _host.parse_deleted_libraries(MAPS) == {"/usr/lib/x86_64-linux-gnu/libssl.so.3"}


def test_versions_sort_by_number():
    assert max(["6.1.0-9-amd64", "6.1.0-21-amd64", "5.10.0-30-amd64"], key=_host.version_key) == "6.1.0-21-amd64"


VOLUME = {"type": "ext4", "size_bytes": 20 * GIB, "free_bytes": 10 * GIB, "inodes": 10**6, "free_inodes": 9 * 10**5}
RUNNING = {"outdated": {}, "container": "", "kernel": "6.1.0-21", "newest_kernel": "6.1.0-21"}
CASES = [
    ("capacity", {"cores": 2, "memory_bytes": 2 * GIB}, "pass"),
    ("capacity", {"cores": 1, "memory_bytes": 2 * GIB}, "fail"),
    ("capacity", {"cores": 2, "memory_bytes": GIB // 2}, "fail"),
    ("storage", {"/": VOLUME}, "pass"),
    ("storage", {"/": {**VOLUME, "free_bytes": GIB // 2}}, "fail"),
    ("storage", {"/": {**VOLUME, "size_bytes": 200 * GIB}}, "fail"),
    ("storage", {"/": {**VOLUME, "free_inodes": 10}}, "fail"),
    ("storage", {"/": {**VOLUME, "inodes": 0, "free_inodes": 0}}, "pass"),
    ("storage", {}, "error"),
    ("lists_fresh", 3600, "pass"),
    ("lists_fresh", 86401, "fail"),
    ("no_pending_security", {"waiting": 3, "security": [], "held": []}, "pass"),
    ("no_pending_security", {"waiting": 3, "security": ["libssl3"], "held": []}, "fail"),
    ("no_pending_security", {"waiting": 0, "security": [], "held": ["nginx"]}, "fail"),
    ("running_current", RUNNING, "pass"),
    ("running_current", {**RUNNING, "outdated": {"nginx": ["libssl.so.3"]}}, "fail"),
    ("running_current", {**RUNNING, "kernel": "6.1.0-9"}, "fail"),
    ("running_current", {**RUNNING, "newest_kernel": ""}, "error"),
    ("running_current", {**RUNNING, "newest_kernel": "", "container": "docker"}, "pass"),
]
PARAMS = {"cores_at_least": 2, "memory_at_least_mb": 900, "free_space_at_least_mb": 1024, "free_inodes_at_least": 50000}


@pytest.mark.parametrize(("name", "value", "status"), CASES)
def test_a_host_is_judged(name, value, status):
    args = {"free_share_at_least": 0.1, "hours_at_most": 24}
    context = Context(params=PARAMS, observations={}, now=datetime(2026, 11, 1, tzinfo=timezone.utc), args=args)
    assert JUDGEMENTS[name](value, context).status == status


def test_every_judgement_is_seen_passing_and_failing():
    assert {name for name, _value, status in CASES if status == "fail"} == set(JUDGEMENTS)
    assert {name for name, _value, status in CASES if status == "pass"} == set(JUDGEMENTS)
