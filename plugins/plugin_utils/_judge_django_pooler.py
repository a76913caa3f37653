# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements on what stands between a running Django application and its database. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown


def uses_pooler(value: Mapping[str, Any], context: Context) -> Verdict:
    """Whoever answers at the address in force is no server itself: it told the client another process than the one that then worked."""
    expected = "a pooler answers at the address of each PostgreSQL database"
    if not value:
        return not_applicable("no database of the application is PostgreSQL", [])
    shown = {alias: {key: one[key] for key in ("host", "port", "server_port", "told_another_process")} for alias, one in value.items()}
    blind = [alias for alias, one in value.items() if one["told_another_process"] is None]
    if blind:
        return unknown(f"the client library of {', '.join(blind)} does not say which process it was told", shown, expected)
    direct = [f"{alias}: {one['host']}:{one['port']}" for alias, one in value.items() if not one["told_another_process"]]
    return failed("PostgreSQL itself answers at " + ", ".join(direct), shown, expected) if direct else passed(shown, expected)


def server_side_cursors_off(value: Mapping[str, Any], context: Context) -> Verdict:
    """A cursor on the server does not outlive its transaction's server process; Django uses some beyond it unless told not to."""
    expected = "DISABLE_SERVER_SIDE_CURSORS is True behind a pooler that works by transaction"
    shown = {
        alias: {key: one[key] for key in ("told_another_process", "shares_server_process", "disable_server_side_cursors")}
        for alias, one in value.items()
    }
    pooled = {alias: one for alias, one in value.items() if one["told_another_process"]}
    if not pooled:
        return not_applicable("no pooler stands between the application and a database", shown)
    wrong = [alias for alias, one in pooled.items() if one["shares_server_process"] and not one["disable_server_side_cursors"]]
    if wrong:
        return failed("server-side cursors are on behind a pooler that works by transaction: " + ", ".join(wrong), shown, expected)
    unsure = [alias for alias, one in pooled.items() if not one["shares_server_process"] and not one["disable_server_side_cursors"]]
    if unsure:
        return unknown(f"{', '.join(unsure)}: two connections met no common server process, so the pooler may work by session", shown, expected)
    return passed(shown, expected)
