# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about one gunicorn service. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._verdict import Context, Verdict, failed, passed, unknown

#: Fails in a container whatever one does, and means nothing there.
_HARMLESS_IN_CONTAINERS = frozenset({"systemd-modules-load.service"})

_MIB = 1024 * 1024


def _verdict(problems: list[str], observed: Any, expected: str) -> Verdict:
    return failed("; ".join(problems), observed, expected) if problems else passed(observed, expected)


def worker_count(value: Mapping[str, Any], context: Context) -> Verdict:
    """As many alive as configured, within what gunicorn's documentation recommends for the cores."""
    alive, configured = value["alive"], value["settings"]["workers"]
    if configured is None:
        return unknown("the configured number of workers is computed and cannot be read from the file", alive)
    most = 2 * value["cores"] + 1
    problems = []
    if alive != configured:
        problems.append(f"{alive} workers are alive, {configured} are configured")
    if not 2 <= configured <= most:
        problems.append(f"{configured} are configured")
    expected = f"{configured} alive; from 2 to {most} ({value['cores']} cores)"
    return _verdict(problems, {"alive": alive, "configured": configured}, expected)


def recycling_and_timeout(value: Mapping[str, Any], context: Context) -> Verdict:
    """A worker with threads gives signs of life whatever its requests do: there only a watch over the requests ends a stuck one."""
    names = ("max_requests", "max_requests_jitter", "timeout")
    observed = {name: value["settings"][name] for name in names}
    if None in observed.values():
        return unknown("a setting is computed and cannot be read from the file", observed)
    least, most = context.args["max_requests_at_least"], context.args["timeout_at_most"]
    problems = []
    if not observed["max_requests"]:
        problems.append("workers are never replaced")
    elif observed["max_requests"] < least:
        problems.append(f"workers are replaced after only {observed['max_requests']} requests")
    elif not observed["max_requests_jitter"]:
        problems.append("all workers are replaced at the same time")
    if not 0 < observed["timeout"] <= most:
        problems.append("a stuck worker is never ended" if not observed["timeout"] else f"a stuck worker is ended after {observed['timeout']} s")
    if value["settings"].get("worker_class") == "gthread":
        observed["request_timeout"] = value["settings"].get("request_timeout") or 0
        if not 0 < observed["request_timeout"] <= most:
            problems.append("a stuck request is never ended: workers with threads (gthread) say that they are alive meanwhile")
    return _verdict(problems, observed, f"max_requests at least {least}, with jitter, and a timeout from 1 to {most} s that ends a stuck request too")


def fits_pool(value: Mapping[str, Any], context: Context) -> Verdict:
    """Every thread and every extra process may hold one connection or more; an ASGI worker has one thread."""
    workers, threads = value["settings"]["workers"], value["settings"]["threads"]
    if workers is None or threads is None:
        return unknown("a setting is computed and cannot be read from the file", value["settings"])
    processes = context.observations["processes"]
    if "error" in processes:
        return unknown(processes["error"])
    others = processes["value"]["connections"]
    most = int(context.param("database_connections"))
    needed = workers * threads + others
    problems = []
    if needed > most:
        also = f" and {others} of extra processes" if others else ""
        problems.append(f"{workers} workers of {threads} threads{also} may need {needed} connections, {most} are given out")
    return _verdict(problems, needed, f"at most {most}")


def active(value: Mapping[str, Any], context: Context) -> Verdict:
    observed = {unit["Id"]: f"{unit['ActiveState']} ({unit['SubState']})" for unit in value.values()}
    problems = [f"{unit['Id']} is {unit['ActiveState']}" for unit in value.values() if unit["ActiveState"] != "active"]
    return _verdict(problems, observed, "active")


def enabled(value: Mapping[str, Any], context: Context) -> Verdict:
    observed = {unit["Id"]: unit["UnitFileState"] for unit in value.values()}
    problems = [f"{name} is {state or 'not enabled'}" for name, state in observed.items() if state != "enabled"]
    return _verdict(problems, observed, "enabled")


