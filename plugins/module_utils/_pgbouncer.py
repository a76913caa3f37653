# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Readers of pgbouncer's files and of what its console answers: text to plain values, no I/O. PRIVATE to the collection."""

from __future__ import annotations

import csv
import io
import re

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

#: Stands in every file that role pgbouncer writes: a file without it is somebody else's.
MARKER = "prodready.django.pgbouncer"
#: Marks a line of the authentication file that was there before the role.
KEPT = "kept"
#: What a configuration without fault ends with when it is started with nothing to listen on.
TESTED = "nowhere to listen on"
#: How SHOW CONFIG prints what a file may also say in words.
_WORDS = {"yes": "1", "on": "1", "true": "1", "no": "0", "off": "0", "false": "0"}
#: A database of the file → a column of SHOW DATABASES; where two are named, the newer release renamed it.
_COLUMNS = {
    "host": ("host",),
    "port": ("port",),
    "dbname": ("database",),
    "pool_size": ("pool_size",),
    "min_pool_size": ("min_pool_size",),
    "reserve_pool": ("reserve_pool", "reserve_pool_size"),
    "max_db_connections": ("max_connections",),
    "pool_mode": ("pool_mode",),
}

_SECTION = re.compile(r"^\[([^\]]+)\]\s*$")
_INCLUDE = re.compile(r"^%include\s+(\S.*?)\s*$")
_ENTRY = re.compile(r'^(?:"((?:[^"]|"")*)"|([^=\s"]+))\s*=\s*(.*?)\s*$')
_USER = re.compile(r'^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"(.*)$')
_LOGGED = re.compile(r"\b(NOISE|DEBUG|LOG|WARNING|ERROR|FATAL)\s+(.*)$")
_PLAIN_NAME = re.compile(r"^[\w.*-]+$")
_VERSION = re.compile(r"PgBouncer (\d+(?:\.\d+)+)", re.IGNORECASE)


def parse_ini(text):
    """A configuration as `{"databases": {name: text}, "users": …, "pgbouncer": …, "include": [path]}`; other sections beside them."""
    sections: dict[str, dict[str, str]] = {"databases": {}, "users": {}, "pgbouncer": {}}
    include: list[str] = []
    section = None
    for line in (raw.strip() for raw in text.splitlines()):
        if not line or line[0] in ";#":
            continue
        begins, includes, entry = _SECTION.match(line), _INCLUDE.match(line), _ENTRY.match(line)
        if begins:
            section = begins.group(1).strip()
            sections.setdefault(section, {})
        elif includes:
            include.append(includes.group(1))
        elif entry and section:
            name = entry.group(1).replace('""', '"') if entry.group(1) is not None else entry.group(2)
            sections[section][name] = entry.group(3)
    return dict(sections, include=include)


def parse_connection_string(text):
    """`host=localhost port=5432 dbname='a b'` as a dict."""
    words = {}
    for key, quoted, plain in re.findall(r"(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(\S*))", text):
        words[key] = quoted.replace("''", "'") if quoted else plain
    return words


def parse_users(text):
    """An authentication file as [(name, secret, rest of the line)]."""
    found = []
    for match in map(_USER.match, text.splitlines()):
        if match:
            found.append((match.group(1).replace('""', '"'), match.group(2).replace('""', '"'), match.group(3).strip()))
    return found


def _quoted(text):
    return '"' + text.replace('"', '""') + '"'


def render_users(ours, kept):
    """An authentication file from two {name: secret}; pgbouncer ignores the word that marks what was here before."""
    kept = {name: secret for name, secret in kept.items() if name not in ours}
    lines = [(name, "{0} {1}\n".format(_quoted(name), _quoted(ours[name]))) for name in ours]
    lines += [(name, "{0} {1} {2}\n".format(_quoted(name), _quoted(kept[name]), KEPT)) for name in kept]
    return "".join(line for _name, line in sorted(lines))


