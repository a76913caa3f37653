# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about one application's use of Redis. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ._verdict import Context, Verdict, failed, not_applicable, passed

_MIB = 1024 * 1024
#: As for the certificates of sites: time for two failed renewals.
_LEFT = timedelta(days=21)


def _verdict(problems: list[str], observed: Any, expected: str) -> Verdict:
    return failed("; ".join(problems), observed, expected) if problems else passed(observed, expected)


def running(value: Mapping[str, Any], context: Context) -> Verdict:
    observed = {name: value[name] for name in ("ActiveState", "UnitFileState")}
    problems = []
    if value["ActiveState"] != "active":
        problems.append(f"{value['Id']} is {value['ActiveState']}")
    if value["UnitFileState"] != "enabled":
        problems.append(f"{value['Id']} is not started at boot")
    return _verdict(problems, observed, "active, and enabled")


def own_keys_only(value: Mapping[str, Any], context: Context) -> Verdict:
    """A cache whose user may do less does not work; one whose user may do more works for others, too."""
    problems = [] if value["enabled"] else ["the user is switched off"]
    if value["refused"]:
        problems.append(f"refused on its own keys: {', '.join(value['refused'])}")
    if value["foreign_keys"]:
        problems.append(f"permitted on keys of others: {', '.join(value['foreign_keys'])}")
    if value["permitted"]:
        problems.append(f"permitted to administer: {', '.join(value['permitted'])}")
    if value["default_user"] != "off":
        problems.append("a client without a name gets in")
    return _verdict(problems, value, "everything on its own keys, nothing on others; nobody without a name")


def makes_room(value: Mapping[str, Any], context: Context) -> Verdict:
    """What can be stored must not end when the memory is full, be it the server's or the host's."""
    limit, policy, total = value["maxmemory"], value["maxmemory_policy"], value["memory_total_bytes"]
    most = total // 2
    problems = []
    if not limit:
        problems.append("the memory has no limit")
    elif limit > most:
        problems.append(f"{limit // _MIB} MiB are more than half of the host's {total // _MIB} MiB")
    if context.params.get("persistence"):
        if policy != "noeviction":
            problems.append(f"{policy} forgets values that were declared to be kept")
    elif policy == "noeviction":
        problems.append("when the memory is full, values are refused")
    elif policy.startswith("volatile-"):
        problems.append(f"{policy} keeps every value without a lifetime, until values are refused")
    expected = f"a limit of at most {most // _MIB} MiB, and room made by forgetting from all keys (noeviction for a queue)"
    return _verdict(problems, {"maxmemory": limit, "maxmemory_policy": policy}, expected)


def stored_and_expired(value: Mapping[str, Any], context: Context) -> Verdict:
    problems = [] if value["stored"] == "OK" else [f"storing is refused: {value['stored']}"]
    if value["stored"] == "OK" and not value["read_back"]:
        problems.append("the value is not there")
    if not value["miss_is_empty"]:
        problems.append("a key that was never set has a value")
    if not value["expired"]:
        problems.append("the value outlived its time")
    return _verdict(problems, value, "stored, read, and gone after its time")


def counted(value: Mapping[str, Any], context: Context) -> Verdict:
    moved = value["counted"]
    problems = [f"{name} stood still" for name in ("hits", "misses") if moved[name] < 1]
    return _verdict(problems, moved, "one hit and one miss are counted by the server that is watched")


def encrypted_port(value: Mapping[str, Any], context: Context) -> Verdict:
    """Declared or found: what other hosts reach is encrypted, with a certificate that is today's and will be tomorrow's."""
    if not value["used"] and not context.params.get("tls"):
        return not_applicable("redis_tls opens no encrypted port; the server answers on this host alone")
    problems = [] if value["used"] else ["redis_tls is declared, and no encrypted port is open"]
    if value["used"]:
        problems += [f"an unencrypted port is open at {place}" for place in value["unencrypted"]]
    for place in value["places"]:
        at = f"{place['address']} port {value['port']}"
        if place["plain"]:
            problems.append(f"{at} answers without encryption")
        if not place["answered"]:
            problems.append(f"{at} does not answer over TLS: {place['problem']}")
            continue
        ends = datetime.fromisoformat(place["not_after"])
        left = ends - context.now
        if datetime.fromisoformat(place["not_before"]) > context.now:
            problems.append(f"the certificate of {at} is valid only from {place['not_before']}")
        if left < timedelta(0):
            problems.append(f"the certificate of {at} expired on {place['not_after']}")
        elif left < _LEFT:
            problems.append(f"the certificate of {at} expires in {left.days} days, on {place['not_after']}; at least {_LEFT.days} are expected")
        if value["expected_sha256"] and place["sha256"] != value["expected_sha256"]:
            problems.append(f"{at} serves another certificate than redis_tls.certificate_file holds")
    expected = f"TLS alone, with the certificate in the file, valid now and for at least {_LEFT.days} more days"
    return _verdict(problems, value, expected)


JUDGEMENTS = {
    "running": running,
    "own_keys_only": own_keys_only,
    "makes_room": makes_room,
    "stored_and_expired": stored_and_expired,
    "counted": counted,
    "encrypted_port": encrypted_port,
}
