# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files as systemd reads them: text ↔ dict, and what changed between two. PRIVATE to the collection."""

from __future__ import annotations

import re
from urllib.parse import quote

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_ESCAPED = '\\"$`'
HEADER = "# Managed by prodready: changes made here are overwritten.\n"


class EnvironmentFileError(ValueError):
    """A sentence saying what cannot stand in an environment file; it never quotes a value."""


def quote_value(value):
    """A value in double quotes, such that systemd and a POSIX shell both read back exactly that value."""
    text = to_text(value)
    if "\0" in text:
        raise EnvironmentFileError("a value holds a NUL byte, which no environment can carry")
    return '"' + "".join("\\" + char if char in _ESCAPED else char for char in text) + '"'


def to_text(value):
    """How a YAML value is written into an environment: true and false in lower case, nothing as empty, lists with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(to_text(item) for item in value)
    return str(value)


def render(variables):
    """The whole file for a dict of variables, sorted by name."""
    lines = []
    for name in sorted(variables):
        if not _NAME.match(name):
            raise EnvironmentFileError("{0!r} is no name for an environment variable; letters, digits and _ are expected".format(name))
        try:
            lines.append("{0}={1}\n".format(name, quote_value(variables[name])))
        except EnvironmentFileError as error:
            raise EnvironmentFileError("{0}: {1}".format(name, error)) from None
    return HEADER + "".join(lines)


def parse(text):
    """The variables of an environment file, by the rules of systemd's EnvironmentFile=."""
    variables = {}
    position, end = 0, len(text)
    while position < end:
        char = text[position]
        if char in " \t\r\n":
            position += 1
        elif char in "#;":
            position = _after_line(text, position)
        else:
            name, position = _name(text, position)
            if name is None:
                continue
            variables[name], position = _value(text, position)
    return variables


def _after_line(text, position):
    newline = text.find("\n", position)
    return len(text) if newline < 0 else newline + 1


def _name(text, position):
    """The name before the next "=", or None for a line without one."""
    after = _after_line(text, position)
    equals = text.find("=", position, after)
    if equals < 0:
        return None, after
    return text[position:equals].strip(), equals + 1


def _value(text, position):
    """One value: bare, quoted, or both joined; ends at an unquoted newline."""
    parts, bare, quoting = [], 0, ""
    while position < len(text):
        char = text[position]
        position += 1
        if quoting == "'":
            if char == "'":
                quoting = ""
            else:
                parts.append(char)
        elif char == "\\":
            following = text[position : position + 1]
            position += 1
            if following != "\n":
                parts.append(following if not quoting or following in _ESCAPED else char + following)
        elif quoting == '"':
            if char == '"':
                quoting = ""
            else:
                parts.append(char)
        elif char == "\n":
            break
        elif char in "\"'":
            quoting = char
            bare = len(parts) + 1
        elif parts or char not in " \t\r":
            parts.append(char)
        if quoting:
            bare = len(parts)
    return "".join(parts[:bare]) + "".join(parts[bare:]).rstrip(" \t\r"), position


def changes(before, after, secret_names):
    """Two texts for a diff: values of secret or unknown variables stand as words, and "(another value)" where they differ."""
    known = set(after) - set(secret_names)

    def line(name, variables, others):
        if name in known:
            return "{0}={1}\n".format(name, quote_value(variables[name]))
        other = name in others and to_text(others[name]) != to_text(variables[name])
        return "{0}=({1})\n".format(name, "another secret value" if other else "secret value")

    old = "".join(line(name, before, {}) for name in sorted(before))
    new = "".join(line(name, after, before) for name in sorted(after))
    return old, new


def database_url(database, role, password):
    """A PostgreSQL URL with every part percent-encoded, and the server's certificate verified unless told otherwise."""
    options = [("sslmode", database.get("sslmode") or "verify-full")]
    if database.get("sslrootcert"):
        options.append(("sslrootcert", database["sslrootcert"]))
    return "postgresql://{0}:{1}@{2}:{3}/{4}?{5}".format(
        quote(str(role), safe=""),
        quote(str(password), safe=""),
        _host(str(database.get("host") or "localhost")),
        int(database.get("port") or 5432),
        quote(str(database["name"]), safe=""),
        "&".join("{0}={1}".format(key, quote(str(value), safe="/")) for key, value in options),
    )


def cache_url(cache, name, password=""):
    """Where the app's cache is: a table of its database, or Redis behind a Unix socket or, on another host, TLS; each part percent-encoded."""
    if cache["backend"] != "redis":
        return "dbcache://" + cache["table"]
    user = "{0}:{1}".format(quote(str(name), safe=""), quote(str(password), safe=""))
    if not cache["host"]:
        return "unix://{0}@{1}?db=0".format(user, quote(cache["socket"], safe="/"))
    # Older clients do not compare the name unless they are told to.
    return "rediss://{0}@{1}:{2}/0?ssl_check_hostname=true&ssl_ca_certs={3}".format(
        user, _host(cache["host"]), int(cache["port"]), quote(cache["ca_file"], safe="/")
    )


def _host(name):
    """A host as it stands in a URL: brackets around an address of IPv6."""
    return "[{0}]".format(name) if ":" in name else quote(name, safe="")