def renewed_users(text, verifiers):
    """The same authentication file with the verifiers of some roles in it; who does not stand in it is not added."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        for name, secret, rest in parse_users(line):
            if verifiers.get(name, secret) != secret:
                lines[number] = " ".join(part for part in (_quoted(name), _quoted(verifiers[name]), rest) if part) + "\n"
    return "".join(lines)


def kept_users(text):
    """What an earlier run kept in an authentication file of ours."""
    return {name: secret for name, secret, rest in parse_users(text) if rest == KEPT}


def is_ours(text):
    """Whether a file was written by role pgbouncer."""
    return MARKER in text


def foreign_part(parsed, pools):
    """What of somebody else's configuration is kept: databases and users that are not among our pools."""
    return {
        section: {name: value for name, value in parsed[section].items() if name not in taken}
        for section, taken in (("databases", {pool["name"] for pool in pools}), ("users", {pool["user"] for pool in pools}))
    }


def without(text, pools):
    """A kept file without what is a pool of ours by now; as it was, hand-written lines included, where nothing of it is."""
    parsed = parse_ini(text)
    left = foreign_part(parsed, pools)
    return text if all(left[section] == parsed[section] for section in left) else render_kept(left)


def kept_pools(databases, host, port):
    """How many connections of the server at `host` and `port` each kept database may take: {name: number}, 0 being the pooler's default."""
    found = {}
    for name, text in sorted(databases.items()):
        given = parse_connection_string(text)
        if _leads_to(given, host, port):
            found[name] = number(given.get("max_db_connections")) or number(given.get("pool_size"))
    return found


def elsewhere(databases, host, port):
    """Kept databases of other servers than the one at `host` and `port`, and where each is: ["name at host:port"]."""
    given = {name: parse_connection_string(text) for name, text in sorted(databases.items())}
    return [
        "{0} at {1}:{2}".format(name, one.get("host") or "the local socket", one.get("port") or 5432)
        for name, one in given.items()
        if not _leads_to(one, host, port)
    ]


def _leads_to(given, host, port):
    same_host = is_local(given.get("host", "")) and is_local(host) or given.get("host", "") == host
    return same_host and number(given.get("port"), 5432) == int(port)


def is_local(host):
    """Whether a server's host is this one: by name or address, or the directory of its socket, which is what no host means."""
    return host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/")


def render_kept(kept):
    """Kept databases and users as a file to include."""
    lines = ["# {0}: what was here before and is kept. This file is written once; change it by hand.\n".format(MARKER)]
    for section in ("databases", "users"):
        if kept.get(section):
            lines.append("[{0}]\n".format(section))
            lines += [
                "{0} = {1}\n".format(name if _PLAIN_NAME.match(name) else _quoted(name), value) for name, value in sorted(kept[section].items())
            ]
    return "".join(lines)


def named_files(text, names):
    """Files that a configuration names under some settings."""
    settings = parse_ini(text)["pgbouncer"]
    return [settings[name] for name in names if settings.get(name)]


def staged(text):
    """The same configuration with nothing to listen on: pgbouncer reads it, sets up TLS, and ends."""
    return text.rstrip("\n") + "\n[pgbouncer]\nlisten_addr =\nunix_socket_dir =\npidfile =\nlogfile =\n"


def test_problems(text):
    """What pgbouncer complains of when it is started with a staged configuration; no complaint is an empty list."""
    logged = [match.groups() for match in map(_LOGGED.search, text.splitlines()) if match]
    problems = [message for level, message in logged if level in ("WARNING", "ERROR")]
    endings = [message for level, message in logged if level == "FATAL"]
    if not endings:
        return problems or ["pgbouncer did not come to the end of the file: {0}".format(text.strip()[-200:] or "it said nothing")]
    if TESTED not in endings[-1]:
        problems.append(endings[-1])
    return problems


def parse_version(text):
    """`pgbouncer --version` and SHOW VERSION alike: 1.18.0."""
    found = _VERSION.search(text)
    if not found:
        raise ObservationError("not a version of pgbouncer: {0!r}".format(text.strip()[:80]))
    return found.group(1)


def parse_csv(text):
    """The answer of one SHOW command, with its header, as [{column: text}]."""
    return [dict(row) for row in csv.DictReader(io.StringIO(text))]


