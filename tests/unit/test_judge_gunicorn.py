"""Each judgement about a service: what is good, what is red, and what cannot be known."""

from datetime import datetime, timezone

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._judge_gunicorn import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

SETTINGS = {
    "workers": 5, "threads": 2, "worker_class": "gthread", "worker_connections": 1000, "timeout": 30, "max_requests": 1000,
    "max_requests_jitter": 100, "request_timeout": 30,
}  # fmt: skip
WORKERS = {"alive": 5, "cores": 2, "settings": SETTINGS}
SERVICE = {
    "Id": "alpha.service", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "NeedDaemonReload": False,
    "FragmentPath": "/etc/systemd/system/alpha.service", "Restart": "always", "RestartUSec": 1.0, "StartLimitBurst": 60,
    "StartLimitIntervalUSec": 300.0,
}  # fmt: skip
SOCKET = {**SERVICE, "Id": "alpha.socket"}
UNITS = {"service": SERVICE, "socket": SOCKET}
PROCESS = {"processes": 6, "uids": [999], "no_new_privs": True, "seccomp": 2, "capabilities": ["0"], "bounding": ["0"], "namespaces_shared": []}
RULES = {"filters": 4, "capabilities": "0"}
TRIALS = {"write to /etc": "EROFS", "write to /run/lock": "EROFS", "trace a process": "EPERM", "mount": "EPERM"}
SANDBOX = {**RULES, "trials": TRIALS, "running": RULES}
EXTRA = {"known": True, "active": "active", "enabled": "enabled", "reload_needed": False, "stale": [], "confinement": {**PROCESS, "exposure": 0.9}}
TIMER = {"known": True, "active": "active", "enabled": "enabled", "reload_needed": False, "stale": []}
PROCESSES = {
    "units": {"alpha-queue.service": EXTRA, "alpha-clear.timer": TIMER}, "surplus": {"files": [], "units": []}, "memory_mb": 300, "connections": 0,
    "any": True,
}  # fmt: skip
FRESH = {"restart": [], "reload": [], "socket": []}
LIMITS = {
    "group": {"version": 1, "memory_bytes": 786432000, "processes": 256, "cpu_cores": 1.6}, "open_files": {"soft": 4096, "hard": 4096},
    "memory_total_bytes": 4 * 2**30, "cores": 2,
}  # fmt: skip
REACH = {
    "socket_unit": ["/run/alpha/gunicorn.sock"], "tcp": [], "stranger": "refused",
    "socket": {"is_socket": True, "mode": "0660", "owner": "root", "group": "www-data"},
}  # fmt: skip
RUNNING = {"active": "active", "restarts": 0, "restarts_before": 0, "age_seconds": 31.0, "known": True}
QUIET = {"active": "active", "restarts": None, "restarts_before": None, "age_seconds": None, "known": True}
LIVE = {"path": "/live", "declared": True, "alive": 5, "answers": [{"status": 200}] * 5}
ARGS = {
    "max_requests_at_least": 100, "timeout_at_most": 120, "exposure_at_most": 2.0, "keeps_trying_seconds": 30, "processes_at_most": 4096,
    "others": 64,
}  # fmt: skip


def settings(**changes):
    return {**WORKERS, "settings": {**SETTINGS, **changes}}


def group(**changes):
    return {**LIMITS, "group": {**LIMITS["group"], **changes}}


def extra(**changes):
    return {**PROCESSES, "units": {**PROCESSES["units"], "alpha-queue.service": {**EXTRA, **changes}}}


def confined(**changes):
    return extra(confinement={**EXTRA["confinement"], **changes})


def tried(**changes):
    return {**SANDBOX, "trials": {**TRIALS, **changes}}


def units(**changes):
    return {"service": {**SERVICE, **changes}, "socket": SOCKET}