def unprivileged(value: Mapping[str, Any], context: Context) -> Verdict:
    """No process of the service has root among its real, effective, saved and file system ids."""
    if not value["processes"]:
        return unknown("the service has no process")
    problems = ["a process runs with the rights of root"] if 0 in value["uids"] else []
    return _verdict(problems, {"uids": value["uids"], "processes": value["processes"]}, "no process with user id 0")


def in_effect(value: Mapping[str, Any], context: Context) -> Verdict:
    units = context.observations["units"]
    if "error" in units:
        return unknown(units["error"])
    problems = [f"unit: systemd has not loaded what {unit['FragmentPath']} says now" for unit in units["value"].values() if unit["NeedDaemonReload"]]
    problems += [reason for reason in (*value["restart"], *value["reload"], *value["socket"]) if reason not in problems]
    return _verdict(problems, problems, "files loaded; the process is newer than its unit, environment, code and configuration")


def _confinement(kernel: Mapping[str, Any], exposure: float, most: float) -> list[str]:
    """What systemd computes from a unit, held against what the kernel says of the running processes."""
    problems = []
    if exposure > most:
        problems.append(f"systemd computes an exposure of {exposure}")
    if not kernel["no_new_privs"]:
        problems.append("a process may gain privileges")
    if kernel["seccomp"] != 2:
        problems.append("a process runs without a system call filter")
    if kernel["capabilities"] != ["0"] or kernel["bounding"] != ["0"]:
        problems.append("a process has capabilities, or may get some")
    if kernel["namespaces_shared"]:
        problems.append(f"a process shares the host's namespaces ({', '.join(kernel['namespaces_shared'])})")
    return problems


_KERNEL = ("no_new_privs", "seccomp", "capabilities", "bounding", "namespaces_shared")


def sandboxed(value: float, context: Context) -> Verdict:
    process = context.observations["process"]
    if "error" in process:
        return unknown(process["error"])
    kernel, most = process["value"], context.args["exposure_at_most"]
    observed = {"exposure": value, **{key: kernel[key] for key in _KERNEL}}
    expected = f"exposure at most {most}; no new privileges, a system call filter, no capabilities, namespaces of its own"
    return _verdict(_confinement(kernel, value, most), observed, expected)


def sandbox_refuses(value: Mapping[str, Any], context: Context) -> Verdict:
    """Nothing of what was tried inside was done; and the trial was made under the same rules as the running process."""
    trials, running = value["trials"], value["running"]
    if not trials:
        return unknown("nothing was tried")
    inside = {key: value[key] for key in running}
    problems = []
    if inside != running:
        problems.append(f"the running process has other rules ({running}) than its unit gives now ({inside})")
    problems += [f"{trial}: succeeded" for trial, result in trials.items() if result == "done"]
    by_sandbox = {"write to /etc": "EROFS", "write to /run/lock": "EROFS"}
    problems += [
        f"{trial}: refused by file rights alone ({trials[trial]}), not by a read-only system"
        for trial, wanted in by_sandbox.items()
        if trials.get(trial) not in (wanted, "done")
    ]
    return _verdict(problems, trials, "every trial is refused by the sandbox")


def _of_processes(value: Mapping[str, Any], problems: list[str], expected: str, *keys: str) -> Verdict:
    observed = {name: {key: unit.get(key) for key in keys} for name, unit in value["units"].items()}
    return _verdict(problems, observed, expected)


def processes_active(value: Mapping[str, Any], context: Context) -> Verdict:
    """Every declared process runs and starts at boot, and none that is no longer declared does."""
    problems = []
    for name, unit in value["units"].items():
        if not unit["known"]:
            problems.append(f"{name} is unknown to systemd")
        elif unit["active"] != "active":
            problems.append(f"{name} is {unit['active']}")
        elif unit["enabled"] != "enabled":
            problems.append(f"{name} is {unit['enabled'] or 'not enabled'}")
    problems += [f"{name} is not declared" for name in value["surplus"]["units"]]
    return _of_processes(value, problems, "active and enabled, and no other", "active", "enabled")


