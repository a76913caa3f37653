# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about one host. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._verdict import Context, Verdict, failed, passed, unknown

_MIB = 1024 * 1024


def _verdict(problems: list[str], observed: Any, expected: str) -> Verdict:
    return failed("; ".join(problems), observed, expected) if problems else passed(observed, expected)


def capacity(value: Mapping[str, Any], context: Context) -> Verdict:
    cores, memory = int(context.param("cores_at_least")), int(context.param("memory_at_least_mb"))
    found = value["memory_bytes"] // _MIB
    problems = [f"{value['cores']} cores are too few"] if value["cores"] < cores else []
    problems += [f"{found} MiB of memory are too little"] if found < memory else []
    return _verdict(problems, {"cores": value["cores"], "memory_mib": found}, f"at least {cores} cores and {memory} MiB of memory")


def storage(value: Mapping[str, Any], context: Context) -> Verdict:
    """Room on every volume: as much as declared, and in any case more than a small share of it."""
    if not value:
        return unknown("no volume was found")
    space, inodes = int(context.param("free_space_at_least_mb")), int(context.param("free_inodes_at_least"))
    share = context.args["free_share_at_least"]
    problems, observed = [], {}
    for point, volume in value.items():
        free = volume["free_bytes"] // _MIB
        observed[point] = {"free_mib": free, "free_inodes": volume["free_inodes"]}
        if free < space or volume["free_bytes"] < share * volume["size_bytes"]:
            problems.append(f"{point} has only {free} MiB free")
        if volume["inodes"] and volume["free_inodes"] < inodes:  # some file systems make inodes as they go and count none
            problems.append(f"{point} has only {volume['free_inodes']} free inodes")
    return _verdict(problems, observed, f"{space} MiB, {share:.0%} and {inodes} inodes free on each volume")


def lists_fresh(value: int, context: Context) -> Verdict:
    hours = context.args["hours_at_most"]
    problems = [f"the lists are {value // 3600} hours old"] if value > hours * 3600 else []
    return _verdict(problems, {"hours": round(value / 3600, 1)}, f"at most {hours} hours old")


def no_pending_security(value: Mapping[str, Any], context: Context) -> Verdict:
    problems = []
    if value["security"]:
        problems.append(f"security updates are waiting: {', '.join(value['security'][:5])}")
    if value["held"]:
        problems.append(f"packages are held back: {', '.join(value['held'][:5])}")
    return _verdict(problems, value, "no security update waiting, no package held back")


def running_current(value: Mapping[str, Any], context: Context) -> Verdict:
    problems = [f"{name} uses {', '.join(libraries)}, which was replaced" for name, libraries in value["outdated"].items()]
    if not value["container"]:  # a container runs the kernel of its host
        if not value["newest_kernel"]:
            return unknown("no installed kernel was found in /boot", value["kernel"])
        if value["kernel"] != value["newest_kernel"]:
            problems.append(f"kernel {value['kernel']} runs, {value['newest_kernel']} is installed")
    return _verdict(problems, value, "no replaced library in use, the newest installed kernel running")


JUDGEMENTS = {function.__name__: function for function in (capacity, storage, lists_fresh, no_pending_security, running_current)}
