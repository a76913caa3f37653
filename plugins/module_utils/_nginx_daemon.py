# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The nginx of a host: its files, its processes and who listens where. PRIVATE to the collection."""

from __future__ import annotations

import glob
import hashlib
import os
import re

from ansible_collections.prodready.django.plugins.module_utils import _nginx, _proc
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError

PACKAGES = ("nginx-common", "nginx", "nginx-core")


class Daemon:
    """Looks things up once, in the order in which they build on each other."""

    def __init__(self, run_command, binary):
        self._run = run_command
        self._binary = binary
        self._dump = None

    def installed(self):
        return bool(self._binary)

    def candidate(self):
        """The version that the package manager would install; nothing where nginx is installed, or no package is known."""
        if self._binary:
            return ""
        rc, out, _err = self._run(["apt-cache", "policy", "nginx"], environ_update={"LC_ALL": "C"})
        found = re.search(r"Candidate: (?:\d+:)?(\d[\d.]*)", out)
        return found.group(1).rstrip(".") if rc == 0 and found else ""

    def _need(self):
        if not self._binary:
            raise ObservationError("nginx is not installed")

    def version(self):
        self._need()
        rc, out, err = self._run([self._binary, "-V"])
        if rc != 0:
            raise ObservationError("nginx -V ended with {0}".format(rc))
        found = _nginx.parse_version(out + err)
        path = re.search(r"--conf-path=(\S+)", out + err)
        found["conf_path"] = path.group(1) if path else "/etc/nginx/nginx.conf"
        return found

    def dump(self):
        """`nginx -T` once: what the test says, and every file it read."""
        if self._dump is None:
            self._need()
            if os.geteuid() != 0:
                raise NeedsRoot("nginx -T reads private keys")
            rc, out, err = self._run([self._binary, "-T"])
            self._dump = {"rc": rc, "messages": _nginx.test_messages(err), "files": _nginx.split_files(out)}
        return self._dump

    def config_test(self):
        dump = self.dump()
        return {"rc": dump["rc"], "messages": dump["messages"]}

    def tree(self):
        dump = self.dump()
        if not dump["files"]:
            raise ObservationError("nginx -T printed no configuration: {0}".format("; ".join(dump["messages"]) or "no message"))
        return _nginx.merged(dump["files"], next(iter(dump["files"])))

    def files(self):
        """Every configuration file: when it last changed, whose it is, whether it defines sites."""
        known, found = package_digests(self._run), []
        texts = self.dump()["files"] or _on_disk(self.version()["conf_path"])
        for path, text in texts.items():
            real = os.path.realpath(path)
            with open(real, "rb") as handle:
                digest = hashlib.md5(handle.read()).hexdigest()  # dpkg's own kind of digest, not a security measure
            found.append(
                {
                    "path": path,
                    "changed": round(_changed(real), 3),
                    "origin": _nginx.origin(text, digest, known, real),
                    "sites": _nginx.has_servers(text) if path != next(iter(texts)) else False,
                    "defaults": _nginx.default_listens(text),
                }
            )
        return found

    def processes(self):
        """The master and its workers, with their users and start times."""
        self._need()
        titles = _titles()
        masters = [pid for pid, title in titles.items() if title.startswith("nginx: master process")]
        master = _from_pid_file(self._pid_file(), masters)
        if master is None:
            raise ObservationError("no nginx master process is running")
        workers = [_process(pid, title) for pid, title in titles.items() if title.startswith("nginx: worker process") and _parent(pid) == master]
        return {"master": _process(master, ""), "workers": workers}

    def _pid_file(self):
        try:
            named = _nginx.arguments(self.tree(), "pid")
        except ObservationError:
            named = []
        return named[-1][0] if named else "/run/nginx.pid"

    def loaded(self, processes, files):
        """How much newer the newest file is than the oldest worker that still takes requests. Nothing newer: 0 or less."""
        if not processes or not files:
            raise ObservationError("the running processes or the configuration files could not be read")
        serving = [worker["started"] for worker in processes["workers"] if not worker["exiting"]]
        if not serving:
            raise ObservationError("no nginx worker takes requests")
        changes = {entry["path"]: entry["changed"] for entry in files}
        for path in _nginx.certificate_files(self.tree()):
            changes[path] = round(_changed(path), 3)
        newest = max(changes, key=lambda path: changes[path])
        return {
            "newest_file": newest,
            "newest_change": changes[newest],
            "oldest_worker": min(serving),
            "seconds_behind": round(changes[newest] - min(serving), 3),
        }


