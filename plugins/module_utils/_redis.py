# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Redis' protocol and what its answers mean, with the standard library alone. PRIVATE to the collection."""

from __future__ import annotations

import re
import socket
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError


class RedisError(ObservationError):
    """What the server refused, in its own words; they name users and keys, never a password."""


def encode(words):
    """A command as the protocol has it: an array of bulk strings."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def decode(stream):
    """The next answer: text, number, None, or a list of them. An error becomes an exception, inside a list it stays a value."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise RedisError("the server ended the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        raise RedisError(rest.decode("utf-8", "replace"))
    if kind == b":":
        return int(rest)
    if kind == b"$":
        size = int(rest)
        return None if size < 0 else stream.read(size + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return [_inside(stream) for _number in range(int(rest))]
    raise RedisError("the server does not speak Redis' protocol")


def _inside(stream):
    try:
        return decode(stream)
    except RedisError as error:
        return error


class Client:
    """One connection; `call` sends a command and returns its answer."""

    def __init__(self, address, username="", password="", timeout=5):
        self.socket = connect(address, timeout)
        self.stream = self.socket.makefile("rb")
        try:
            if username:
                self.call("AUTH", username, password)
        except Exception:
            self.close()
            raise

    def call(self, *words):
        try:
            self.socket.sendall(encode(words))
            return decode(self.stream)
        except OSError as error:
            raise RedisError("the connection broke: {0}".format(error)) from None

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()


def connect(address, timeout):
    """A socket to `{"path": …}` or to `{"host": …, "port": …, "ca_file": …}`, the latter always encrypted."""
    if address.get("path"):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(timeout)
        try:
            client.connect(address["path"])
        except OSError as error:
            client.close()
            raise RedisError("no answer on {0}: {1}".format(address["path"], error.strerror or error)) from None
        return client
    try:
        plain = socket.create_connection((address["host"], address["port"]), timeout)
        context = ssl.create_default_context(cafile=address.get("ca_file") or None)
        return context.wrap_socket(plain, server_hostname=address["host"])
    except OSError as error:
        raise RedisError("no answer on {0} port {1}: {2}".format(address["host"], address["port"], error)) from None


def parse_url(url):
    """Where a client's address points to and as whom; RedisError says what is wrong without quoting it."""
    parts = urlsplit(url or "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "unix":
        address: dict[str, object] = {"path": unquote(parts.path)}
    elif parts.scheme == "rediss" and parts.hostname:
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        address = {"host": parts.hostname, "port": parts.port or 6379, "ca_file": query.get("ssl_ca_certs", "")}
    else:
        raise RedisError(
            "the address of the cache is {0}, expected unix:// or rediss://".format((parts.scheme + "://…") if parts.scheme else "not set")
        )
    return address, user, password


def pairs(answer):
    """An answer of alternating names and values as a dict."""
    return dict(zip(answer[::2], answer[1::2]))


def parse_info(text):
    """The lines of INFO as a dict; whole numbers become numbers."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.partition(":")
        if separator and not line.startswith("#"):
            found[name] = int(value) if re.match(r"^-?\d+$", value) else value
    return found


def parse_config(text):
    """The directives of a configuration file: name → list of its lines' values; quotes are taken off a single value."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.strip().split(None, 1)
        if words and not words[0].startswith("#"):
            value = words[1].strip() if len(words) > 1 else ""
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found.setdefault(words[0].lower(), []).append(value)
    return found


def parse_user(answer):
    """What ACL GETUSER says, reduced to what is compared; hashes of passwords only."""
    if answer is None:
        return None
    found = pairs(answer)
    return {
        "flags": sorted(flag for flag in found.get("flags", []) if flag in ("on", "off", "nopass")),
        "passwords": sorted(found.get("passwords", [])),
        "keys": sorted(str(found.get("keys", "")).split()),
        "channels": sorted(str(found.get("channels", "")).split()),
        "commands": str(found.get("commands", "")),
    }


def may(client, user, *words):
    """Whether the server would let a user run a command; nothing is run."""
    return client.call("ACL", "DRYRUN", user, *words) == "OK"


#: What a project's cache does with its own keys, and what no project may do to others or to the server.
OWN_KEY_COMMANDS = (
    ("GET", "{0}"),
    ("SET", "{0}", "x", "EX", "5"),
    ("MGET", "{0}", "{0}"),
    ("EXPIRE", "{0}", "5"),
    ("INCRBY", "{0}", "1"),
    ("DEL", "{0}"),
    ("MULTI",),
    ("EXEC",),
)
FORBIDDEN_COMMANDS = (
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("DEBUG", "SLEEP", "0"),
    ("SHUTDOWN",),
    ("MONITOR",),
)


def permissions(client, user, own_key, foreign_key):
    """What a user may do, found out without doing it: refused things of its own, permitted things of others."""
    return {
        "refused": [words[0] for words in OWN_KEY_COMMANDS if not may(client, user, *[word.format(own_key) for word in words])],
        "foreign_keys": [word for word in ("GET", "DEL") if may(client, user, word, foreign_key)],
        "permitted": [" ".join(words[:2]) for words in FORBIDDEN_COMMANDS if may(client, user, *words)],
        "flushes": may(client, user, "FLUSHDB"),
    }