CASES = [
    ("worker_count", WORKERS, "pass"),
    ("worker_count", {**WORKERS, "alive": 4}, "fail"),
    ("worker_count", {**settings(workers=6), "alive": 6}, "fail"),
    ("worker_count", {**settings(workers=1), "alive": 1}, "fail"),
    ("worker_count", {**settings(workers=2), "alive": 2}, "pass"),
    ("worker_count", settings(workers=None), "error"),
    ("recycling_and_timeout", WORKERS, "pass"),
    ("recycling_and_timeout", settings(max_requests=0), "fail"),
    ("recycling_and_timeout", settings(max_requests=5), "fail"),
    ("recycling_and_timeout", settings(max_requests_jitter=0), "fail"),
    ("recycling_and_timeout", settings(timeout=0), "fail"),
    ("recycling_and_timeout", settings(timeout=3600), "fail"),
    ("recycling_and_timeout", settings(timeout=None), "error"),
    ("recycling_and_timeout", settings(request_timeout=0), "fail"),
    ("recycling_and_timeout", settings(request_timeout=None), "fail"),  # of somebody else's server it is not known, and gunicorn has none
    ("recycling_and_timeout", settings(request_timeout=0, worker_class="sync", threads=1), "pass"),
    ("fits_pool", WORKERS, "pass"),
    ("fits_pool", settings(threads=3), "fail"),
    ("fits_pool", settings(threads=None), "error"),
    ("active", UNITS, "pass"),
    ("active", units(ActiveState="failed"), "fail"),
    ("active", units(ActiveState="activating"), "fail"),
    ("enabled", UNITS, "pass"),
    ("enabled", units(UnitFileState="disabled"), "fail"),
    ("enabled", units(UnitFileState="enabled-runtime"), "fail"),
    ("unprivileged", PROCESS, "pass"),
    ("unprivileged", {**PROCESS, "uids": [0, 999]}, "fail"),
    ("unprivileged", {**PROCESS, "processes": 0, "uids": []}, "error"),
    ("in_effect", FRESH, "pass"),
    ("in_effect", {**FRESH, "restart": ["environment: DEBUG differ"]}, "fail"),
    ("in_effect", {**FRESH, "reload": ["configuration"]}, "fail"),
    ("in_effect", {**FRESH, "socket": ["socket"]}, "fail"),
    ("sandboxed", 0.9, "pass"),
    ("sandboxed", 2.0, "pass"),
    ("sandboxed", 2.1, "fail"),
    ("sandbox_refuses", SANDBOX, "pass"),
    ("sandbox_refuses", tried(mount="done"), "fail"),
    ("sandbox_refuses", tried(mount="killed"), "pass"),
    ("sandbox_refuses", tried(**{"write to /run/lock": "done"}), "fail"),
    ("sandbox_refuses", tried(**{"write to /etc": "EACCES"}), "fail"),
    ("sandbox_refuses", {**SANDBOX, "running": {**RULES, "filters": 0}}, "fail"),
    ("sandbox_refuses", {**SANDBOX, "running": {**RULES, "capabilities": "400"}}, "fail"),
    ("sandbox_refuses", {**SANDBOX, "trials": {}}, "error"),
    ("processes_active", PROCESSES, "pass"),
    ("processes_active", extra(active="activating"), "fail"),
    ("processes_active", extra(active="inactive"), "fail"),
    ("processes_active", extra(enabled="disabled"), "fail"),
    ("processes_active", extra(known=False), "fail"),
    ("processes_active", {**PROCESSES, "surplus": {"files": [], "units": ["alpha-old.service"]}}, "fail"),
    ("processes_in_effect", PROCESSES, "pass"),
    ("processes_in_effect", extra(stale=["code: the process runs in /srv/alpha/releases/1/source"]), "fail"),
    ("processes_in_effect", extra(reload_needed=True), "fail"),
    ("processes_sandboxed", PROCESSES, "pass"),
    ("processes_sandboxed", confined(exposure=2.1), "fail"),
    ("processes_sandboxed", confined(uids=[0]), "fail"),
    ("processes_sandboxed", confined(seccomp=0), "fail"),
    ("processes_sandboxed", confined(no_new_privs=False), "fail"),
    ("processes_sandboxed", confined(bounding=["1ffffffffff"]), "fail"),
    ("processes_sandboxed", confined(namespaces_shared=["mnt"]), "fail"),
    ("restart_policy", SERVICE, "pass"),
    ("restart_policy", {**SERVICE, "Restart": "on-failure"}, "pass"),
    ("restart_policy", {**SERVICE, "Restart": "no"}, "fail"),
    ("restart_policy", {**SERVICE, "StartLimitBurst": 5, "StartLimitIntervalUSec": 10, "RestartUSec": 0.1}, "fail"),
    ("restart_policy", {**SERVICE, "StartLimitBurst": 5, "StartLimitIntervalUSec": 10, "RestartUSec": 3}, "pass"),
    ("restart_policy", {**SERVICE, "StartLimitIntervalUSec": 0}, "pass"),
    ("restart_policy", {**SERVICE, "RestartUSec": 600}, "fail"),
    ("recovered", {"recovered": True, "seconds": 1.3, "within": 10, "answer": {"status": 200}}, "pass"),
    ("recovered", {"recovered": False, "seconds": 10.0, "within": 10, "answer": {}}, "fail"),
    ("group_limits", LIMITS, "pass"),
    ("group_limits", group(memory_bytes=None), "fail"),
    ("group_limits", group(memory_bytes=5 * 2**30), "fail"),
    ("group_limits", group(processes=None), "fail"),
    ("group_limits", group(cpu_cores=None), "fail"),
    ("group_limits", group(cpu_cores=3.0), "fail"),
    ("open_files", LIMITS, "pass"),
    ("open_files", {**LIMITS, "open_files": {"soft": 1024, "hard": 524288}}, "fail"),
    ("open_files", {**LIMITS, "open_files": {"soft": None, "hard": None}}, "fail"),
    ("socket_only", REACH, "pass"),
    ("socket_only", {**REACH, "tcp": ["127.0.0.1:8000"]}, "fail"),
    ("socket_only", {**REACH, "socket_unit": ["0.0.0.0:8000"]}, "fail"),
    ("socket_only", {**REACH, "stranger": "connected"}, "fail"),
    ("services_active", {"alpha.service": RUNNING, "alpha.socket": QUIET}, "pass"),
    ("services_active", {"alpha.service": RUNNING, "nginx.service": {**QUIET, "known": False, "active": "inactive"}}, "fail"),
    ("services_active", {}, "fail"),
    ("none_failed", {"names": [], "container": False}, "pass"),
    ("none_failed", {"names": ["systemd-modules-load.service"], "container": True}, "pass"),
    ("none_failed", {"names": ["systemd-modules-load.service"], "container": False}, "fail"),
    ("none_failed", {"names": ["boom.service"], "container": True}, "fail"),
    ("no_restarts", {"alpha.service": RUNNING, "alpha.socket": QUIET}, "pass"),
    ("no_restarts", {"alpha.service": {**RUNNING, "restarts": 7, "restarts_before": 7}}, "pass"),
    ("no_restarts", {"alpha.service": {**RUNNING, "restarts": 1}}, "fail"),
    ("no_restarts", {"alpha.service": {**RUNNING, "age_seconds": 3.0}}, "fail"),
    ("no_restarts", {"alpha.service": {**RUNNING, "active": "activating"}}, "fail"),
    ("no_restarts", {"alpha.socket": QUIET}, "error"),
    ("answers", LIVE, "pass"),
    ("answers", {**LIVE, "alive": 4}, "fail"),
    ("answers", {**LIVE, "alive": 0, "answers": []}, "fail"),
    ("no_oom_kill", {"oom_kills": 0}, "pass"),
    ("no_oom_kill", {"oom_kills": 1}, "fail"),
    ("no_oom_kill", {"oom_kills": None}, "error"),
]


