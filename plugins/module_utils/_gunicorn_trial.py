# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a sandbox refuses, tried in one of the same make. PRIVATE to the collection.

A short-lived service gets the properties that systemd holds for the running one, and tries from inside what a break-in would.
It is tied to the running process by what the kernel says of both: the number of system call filters and the rights.
Each trial would succeed, or fail otherwise, without the sandbox, as an account without any rights:
a file in /run/lock (everybody may write there), tracing a child of one's own, namespaces of one's own, memory to write and run.
"""

from __future__ import annotations

import json
import os

from ansible_collections.prodready.django.plugins.module_utils import _proc
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError, command_output

#: What confines a service (systemd.exec(5), systemd.resource-control(5)), by the names under which systemd shows and accepts it.
CONFINEMENT = (
    "User", "Group", "SupplementaryGroups", "UMask", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "SecureBits",
    "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers", "PrivateIPC", "PrivateNetwork", "PrivateMounts",
    "ProtectProc", "ProcSubset", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock",
    "ProtectHostname", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem",
    "DevicePolicy", "KeyringMode", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
    "MemoryDenyWriteExecute", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber", "RemoveIPC", "IPAddressAllow", "IPAddressDeny",
)  # fmt: skip

#: Read by a plain Python inside; prints what became of each trial: "done", or the name of the error.
PROGRAM = r"""
import ctypes, errno, json, mmap, os
libc = ctypes.CDLL(None, use_errno=True)

def said(result):
    return "done" if result != -1 else errno.errorcode.get(ctypes.get_errno(), "error")

def write(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)
        return "done"
    except OSError as error:
        return errno.errorcode.get(error.errno, "error")

def in_child(trial):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, trial().encode())
        finally:
            os._exit(0)
    os.close(writing)
    answer = os.read(reading, 64).decode()
    os.waitpid(child, 0)
    return answer or "killed"

def executable():
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
        return "done"
    except OSError as error:
        return errno.errorcode.get(error.errno, "error")

name = "prodready-trial-%d" % os.getpid()
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "filters": int(status.get("Seccomp_filters", "0")),
    "capabilities": status["CapEff"].strip().lstrip("0") or "0",
    "trials": {
        "write to /etc": write("/etc/" + name),
        "write to /run/lock": write("/run/lock/" + name),
        "trace a process": in_child(lambda: said(libc.ptrace(0, 0, None, None))),
        "mount": in_child(lambda: said(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))),
        "own namespaces": in_child(lambda: said(libc.unshare(0x10000000 | 0x00020000))),
        "memory to write and run": executable(),
    },
}))
"""


def assignments(text):
    """`systemctl show` output → Name=value words for systemd-run, in the order printed; what is unset is left out. A list of system
    calls is one word, and an empty CapabilityBoundingSet means none, not all."""
    words = []
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if not separator or name not in CONFINEMENT:
            continue
        if not value and name != "CapabilityBoundingSet":
            continue
        words.append("{0}={1}".format(name, value))
    return words


def parse_answer(text):
    """What the program inside printed."""
    try:
        answer = json.loads(text.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise ObservationError("the program inside the sandbox printed no answer: {0!r}".format(text[-200:])) from None
    return answer


def try_sandbox(run_command, unit, pid):
    """Try from inside a sandbox of the same make; leaves nothing behind."""
    if os.geteuid() != 0:
        raise NeedsRoot("only root can start a service of the same make as {0}".format(unit))
    shown = command_output(run_command, ["systemctl", "show", "--no-pager", "--property=" + ",".join(CONFINEMENT), unit])
    argv = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", "--property=RuntimeMaxSec=20"]
    argv += ["--property=" + word for word in assignments(shown)]
    answer = parse_answer(command_output(run_command, argv + ["/usr/bin/python3", "-I", "-c", PROGRAM]))
    running = _proc.status(pid)
    answer["running"] = {"filters": running["seccomp_filters"], "capabilities": "{0:x}".format(running["cap_eff"])}
    return answer