def split_answers(text):
    """The output of several SHOW commands, each after a line `@@name`, as {name: text}."""
    parts: dict[str, list[str]] = {}
    name = None
    for line in text.splitlines():
        if line.startswith("@@"):
            name = line[2:].strip()
            parts[name] = []
        elif name:
            parts[name].append(line)
    return {key: "\n".join(lines) for key, lines in parts.items()}


def number(text, default=0):
    """A whole number of the console; empty is `default`."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return default


def same_value(one, other):
    """Whether a file's value and SHOW CONFIG's are the same: words for yes and no, numbers in decimal and octal."""
    return _plain(one) == _plain(other)


def _plain(value):
    text = str(value).strip()
    text = _WORDS.get(text.lower(), text)
    try:
        return float(int(text, 8)) if re.match(r"^0[0-7]+$", text) else float(text)
    except ValueError:
        return ",".join(part.strip() for part in text.split(","))


def config_differences(wanted, running):
    """Settings of the file that are not in force: [{"name", "file", "running", "restart"}]; `running` is SHOW CONFIG."""
    known = {row["key"]: row for row in running}
    found = []
    for name, value in sorted(wanted.items()):
        row = known.get(name)
        if row is None:
            found.append({"name": name, "file": value, "running": None, "restart": True})
        elif not same_value(value, row["value"]):
            found.append({"name": name, "file": value, "running": row["value"], "restart": row["changeable"] != "yes"})
    return found


def database_differences(wanted, running):
    """Databases of the file that the running pooler knows otherwise or not at all, by name and keyword; no secret is told."""
    known = {row["name"]: row for row in running}
    found = []
    for name, text in sorted(wanted.items()):
        row = known.get(name)
        if row is None:
            if name != "*":
                found.append({"name": name, "file": "a database", "running": None, "restart": False})
            continue
        given = parse_connection_string(text)
        for keyword, columns in _COLUMNS.items():
            column = next((one for one in columns if one in row), None)
            if keyword in given and column and not same_value(given[keyword], row[column]):
                found.append({"name": "{0} {1}".format(name, keyword), "file": given[keyword], "running": row[column], "restart": False})
    return found


def describe_pool(name, user, answers):
    """One pool out of SHOW DATABASES, SHOW POOLS and SHOW STATS; a database that is not there is None."""
    row = next((one for one in answers["databases"] if one["name"] == name), None)
    if row is None:
        return None
    pools = [one for one in answers["pools"] if one["database"] == name]
    mine = [one for one in pools if one["user"] == user]
    stats: dict[str, str] = next((one for one in answers["stats"] if one["database"] == name), {})
    modes = {one["key"]: one["value"] for one in answers["config"]}
    return {
        "host": row["host"],
        "port": number(row["port"]),
        "database": row["database"],
        "size": number(row["pool_size"]),
        "reserve": number(row.get("reserve_pool") or row.get("reserve_pool_size")),
        "most": number(row["max_connections"]),
        "mode": row.get("pool_mode") or (mine[0]["pool_mode"] if mine else "") or modes.get("pool_mode", ""),
        "paused": row["paused"] == "1",
        "disabled": row["disabled"] == "1",
        "users": sorted(one["user"] for one in pools),
        "waiting": sum(number(one["cl_waiting"]) for one in pools),
        "longest_wait": max([number(one["maxwait"]) + number(one["maxwait_us"]) / 1e6 for one in pools] or [0.0]),
        "average_wait": number(stats.get("avg_wait_time")) / 1e6,
        "queries": number(stats.get("total_query_count")),
    }


def describe_connections(rows, database=None):
    """Connections of one of the pooler's databases, or of all, out of SHOW CLIENTS or SHOW SERVERS, without addresses of the web."""
    return [
        {
            "user": row["user"],
            "state": row["state"],
            "unix": row["addr"] == "unix",
            "port": number(row["local_port"], None),
            "pid": number(row["remote_pid"], None),
            "tls": row.get("tls", ""),
        }
        for row in rows
        if database is None or row["database"] == database
    ]


def strangers_among(sessions, servers):
    """Sessions of the application's role in the database whose client is no connection of the pooler's."""
    known = {(server["pid"], server["port"]) for server in servers}
    return [session for session in sessions if (session["pid"], session["port"]) not in known]
