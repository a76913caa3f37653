# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Redis of a host: its package, its files, its process, and what it says of itself. PRIVATE to the collection."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import time

from ansible_collections.prodready.django.plugins.module_utils import _proc, _redis, _redis_plan, _redis_tls, _systemd
from ansible_collections.prodready.django.plugins.module_utils._environment_file import parse
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError

PACKAGED_CONFIG = "/etc/redis/redis.conf"
#: An empty snapshot is a header and a checksum.
_EMPTY_SNAPSHOT = 200

_INFO = (
    "redis_version",
    "config_file",
    "role",
    "loading",
    "maxmemory",
    "maxmemory_policy",
    "used_memory",
    "evicted_keys",
    "aof_enabled",
    "aof_last_write_status",
    "rdb_last_bgsave_status",
    "keyspace_hits",
    "keyspace_misses",
    "uptime_in_seconds",
    "rejected_connections",
)


class Server:
    """Looks at the server of one unit; `params` has `directory`, `socket` and `unit`."""

    def __init__(self, run_command, params):
        self._run = run_command
        self._params = params
        self._client = None

    # --- the server itself ---

    def client(self):
        """A connection as the user that administers the server, whose password root alone can read."""
        if self._client is None:
            path = os.path.join(self._params["directory"], "admin")
            try:
                password = _proc.read_text(path).strip()
            except PermissionError:
                raise NeedsRoot("{0} is not readable".format(path)) from None
            except FileNotFoundError:
                raise ObservationError("there is no {0}; role redis makes it".format(path)) from None
            self._client = _redis.Client({"path": self._params["socket"]}, _redis_plan.ADMIN, password)
        return self._client

    def answers(self):
        try:
            return self.client().call("PING") == "PONG"
        except ObservationError:
            return False

    def info(self):
        found = _redis.parse_info(self.client().call("INFO"))
        values = {name: found.get(name) for name in _INFO}
        return dict(values, memory_total_bytes=_proc.parse_meminfo(_proc.read_text("/proc/meminfo"))["MemTotal"])

    def service(self):
        return _systemd.show(self._run, [self._params["unit"]])[self._params["unit"]]

    # --- what provisioning needs ---

    def bring_up_to_date(self, settings, users, users_are_new, check_mode, vanished=()):
        """Give the running server what differs, and say what only a restart brings. Of one that does not answer, nothing is expected."""
        unit = self.service()
        if unit["ActiveState"] != "active":
            return [], []
        if not self.answers():
            return [], ["it does not answer on {0} as {1}".format(self._params["socket"], _redis_plan.ADMIN)]
        applied, restart = [], self.stale(unit)
        restart += ["{0} is not set any more, and only a start brings back what it was without".format(name) for name in vanished]
        running = _redis.pairs(self.client().call("CONFIG", "GET", "*"))
        changes = _redis_plan.settings_to_change(settings, running)
        if settings.get("tls-port") and "tls-port" not in changes and not _redis_tls.serves(settings, running["bind"]):
            # the same names again: the server reads the files anew
            changes.update({name: settings[name] for name in ("tls-cert-file", "tls-key-file")})
        for name, value in changes.items():
            if check_mode:
                applied.append(name)
                continue
            try:
                self.client().call("CONFIG", "SET", name, value)
                applied.append(name)
            except _redis.RedisError:
                restart.append("{0} differs".format(name))
        applied += self._users_up_to_date(users, users_are_new, check_mode)
        return applied, restart

    def _users_up_to_date(self, users, users_are_new, check_mode):
        applied = []
        others = set(self.client().call("ACL", "USERS")) - {user["name"] for user in users}
        for user in users:
            if users_are_new or self._differs(user):
                applied.append("user " + user["name"])
                if not check_mode:
                    self.client().call("ACL", "SETUSER", user["name"], *_redis_plan.user_words(user))
        for name in sorted(others):
            applied.append("user {0} taken away".format(name))
            if not check_mode:
                self.client().call("ACL", "DELUSER", name)
        return applied

    def _differs(self, user):
        found = _redis.parse_user(self.client().call("ACL", "GETUSER", user["name"]))
        asked = None
        if found and user["name"] not in ("default", _redis_plan.ADMIN):
            asked = _redis.permissions(self.client(), user["name"], own_key(user["keys"]), "prodready-nobody:x")
        return _redis_plan.differs(user, found, asked)

    def stale(self, unit):
        """Why the process is not what a start would bring now."""
        reasons = ["systemd has not loaded the unit's files"] if unit["NeedDaemonReload"] else []
        started = _proc.started_at(unit["MainPID"])
        reasons += ["{0} is newer than the process".format(path) for path in unit["DropInPaths"] if os.stat(path).st_mtime > started + 0.01]
        try:
            program = os.readlink("/proc/{0}/exe".format(unit["MainPID"]))
        except OSError:
            program = ""
        if program.endswith(" (deleted)"):
            reasons.append("the program was replaced under the process")
        return reasons

    # --- a host that may have a life ---

    def package(self):
        """Whether the server is installed, and whether its configuration is as it was delivered."""
        if not os.path.exists("/usr/bin/redis-server"):
            return {"installed": False, "edited": False}
        _rc, out, _err = self._run(["dpkg-query", "-W", "-f", "${Conffiles}\n", "redis-server"])
        delivered = {words[0]: words[1] for words in map(str.split, out.splitlines()) if len(words) == 2}
        try:
            with open(PACKAGED_CONFIG, "rb") as handle:
                digest = hashlib.md5(handle.read()).hexdigest()  # dpkg's own kind of digest, not a security measure
        except FileNotFoundError:
            return {"installed": True, "edited": False}
        return {"installed": True, "edited": delivered.get(PACKAGED_CONFIG) != digest}

    def theirs(self):
        """What somebody else's configuration says that decides whether it can be taken over; never a password."""
        try:
            found = _redis.parse_config(_proc.read_text(PACKAGED_CONFIG))
        except FileNotFoundError:
            return {}
        return {
            "port": found.get("port", ["6379"])[-1],
            "socket": found.get("unixsocket", [""])[-1],
            "password": bool(found.get("requirepass", [""])[-1]),
            "obstacles": sorted({"user", "aclfile", "rename-command", "include", "cluster-enabled", "replicaof", "slaveof"} & set(found)),
        }

    def adopted(self):
        """Whether our configuration stands on somebody else's, which was taken over."""
        path = os.path.join(self._params["directory"], "redis.conf")
        return os.path.exists(path) and "include" in _redis.parse_config(_proc.read_text(path))

    def data(self):
        """Files with data of the packaged server, with their sizes."""
        found = glob.glob("/var/lib/redis/*.rdb") + glob.glob("/var/lib/redis/appendonlydir/*.aof")
        sizes = {path: os.stat(path).st_size for path in sorted(found)}
        return {path: size for path, size in sizes.items() if size > (_EMPTY_SNAPSHOT if path.endswith(".rdb") else 0)}

    def listeners(self, port=6379):
        """Who listens on Redis' usual port, whoever that is."""
        asked = {inode: address for inode, address in _listening().items() if address.endswith(":{0}".format(port))}
        return [{"address": address, "process": _owner_of(inode)} for inode, address in sorted(asked.items())]

    def overcommit(self):
        return int(_proc.read_text("/proc/sys/vm/overcommit_memory"))

    def files(self, paths):
        return {path: os.path.exists(path) for path in paths}

    def tls(self, certificate_file):
        """The encrypted port as a client meets it, and every other one the server listens on."""
        running = _redis.pairs(self.client().call("CONFIG", "GET", "*"))
        inodes = _proc.socket_inodes(self.service()["MainPID"])
        return _redis_tls.look(running, [address for inode, address in _listening().items() if inode in inodes], certificate_file)

    # --- what an app's user may and can ---

    def user(self, name, keys):
        found = _redis.parse_user(self.client().call("ACL", "GETUSER", name))
        if found is None:
            raise ObservationError("the server knows no user {0}".format(name))
        asked = _redis.permissions(self.client(), name, own_key(keys or ["~" + name + ":*"]), "prodready-nobody:x")
        default = _redis.parse_user(self.client().call("ACL", "GETUSER", "default"))
        return dict(asked, enabled="on" in found["flags"], default_user="on" if "on" in default["flags"] else "off")

    def round_trip(self, name, keys, environment_file):
        """As the application, over two connections: a value is set, read, missed and expires. Leaves nothing behind."""
        address, user, password = _redis.parse_url(parse(_proc.read_text(environment_file)).get("CACHE_URL"))
        key = own_key(keys or ["~" + name + ":*"]) + secrets.token_hex(8)
        with _redis.Client(address, user, password) as one, _redis.Client(address, user, password) as other:
            before = self.info()
            try:
                stored = one.call("SET", key, "canary", "PX", "300")
            except _redis.RedisError as error:
                stored = str(error)
            read, read_by_other = one.call("GET", key), other.call("GET", key)
            missed = other.call("GET", key + "-never-set")
            after = self.info()
            time.sleep(0.4)
            gone = one.call("EXISTS", key) == 0
        counted = {word: after["keyspace_" + word] - before["keyspace_" + word] for word in ("hits", "misses")}
        return {
            "stored": stored,
            "read_back": read == "canary",
            "read_by_other": read_by_other == "canary",
            "miss_is_empty": missed is None,
            "expired": gone,
            "counted": counted,
        }


def own_key(patterns):
    """A key that the first of some patterns fits."""
    return patterns[0].lstrip("~").replace("*", "prodready-canary:")


def _listening():
    """Listening TCP sockets of the host: {inode: address}."""
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            sockets.update(_proc.parse_tcp_listeners(_proc.read_text(table)))
    return sockets


def _owner_of(inode):
    """The name of the process that holds a socket."""
    for folder in glob.glob("/proc/[0-9]*"):
        pid = folder.rpartition("/")[2]
        try:
            if inode in _proc.socket_inodes(pid):
                return _proc.status(pid)["name"]
        except (OSError, KeyError, ObservationError):
            continue
    return ""