def package_digests(run_command):
    """The digests of the packages' configuration files as delivered: {path: MD5}."""
    _rc, out, _err = run_command(["dpkg-query", "-W", "-f", "${Conffiles}\n"] + list(PACKAGES))
    pairs = (line.split() for line in out.splitlines() if line.startswith(" /"))
    return {fields[0]: fields[1] for fields in pairs if len(fields) > 1}


def _on_disk(main):
    """Where nginx refuses its configuration and dumps nothing: the files Debian's main file would include."""
    folder = os.path.dirname(main)
    patterns = ("conf.d/*.conf", "sites-enabled/*", "prodready/*.conf", "prodready/sites/*.conf")
    paths = [main] + [path for pattern in patterns for path in sorted(glob.glob(os.path.join(folder, pattern)))]
    return {path: _proc.read_text(path) for path in paths if os.path.isfile(path)}


def _changed(path):
    """When content or inode last changed: a file moved or copied into place may keep an old mtime, never an old ctime."""
    entry = os.stat(path)
    return max(entry.st_mtime, entry.st_ctime)


def _titles(proc="/proc"):
    titles = {}
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                title = _proc.read_text("{0}/{1}/cmdline".format(proc, name)).replace("\0", " ").strip()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if title:
                titles[int(name)] = title
    return titles


def _parent(pid):
    try:
        return _proc.status(pid)["parent"]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _from_pid_file(path, masters):
    try:
        pid = int(_proc.read_text(path).strip())
    except (OSError, ValueError):
        pid = None
    if pid in masters:
        return pid
    return masters[0] if len(masters) == 1 else None


def _process(pid, title):
    status = _proc.status(pid)
    limits = _proc.parse_open_files(_proc.read_text("/proc/{0}/limits".format(pid)))
    return {
        "pid": pid,
        "uid": status["uids"][1],
        "started": round(_proc.started_at(pid), 3),
        "exiting": "shutting down" in title,
        "open_files": limits["soft"],
    }


def tcp_listeners():
    """Every listening TCP socket of the host with the process that holds it."""
    return _held("tcp", _proc.parse_tcp_listeners)


def udp_listeners():
    """Every bound UDP socket of the host with the process that holds it."""
    return _held("udp", parse_udp_sockets)


def parse_udp_sockets(text):
    """/proc/net/udp has the columns of /proc/net/tcp; a socket that waits for anybody is in state 07 there."""
    return _proc.parse_tcp_listeners(re.sub(r"^(\s*\d+: \S+ \S+) 07 ", r"\1 0A ", text, flags=re.MULTILINE))


def _held(kind, parse):
    listening = {}
    for table in (kind, kind + "6"):
        path = "/proc/net/{0}".format(table)
        if os.path.exists(path):
            listening.update(parse(_proc.read_text(path)))
    if os.geteuid() != 0:
        raise NeedsRoot("/proc/PID/fd of other users")
    found: dict = {}
    for pid, title in _titles().items():
        try:
            held = _proc.socket_inodes(pid)
        except (OSError, ObservationError):
            continue
        for inode in held & set(listening):
            found.setdefault(inode, _process_name(pid, title))
    result = []
    for inode, shown in listening.items():
        address, _colon, port = shown.rpartition(":")
        result.append({"address": address.strip("[]"), "port": int(port), "process": found.get(inode, "")})
    return sorted(result, key=lambda entry: (entry["port"], entry["address"]))


def _process_name(pid, title):
    try:
        return _proc.status(pid)["name"]
    except (FileNotFoundError, ProcessLookupError):
        return title.split(" ")[0]


def has_ipv6():
    """Whether the host has any IPv6 address, be it only loopback's."""
    path = "/proc/net/if_inet6"
    return os.path.exists(path) and bool(_proc.read_text(path).strip())
