# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a pooler stands between the application and its database, found out from how its own connections behave. PRIVATE to the collection.

Handed over as text together with `_django_inside.py`; see there. A server tells each client the number of its own process; a pooler
cannot, since the server process may be another one at every turn, and tells a number of its own. And behind a pooler that works by
transaction, two clients at the same time meet the same server process. Nothing is configured, compared or left behind.
"""

from __future__ import annotations

#: How often two connections are compared before it is said that they share no server process. Others use the pool as well.
TURNS = 6


def protocol_pid(raw):
    """The process number that the server, or whoever answers for it, told the client library when it connected."""
    info = getattr(raw, "info", None)
    number = getattr(info, "backend_pid", None)
    if number is None and hasattr(raw, "get_backend_pid"):
        number = raw.get_backend_pid()
    return number


def _ask(connection):
    """The server process this connection meets now, and the port that the server itself listens on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), inet_server_port()")
        return cursor.fetchone()


def _look_at(alias):
    from django.db import connections

    settings = connections[alias].settings_dict
    first, second = connections.create_connection(alias), connections.create_connection(alias)
    try:
        pid, server_port = _ask(first)
        told = protocol_pid(first.connection)
        direct, shared = told == pid, False
        for _turn in range(TURNS):
            pid = _ask(first)[0]
            if _ask(second)[0] == pid:
                shared = True
                break
    finally:
        first.close()
        second.close()
    return {
        "host": str(settings.get("HOST") or ""),
        "port": str(settings.get("PORT") or ""),
        "server_port": server_port,
        "told_another_process": None if told is None else not direct,
        "shares_server_process": shared,
        "disable_server_side_cursors": bool(settings.get("DISABLE_SERVER_SIDE_CURSORS")),
    }


def part_pooler(inside):
    """Each PostgreSQL database of the application, by alias."""
    from django.db import connections

    found = {}
    for alias, database in inside.settings.DATABASES.items():
        if database.get("ENGINE") and connections[alias].vendor == "postgresql":
            found[alias] = _look_at(alias)
    return found


PARTS = {"pooler": part_pooler}
