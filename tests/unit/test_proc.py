"""/proc and control groups become dicts; the texts are from Debian 12 and 13, version 2 from the kernel's documentation."""

import os

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _cgroup, _proc
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

STATUS = """Name:\tgunicorn
PPid:\t1
Uid:\t999\t999\t999\t999
Gid:\t997\t997\t997\t997
VmRSS:\t   26516 kB
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
"""
STAT = "8976 (gun) corn) S 1 8976 8976 0 -1 4194560 6283 45 2 0 23 5 0 0 20 0 1 0 368260 33071104 6617 18446744073709551615\n"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            1024                 524288               files
"""
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1FBB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1FBB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   999        0 4243 1 0000000000000000 20 4 30 10 -1
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0
"""
HYBRID = """9:name=systemd:/docker/892b/system.slice/alpha.service
8:pids:/docker/892b/system.slice/alpha.service
4:memory:/docker/892b/system.slice/alpha.service
1:cpu,cpuacct:/docker/892b
0::/docker/892b/system.slice/alpha.service
"""
HYBRID_MOUNTS = """759 758 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
760 758 0:30 /docker/892b /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
761 758 0:31 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""


def test_a_status_says_who_and_what_is_allowed():
    assert _proc.parse_status(STATUS) == {
        "name": "gunicorn", "parent": 1, "uids": [999] * 4, "gids": [997] * 4, "cap_eff": 0, "cap_bnd": 0,
        "no_new_privs": True, "seccomp": 2, "seccomp_filters": 0, "rss_kb": 26516,
    }  # fmt: skip


def test_a_bracket_in_the_name_does_not_move_the_start():
    assert _proc.parse_start_ticks(STAT) == 368260


def test_this_process_was_started_before_now_and_after_its_parent():
    assert _proc.started_at(os.getppid()) <= _proc.started_at(os.getpid())


@pytest.mark.parametrize(("text", "soft"), [(LIMITS, 1024), (LIMITS.replace("1024  ", "unlimited"), None)])
def test_unlimited_open_files_are_none_not_zero(text, soft):
    assert _proc.parse_open_files(text)["soft"] == soft


def test_limits_without_the_line_are_an_error():
    with pytest.raises(ObservationError):
        _proc.parse_open_files("Limit\n")


def test_only_listening_sockets_count():
    assert _proc.parse_tcp_listeners(TCP) == {"4242": "127.0.0.1:8123"}
    assert _proc.parse_tcp_listeners(TCP6) == {"77": "[::1]:80"}


def test_the_environment_may_hold_equal_signs_and_newlines():
    assert _proc.parse_environ("A=b=c\0EMPTY=\0TWO=x\ny\0") == {"A": "b=c", "EMPTY": "", "TWO": "x\ny"}


def test_memory_is_in_bytes():
    assert _proc.parse_meminfo("MemTotal:        2048 kB\nBuffers: 3 kB\n") == {"MemTotal": 2048 * 1024}


@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        ("memory", (1, "/sys/fs/cgroup/memory/system.slice/alpha.service")),
        ("cpu", (1, "/sys/fs/cgroup/cpu/docker/892b")),
        ("", (2, "/sys/fs/cgroup/unified/docker/892b/system.slice/alpha.service")),
    ],
)
def test_the_place_of_a_controller_leaves_out_what_the_mount_leaves_out(controller, expected):
    assert _cgroup.directory(controller, _cgroup.parse_membership(HYBRID), _cgroup.parse_mounts(HYBRID_MOUNTS)) == expected


def test_on_version_2_every_controller_is_in_the_one_place():
    membership = _cgroup.parse_membership("0::/system.slice/alpha.service\n")
    mounts = _cgroup.parse_mounts("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
    assert _cgroup.directory("memory", membership, mounts) == (2, "/sys/fs/cgroup/system.slice/alpha.service")


def test_a_controller_that_is_not_there_is_an_error():
    with pytest.raises(ObservationError, match="memory"):
        _cgroup.directory("memory", {}, {})


@pytest.mark.parametrize(("text", "limit"), [("max\n", None), ("-1\n", None), ("9223372036854771712\n", None), ("786432000\n", 786432000)])
def test_no_limit_is_none(text, limit):
    assert _cgroup.parse_limit(text) == limit


@pytest.mark.parametrize(("text", "cores"), [("max 100000\n", None), ("160000 100000\n", 1.6)])
def test_processor_time_is_in_cores(text, cores):
    assert _cgroup.parse_cpu_max(text) == cores


def test_a_counter_that_the_kernel_lacks_is_none_not_zero():
    assert _cgroup.parse_counter("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill") == 3
    assert _cgroup.parse_counter("oom_kill_disable 0\n", "oom_kill") is None


def test_a_namespace_shared_with_the_first_process_is_named(tmp_path):
    for pid, links in {"1": {"mnt": 1, "user": 2, "ipc": 3, "uts": 4}, "7": {"mnt": 11, "user": 2, "ipc": 13, "uts": 4}}.items():
        (tmp_path / pid / "ns").mkdir(parents=True)
        for name, number in links.items():
            (tmp_path / pid / "ns" / name).symlink_to(f"{name}:[{number}]")
    assert _proc.namespaces_shared(7, str(tmp_path)) == {"user", "uts"}