def processes_in_effect(value: Mapping[str, Any], context: Context) -> Verdict:
    problems = []
    for name, unit in value["units"].items():
        if unit["reload_needed"]:
            problems.append(f"{name}: systemd has not loaded what its files say now")
        problems += [f"{name}: {reason}" for reason in unit["stale"]]
    return _of_processes(value, problems, "files loaded; every process is newer than its unit, environment and code", "stale")


def processes_sandboxed(value: Mapping[str, Any], context: Context) -> Verdict:
    """Each process without root, and confined as the web service is."""
    most = context.args["exposure_at_most"]
    confined = {name: unit["confinement"] for name, unit in value["units"].items() if "confinement" in unit}
    problems = []
    for name, kernel in confined.items():
        problems += [f"{name}: {problem}" for problem in _confinement(kernel, kernel["exposure"], most)]
        if 0 in kernel["uids"]:
            problems.append(f"{name}: a process runs with the rights of root")
    observed = {name: {key: kernel[key] for key in ("exposure", "uids", *_KERNEL)} for name, kernel in confined.items()}
    return _verdict(problems, observed, f"no root; exposure at most {most}; the kernel's limits as for the web service")


def restart_policy(value: Mapping[str, Any], context: Context) -> Verdict:
    """It restarts, not in a busy loop, and does not give up while a short disturbance lasts."""
    wait, burst, interval = value["RestartUSec"], value["StartLimitBurst"], value["StartLimitIntervalUSec"]
    least = context.args["keeps_trying_seconds"]
    problems = []
    if value["Restart"] not in ("always", "on-failure"):
        problems.append(f"Restart={value['Restart']} leaves it down after a crash")
    if wait is None or not 0.1 <= wait <= 30:
        problems.append(f"RestartSec is {wait} s")
    unlimited = interval == 0 or not burst
    if wait is not None and interval is not None and not unlimited and burst * wait < min(least, interval):
        problems.append(f"systemd gives up after {burst} starts, which may take no longer than {round(burst * wait, 1)} s")
    observed = {"Restart": value["Restart"], "RestartSec": wait, "StartLimitBurst": burst, "StartLimitIntervalSec": interval}
    return _verdict(problems, observed, f"Restart=always or on-failure, after 0.1 to 30 s, for at least {least} s")


def recovered(value: Mapping[str, Any], context: Context) -> Verdict:
    observed = {"seconds": value["seconds"], "answer": value["answer"]}
    problems = [] if value["recovered"] else [f"no good answer within {value['within']} s after the main process was killed"]
    return _verdict(problems, observed, f"a new process answers within {value['within']} s")


def group_limits(value: Mapping[str, Any], context: Context) -> Verdict:
    group, cores, memory = value["group"], value["cores"], value["memory_total_bytes"]
    bounds = {"memory_bytes": memory, "processes": context.args["processes_at_most"], "cpu_cores": cores}
    problems = []
    for name, most in bounds.items():
        if group[name] is None:
            problems.append(f"{name} has no limit")
        elif not 0 < group[name] <= most:
            problems.append(f"{name} is limited to {group[name]}, which is no limit on this host")
    observed = {name: group[name] for name in bounds}
    return _verdict(problems, observed, f"finite; at most {memory // _MIB} MiB, {bounds['processes']} processes, {cores} cores")


