# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and use of a control group, version 1 and 2, as the kernel has them. PRIVATE to the collection."""

from __future__ import annotations

import os
import re

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.module_utils._proc import read_text

#: Version 1 prints "no limit" as the largest page-aligned number.
_UNLIMITED = 2**60

#: Where systemd itself keeps its groups on version 1.
_SYSTEMD = "name=systemd"


def parse_membership(text):
    """/proc/PID/cgroup → {controller: path}; the unified hierarchy of version 2 stands under ""."""
    groups = {}
    for line in text.splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def parse_mounts(text):
    """/proc/self/mountinfo → {controller: (root, mount point)}; the unified hierarchy stands under ""."""
    mounts = {}
    for line in text.splitlines():
        left, _sep, right = line.partition(" - ")
        fields, kinds = left.split(), right.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2":
            mounts[""] = (fields[3], fields[4])
        elif kinds[0] == "cgroup":
            for option in kinds[2].split(","):
                mounts[option] = (fields[3], fields[4])
    return mounts


def directory(controller, membership, mounts):
    """(version, directory) in which a process's limits of one controller stand."""
    version = 1 if controller and controller in membership and controller in mounts else 2
    key = controller if version == 1 else ""
    if key not in membership or key not in mounts:
        raise ObservationError("the kernel has no control group of '{0}' for this process".format(controller))
    root, mount = mounts[key]
    path = membership[key]
    if root != "/" and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    return version, (mount + "/" + path.strip("/")).rstrip("/")


def parse_limit(text):
    """A number, or None for "max", -1 and version 1's huge number."""
    word = text.split()[0]
    if word in ("max", "-1") or int(word) >= _UNLIMITED:
        return None
    return int(word)


def parse_cpu_max(text):
    """Cores out of "80000 100000"; None for "max 100000"."""
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def parse_counter(text, name):
    """One counter of memory.events or memory.oom_control, None where the kernel has it not."""
    found = re.search(r"^{0} (\d+)$".format(name), text, re.MULTILINE)
    return int(found.group(1)) if found else None


def _optional(folder, name):
    path = "{0}/{1}".format(folder, name)
    return read_text(path) if folder and os.path.exists(path) else None


def _cpu(version, folder):
    if version == 2:
        text = _optional(folder, "cpu.max")
        return parse_cpu_max(text) if text else None
    quota = parse_limit(_optional(folder, "cpu.cfs_quota_us") or "-1")
    return None if quota is None else quota / int(read_text(folder + "/cpu.cfs_period_us"))


class ControlGroup:
    """The control groups of one process."""

    def __init__(self, pid):
        self._membership = parse_membership(read_text("/proc/{0}/cgroup".format(pid)))
        self._mounts = parse_mounts(read_text("/proc/self/mountinfo"))

    def _place(self, controller):
        version, folder = directory(controller, self._membership, self._mounts)
        if not os.path.isdir(folder):
            raise ObservationError("{0} does not exist although the process is in it".format(folder))
        return version, folder

    def _own(self, controller):
        """(version, directory), directory None where this controller does not tell the service from its parents."""
        version, folder = self._place(controller)
        if version == 1 and self._membership[controller] != self._membership.get(_SYSTEMD, self._membership[controller]):
            return version, None
        return version, folder

    def limits(self):
        """Limits of the service's own group; None is no limit."""
        version, memory = self._own("memory")
        _version, pids = self._own("pids")
        cpu_version, cpu = self._own("cpu")
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        return {
            "version": version,
            "memory_bytes": parse_limit(_optional(memory, name) or "max"),
            "processes": parse_limit(_optional(pids, "pids.max") or "max"),
            "cpu_cores": _cpu(cpu_version, cpu),
        }

    def memory(self):
        """Use of memory since the group was made. On version 1 the peak counts the page cache as well."""
        version, folder = self._own("memory")
        if folder is None:
            raise ObservationError("the service has no control group of its own for memory")
        if version == 2:
            limit, now, peak, events = "memory.max", "memory.current", "memory.peak", "memory.events"
        else:
            limit, now, peak = "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes"
            events = "memory.oom_control"
        peak_text = _optional(folder, peak)
        return {
            "version": version,
            "limit_bytes": parse_limit(_optional(folder, limit) or "max"),
            "current_bytes": parse_limit(_optional(folder, now) or "max"),
            "peak_bytes": parse_limit(peak_text) if peak_text else None,
            "oom_kills": parse_counter(_optional(folder, events) or "", "oom_kill"),
        }

    def processes(self):
        """Ids of all processes of the service."""
        version = 1 if _SYSTEMD in self._membership and _SYSTEMD in self._mounts else 2
        _version, folder = self._place(_SYSTEMD if version == 1 else "")
        return sorted(int(line) for line in read_text(folder + "/cgroup.procs").split())