def judge(name, value, **observations):
    found = {
        "units": {"value": UNITS},
        "process": {"value": PROCESS},
        "workers": {"value": WORKERS},
        "processes": {"value": PROCESSES},
        **observations,
    }
    context = Context(
        params={"database_connections": 10, "stable_seconds": 30}, observations=found, now=datetime(2026, 11, 1, tzinfo=timezone.utc), args=ARGS
    )
    return JUDGEMENTS[name](value, context)


@pytest.mark.parametrize(("name", "value", "status"), CASES)
def test_a_service_is_judged(name, value, status):
    verdict = judge(name, value)
    assert verdict.status == status, verdict
    assert bool(verdict.reason) == (status != "pass")


def test_every_judgement_is_seen_passing_and_failing():
    assert {name for name, _value, status in CASES if status == "fail"} == set(JUDGEMENTS)
    assert {name for name, _value, status in CASES if status == "pass"} == set(JUDGEMENTS)


@pytest.mark.parametrize(
    ("name", "value", "observations", "status"),
    [
        ("in_effect", FRESH, {"units": {"value": units(NeedDaemonReload=True)}}, "fail"),
        ("in_effect", FRESH, {"units": {"error": "no systemd"}}, "error"),
        ("sandboxed", 0.9, {"process": {"value": {**PROCESS, "seccomp": 0}}}, "fail"),
        ("sandboxed", 0.9, {"process": {"value": {**PROCESS, "capabilities": ["0", "400"]}}}, "fail"),
        ("sandboxed", 0.9, {"process": {"value": {**PROCESS, "no_new_privs": False}}}, "fail"),
        ("sandboxed", 0.9, {"process": {"value": {**PROCESS, "bounding": ["400"]}}}, "fail"),
        ("sandboxed", 0.9, {"process": {"value": {**PROCESS, "namespaces_shared": ["mnt", "user"]}}}, "fail"),
        ("sandboxed", 0.9, {"process": {"error": "needs root"}}, "error"),
        ("fits_pool", WORKERS, {"processes": {"value": {**PROCESSES, "connections": 1}}}, "fail"),
        ("fits_pool", settings(workers=4), {"processes": {"value": {**PROCESSES, "connections": 2}}}, "pass"),
        ("fits_pool", WORKERS, {"processes": {"error": "no systemd"}}, "error"),
        ("open_files", {**LIMITS, "open_files": {"soft": 1024, "hard": 1024}}, {"workers": {"value": settings(worker_class="sync")}}, "pass"),
        ("open_files", LIMITS, {"workers": {"error": "needs root"}}, "error"),
    ],
)
def test_a_judgement_looks_at_the_other_observations_too(name, value, observations, status):
    assert judge(name, value, **observations).status == status