def open_files(value: Mapping[str, Any], context: Context) -> Verdict:
    """A worker with threads or events keeps up to `worker_connections` connections, a plain one serves one."""
    workers = context.observations["workers"]
    if "error" in workers:
        return unknown(workers["error"])
    settings = workers["value"]["settings"]
    connections = settings["threads"] if settings["worker_class"] == "sync" else settings["worker_connections"]
    if connections is None:
        return unknown("a setting is computed and cannot be read from the file", settings)
    least = connections + context.args["others"]
    soft = value["open_files"]["soft"]
    if soft is None:
        return failed("a process may open any number of files", value["open_files"], f"finite, at least {least}")
    problems = [] if soft >= least else [f"{soft} open files are too few for {connections} connections"]
    return _verdict(problems, soft, f"finite, at least {least} ({connections} connections and {context.args['others']} others)")


def socket_only(value: Mapping[str, Any], context: Context) -> Verdict:
    problems = [f"a process listens on {address}" for address in value["tcp"]]
    problems += [f"the socket unit listens on {address}" for address in value["socket_unit"] if not address.startswith("/")]
    if value["stranger"] != "refused":
        problems.append(f"an account without rights that opens the socket is not refused ({value['stranger']})")
    observed = {**value, "socket": f"{value['socket']['owner']}:{value['socket']['group']} {value['socket']['mode']}"}
    return _verdict(problems, observed, "no TCP listener, and a socket that refuses strangers")


def services_active(value: Mapping[str, Any], context: Context) -> Verdict:
    observed = {name: unit["active"] if unit["known"] else "unknown to systemd" for name, unit in value.items()}
    problems = [f"{name} is {state}" for name, state in observed.items() if state != "active"]
    return _verdict(problems or ([] if observed else ["no unit was looked at"]), observed, "active")


def none_failed(value: Mapping[str, Any], context: Context) -> Verdict:
    harmless = _HARMLESS_IN_CONTAINERS if value["container"] else frozenset()
    names = [name for name in value["names"] if name not in harmless]
    return _verdict([f"{name} has failed" for name in names], names, "no failed unit")


def no_restarts(value: Mapping[str, Any], context: Context) -> Verdict:
    """A counter that only a new process can move has stood still for as long as the process is old."""
    least = int(context.param("stable_seconds"))
    problems = []
    for name, unit in value.items():
        if unit["restarts"] != unit["restarts_before"]:
            problems.append(f"{name} restarted while it was watched")
        elif unit["active"] == "activating":
            problems.append(f"{name} is being started again and again")
        elif unit["age_seconds"] is not None and unit["age_seconds"] < least:
            problems.append(f"{name} has been running for only {unit['age_seconds']} s")
    observed = {name: {key: unit[key] for key in ("restarts", "age_seconds")} for name, unit in value.items()}
    if not any(unit["age_seconds"] is not None for unit in value.values()):
        return unknown("no unit has a running process", observed)
    return _verdict(problems, observed, f"the same process for at least {least} s")


def answers(value: Mapping[str, Any], context: Context) -> Verdict:
    asked = len(value["answers"])
    observed = {"answers": [answer.get("status", answer.get("error")) for answer in value["answers"]], "path": value["path"]}
    wanted = "200" if value["declared"] else "an answer other than 400 and 5xx"
    problems = [] if asked == value["alive"] == 5 else [f"{value['alive']} of {asked} requests were answered well"]
    return _verdict(problems, observed, f"{wanted}, 5 times of 5")


def no_oom_kill(value: Mapping[str, Any], context: Context) -> Verdict:
    kills = value["oom_kills"]
    if kills is None:
        return unknown("this kernel does not count kills for want of memory per control group", value)
    return _verdict([f"{kills} processes were killed for want of memory"] if kills else [], kills, "0 since the service was started")


JUDGEMENTS = {
    function.__name__: function
    for function in (
        worker_count,
        recycling_and_timeout,
        fits_pool,
        active,
        enabled,
        unprivileged,
        in_effect,
        sandboxed,
        sandbox_refuses,
        processes_active,
        processes_in_effect,
        processes_sandboxed,
        restart_policy,
        recovered,
        group_limits,
        open_files,
        socket_only,
        services_active,
        none_failed,
        no_restarts,
        answers,
        no_oom_kill,
    )
}
