# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Debian host has and how current it is, as dicts. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import time

from ansible_collections.prodready.django.plugins.module_utils import _proc, _systemd
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

#: File systems that hold data of their own; everything else is made of memory, or only another view of these.
_VOLUMES = frozenset(["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "overlay", "bcachefs", "nfs", "nfs4"])

_LISTS = ("/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists", "/var/lib/apt/lists/partial")


def parse_os_release(text):
    """/etc/os-release as a dict of its names in lower case."""
    found = re.findall(r'^([A-Z_]+)="?(.*?)"?$', text, re.MULTILINE)
    values = {name.lower(): value for name, value in found}
    return {name: values.get(name, "") for name in ("id", "version_id", "pretty_name")}


def parse_mounts(text):
    """/proc/self/mounts → [(mount point, type)] of the file systems that hold data; one entry per device."""
    seen, volumes = set(), []
    for line in text.splitlines():
        device, point, kind = line.split()[:3]
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), point)
        if kind in _VOLUMES and device not in seen:
            seen.add(device)
            volumes.append((point, kind))
    return volumes


def parse_upgrades(text):
    """`apt-get -s dist-upgrade` → {"all": [names], "security": [names]} of what would be installed."""
    found = re.findall(r"^Inst (\S+) (?:\[[^]]*\] )?\(\S+ ([^[)]*)", text, re.MULTILINE)
    return {
        "all": sorted(name for name, _origins in found),
        "security": sorted(name for name, origins in found if "security" in origins.lower()),
    }


def parse_deleted_libraries(text):
    """Libraries in /proc/PID/maps whose file was replaced since they were loaded."""
    return set(re.findall(r"\s(/(?:usr/)?lib\S*\.so\S*) \(deleted\)$", text, re.MULTILINE))


def version_key(name):
    """Sorts "6.1.0-9" before "6.1.0-21"."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|[a-z]+", name)]


def resources():
    memory = _proc.parse_meminfo(_proc.read_text("/proc/meminfo"))
    return {"cores": _proc.cores(), "memory_bytes": memory["MemTotal"], "memory_available_bytes": memory.get("MemAvailable")}


def volumes():
    """Free space and inodes of each volume, as far as an ordinary account may use them."""
    found = {}
    for point, kind in parse_mounts(_proc.read_text("/proc/self/mounts")):
        if not os.path.isdir(point):
            continue
        info = os.statvfs(point)
        found[point] = {
            "type": kind,
            "size_bytes": info.f_blocks * info.f_frsize,
            "free_bytes": info.f_bavail * info.f_frsize,
            "inodes": info.f_files,
            "free_inodes": info.f_favail,
        }
    return found


def lists_age():
    """Seconds since the package lists were last fetched."""
    times = [os.stat(path).st_mtime for path in _LISTS if os.path.exists(path)]
    if not times or not any(name.endswith(("Release", "Packages")) for name in os.listdir("/var/lib/apt/lists")):
        raise ObservationError("this host has no package lists; `apt-get update` has never run")
    return round(time.time() - max(times))


def packages(run_command):
    """Waiting upgrades and packages on hold, as apt sees them with the lists it has."""
    upgrades = parse_upgrades(command_output(run_command, ["apt-get", "-s", "-o", "Debug::NoLocking=true", "dist-upgrade"]))
    held = command_output(run_command, ["apt-mark", "showhold"]).split()
    return {"waiting": len(upgrades["all"]), "security": upgrades["security"], "held": sorted(held)}


def container(run_command):
    """The kind of container this host is, or an empty text."""
    _rc, out, _err = run_command(["systemd-detect-virt", "--container"])
    return "" if out.strip() in ("", "none") else out.strip()


def running(run_command):
    """What still runs although a newer one is installed."""
    outdated: dict[str, set[str]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            libraries = parse_deleted_libraries(_proc.read_text("/proc/{0}/maps".format(entry)))
            if libraries:
                outdated.setdefault(_proc.status(entry)["name"], set()).update(libraries)
        except PermissionError:
            raise NeedsRoot("/proc/{0}/maps is not readable".format(entry)) from None
        except (FileNotFoundError, ProcessLookupError):
            continue
    installed = [name[len("vmlinuz-") :] for name in os.listdir("/boot") if name.startswith("vmlinuz-")]
    return {
        "outdated": {name: sorted(libraries)[:3] for name, libraries in sorted(outdated.items())},
        "container": container(run_command),
        "kernel": os.uname().release,
        "newest_kernel": max(installed, key=version_key) if installed else "",
    }


def clock(run_command):
    """Whether the clock is kept right, and by whom."""
    text = command_output(run_command, ["timedatectl", "show"])
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {
        "timezone": found.get("Timezone", ""),
        "synchronized": found.get("NTPSynchronized") == "yes",
        "container": container(run_command),
    }


def failed_units(run_command):
    argv = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"]
    return {"names": _systemd.parse_failed(command_output(run_command, argv)), "container": container(run_command)}
