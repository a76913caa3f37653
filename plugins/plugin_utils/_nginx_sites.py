# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a site asks of nginx and cannot have, each said in a sentence before anything is touched. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._inventory import MOST_BURST, PRELOAD_MAX_AGE

_SIZE = re.compile(r"([1-9][0-9]{0,8})([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_PATH = re.compile(r"/[^\s\"'\\{};$]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RATE = re.compile(r"[1-9][0-9]{0,5}r/[sm]")
_METHOD = re.compile(r"[A-Z]+")
#: An address, with a length of its prefix or without; ipaddress takes masks and zones as well, which nginx does not.
_NETWORK = re.compile(r"[0-9a-fA-F:.]+(/[0-9]{1,3})?")

#: Key of nginx_sites → key of the app in prodready_apps from which it comes; the others are of the role alone.
_OF_THE_APP = {
    "client_max_body_size": "client_max_body_size_mb",
    "hsts_max_age": "hsts_max_age",
    "proxy_read_timeout": "gunicorn_timeout, which is half a minute less,",
    "hsts_preload": "hsts_preload",
    "rate in rate_limits": "login or api in rate_limits",
    "burst in rate_limits": "login_burst or api_burst in rate_limits",
    "paths in rate_limits": "login_path, admin_path, jwt_obtain_path or api_path in contract",
    "admin_path": "admin_path in contract",
    "maintenance_open_paths": "liveness_path or readiness_path in contract",
    "admin_allow or maintenance_allow": "admin_allow or maintenance_allow",
}

#: What is wrong: the key, what was found, what was expected.
_Fault = tuple[str, str, str]


def site_problems(sites: list[Mapping[str, Any]]) -> list[str]:
    """Every objection to sites with their defaults filled in, so that all are corrected in one go."""
    return [
        f"found {found} at the site {site['name']}, expected {expected}. Change {_where(key, site['name'])}."
        for site in sites
        for key, found, expected in _faults(site)
    ]


def _where(key: str, site: str) -> str:
    return f"{_OF_THE_APP[key]} of {site} in prodready_apps ({key} in nginx_sites)" if key in _OF_THE_APP else f"{key} in nginx_sites"


def _faults(site: Mapping[str, Any]) -> Iterator[_Fault]:
    size = str(site["client_max_body_size"])
    if not 1024 <= _bytes(size) <= 10 * 1024**3:
        yield "client_max_body_size", f"'{size}'", "a size from 1k to 10g such as 10m (nginx takes 0 for no limit at all)"
    read, upstream = site["proxy_read_timeout"], site["upstream_timeout"]
    if not 1 <= _int(read) <= 3600 or _int(read) < _int(upstream):
        yield (
            "proxy_read_timeout",
            f"proxy_read_timeout {read} and upstream_timeout {upstream}",
            "1 to 3600 seconds and not less than upstream_timeout, because nginx would give up while the application is still allowed to work",
        )
    if _int(site["hsts_max_age"]) < 0:
        yield "hsts_max_age", str(site["hsts_max_age"]), "seconds, not less than 0"
    subdomains = site["hsts_include_subdomains"]
    if _is_true(site["hsts_preload"]) and not (_is_true(subdomains) and _int(site["hsts_max_age"]) >= PRELOAD_MAX_AGE):
        yield (
            "hsts_preload",
            f"hsts_preload with hsts_include_subdomains {subdomains} and hsts_max_age {site['hsts_max_age']}",
            f"true and at least {PRELOAD_MAX_AGE} beside it, as browsers demand",
        )
    yield from _limits(site["rate_limits"])
    yield from _access(site)


def _limits(limits: list[Mapping[str, Any]]) -> Iterator[_Fault]:
    names, rates = [str(limit["name"]) for limit in limits], [str(limit["rate"]) for limit in limits]
    if not _all(_NAME, names) or len(set(names)) != len(names):
        yield "name in rate_limits", f"the names {', '.join(names)}", "small letters, digits and '_', a letter first, each name once"
    if not _all(_RATE, rates):
        yield "rate in rate_limits", f"the rates {', '.join(rates)}", "requests per second or minute such as 20r/s or 10r/m"
    bursts = [limit.get("burst") or 0 for limit in limits]
    if any(not 0 <= _int(burst) <= MOST_BURST for burst in bursts):
        yield (
            "burst in rate_limits",
            f"the bursts {', '.join(map(str, bursts))}",
            f"0 to {MOST_BURST} requests, as many as a verification can make at once to see the limit behind them",
        )
    paths = [str(path) for limit in limits for path in limit["paths"]]
    if not all(limit["paths"] for limit in limits) or not _all(_PATH, paths):
        yield (
            "paths in rate_limits",
            f"the paths {', '.join(paths) or '(none)'}",
            "at least one path for each limit, beginning with '/', without blanks, quotes and braces",
        )
    methods = [str(method) for limit in limits for method in limit.get("methods") or []]
    if not _all(_METHOD, methods):
        yield "methods in rate_limits", f"the methods {', '.join(methods)}", "methods in capitals such as POST"


def _access(site: Mapping[str, Any]) -> Iterator[_Fault]:
    admin = str(site["admin_path"])
    if site["admin_allow"] and (not _PATH.fullmatch(admin) or not admin.strip("/")):
        yield (
            "admin_path",
            f"admin_path '{admin}' with addresses in admin_allow",
            "a path below '/' such as /admin/, because everything else of the site stays public",
        )
    if not _all(_PATH, site["maintenance_open_paths"]):
        yield (
            "maintenance_open_paths",
            ", ".join(map(str, site["maintenance_open_paths"])),
            "paths that begin with '/', without blanks, quotes and braces",
        )
    wrong = [str(network) for network in [*site["admin_allow"], *site["maintenance_allow"]] if not _is_network(str(network))]
    if wrong:
        yield "admin_allow or maintenance_allow", ", ".join(wrong), "addresses or networks such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"


def _all(pattern: re.Pattern[str], texts: list[Any]) -> bool:
    return all(pattern.fullmatch(str(text)) for text in texts)


def _is_true(value: Any) -> bool:
    """As a template of Ansible would take it."""
    return str(value).strip().lower() in ("true", "yes", "on", "1")


def _int(value: Any) -> int:
    """A whole number; what is none is refused as one that no range holds."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1


def _bytes(size: str) -> int:
    found = _SIZE.fullmatch(size)
    return int(found[1]) * _UNITS[found[2].lower()] if found else 0


def _is_network(text: str) -> bool:
    if not _NETWORK.fullmatch(text):
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
