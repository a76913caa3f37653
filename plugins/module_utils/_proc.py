# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What /proc says about processes and the machine, as dicts. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import socket
import struct
import time

from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError

#: Of what a sandboxed service has its own (systemd.exec(5)): places, accounts, messages between processes, host name.
NAMESPACES = ("ipc", "mnt", "user", "uts")


def read_text(path):
    """The text of a file; undecodable bytes are kept as marks."""
    with open(path, encoding="utf-8", errors="replace") as handle:
        return handle.read()


def parse_status(text):
    """The lines of /proc/PID/status that say who a process is and what it may do."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {
        "name": fields.get("Name", "").strip(),
        "parent": int(fields["PPid"]),
        "uids": [int(number) for number in fields["Uid"].split()],
        "gids": [int(number) for number in fields["Gid"].split()],
        "cap_eff": int(fields["CapEff"], 16),
        "cap_bnd": int(fields["CapBnd"], 16),
        "no_new_privs": fields.get("NoNewPrivs", "0").strip() == "1",
        "seccomp": int(fields.get("Seccomp", "0")),
        "seccomp_filters": int(fields.get("Seccomp_filters", "0")),
        "rss_kb": int((fields.get("VmRSS") or "0 kB").split()[0]),
    }


def parse_start_ticks(text):
    """Clock ticks between boot and the start of a process, out of /proc/PID/stat (its name may hold anything)."""
    return int(text.rpartition(")")[2].split()[19])


def started_at(pid, proc="/proc"):
    """Epoch seconds at which a process was started, good to a hundredth of a second."""
    ticks = parse_start_ticks(read_text("{0}/{1}/stat".format(proc, pid)))
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def status(pid, proc="/proc"):
    return parse_status(read_text("{0}/{1}/status".format(proc, pid)))


def namespaces_shared(pid, proc="/proc"):
    """Names of the namespaces that a process shares with the first process of the system."""
    shared = set()
    for name in NAMESPACES:
        try:
            same = os.readlink("{0}/{1}/ns/{2}".format(proc, pid, name)) == os.readlink("{0}/1/ns/{1}".format(proc, name))
        except PermissionError:
            raise NeedsRoot("{0}/{1}/ns is not readable".format(proc, pid)) from None
        if same:
            shared.add(name)
    return shared


def parse_open_files(text):
    """Soft and hard limit on open files out of /proc/PID/limits; None means unlimited."""
    found = re.search(r"^Max open files\s+(\S+)\s+(\S+)", text, re.MULTILINE)
    if not found:
        raise ObservationError("/proc/PID/limits has no line 'Max open files'")
    soft, hard = (None if word == "unlimited" else int(word) for word in found.groups())
    return {"soft": soft, "hard": hard}


def parse_environ(data):
    """The variables of /proc/PID/environ."""
    pairs = (entry.partition("=") for entry in data.split("\0") if "=" in entry)
    return {name: value for name, _sep, value in pairs}


def _address(text):
    """ "0100007F:1F90" → "127.0.0.1:8080"; the kernel prints words of the host's byte order."""
    address, _sep, port = text.partition(":")
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    packed = struct.pack("={0}I".format(len(words)), *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    shown = socket.inet_ntop(family, packed)
    return "{0}:{1}".format(shown if family == socket.AF_INET else "[{0}]".format(shown), int(port, 16))


def parse_tcp_listeners(text):
    """Listening sockets out of /proc/net/tcp or tcp6: {inode: address}."""
    listeners = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "0A":
            listeners[fields[9]] = _address(fields[1])
    return listeners


def socket_inodes(pid, proc="/proc"):
    """Inodes of the sockets a process holds open."""
    folder = "{0}/{1}/fd".format(proc, pid)
    try:
        names = os.listdir(folder)
    except PermissionError:
        raise NeedsRoot("{0} is not readable".format(folder)) from None
    inodes = set()
    for name in names:
        try:
            target = os.readlink("{0}/{1}".format(folder, name))
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    return inodes


def tcp_listeners_of(pids, proc="/proc"):
    """Addresses on which any of these processes accepts TCP connections."""
    listening = {}
    for pid in pids[:1]:
        for table in ("tcp", "tcp6"):
            path = "{0}/{1}/net/{2}".format(proc, pid, table)
            if os.path.exists(path):
                listening.update(parse_tcp_listeners(read_text(path)))
    held = set()
    for pid in pids:
        try:
            held |= socket_inodes(pid, proc)
        except FileNotFoundError:
            continue
    return sorted({address for inode, address in listening.items() if inode in held})


def parse_meminfo(text):
    """Bytes of MemTotal, MemAvailable, SwapTotal, SwapFree."""
    wanted = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
    return {name: int(found[name]) * 1024 for name in wanted if name in found}


def cores():
    """Cores this host may use."""
    return len(os.sched_getaffinity(0))
