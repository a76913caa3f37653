# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user's `prodready_apps`: what may stand in it, and every default said once. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from . import _inventory
from ._inventory import Key
from ._networks import SYSTEMD_WORDS, network, no_networks
from ._verdict import ChecklistError

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")

#: What the host keeps below /etc/prodready and /var/lib/prodready beside the apps.
_TAKEN = ("acme", "ca", "certificates", "maintenance", "pgbouncer", "postgresql", "redis", "tls")
_RATE = re.compile(r"^[1-9][0-9]{0,5}r/[sm]$")
#: The text search configurations that some supported PostgreSQL ships; whether the server at hand does, it says itself.
_SHIPPED = """
arabic armenian basque catalan danish dutch english estonian finnish french german greek hindi hungarian indonesian irish italian lithuanian
nepali norwegian portuguese romanian russian serbian simple spanish swedish tamil turkish yiddish
"""
_TEXT_SEARCH = frozenset(_SHIPPED.split())


def _mistake(app: str, sentence: str) -> ChecklistError:
    return ChecklistError(f"prodready_apps.{app}: {sentence}")


def _validate_domains(name: str, domains: list[Any]) -> None:
    if not domains:
        raise _mistake(name, "domains is empty; at least one name the site is served under is expected")
    for domain in domains:
        if "*" in str(domain):
            raise _mistake(name, f"domains holds '{domain}'; a wildcard would let any host name in. List each domain")
        if not _DOMAIN.match(str(domain)):
            raise _mistake(name, f"domains holds '{domain}', which is not a host name in lower case without port and leading dot")


def _fits(key: Key, value: Any) -> bool:
    return isinstance(value, key.kinds) and isinstance(value, bool) == (bool in key.kinds)


def _validate_value(name: str, where: str, key: Key, value: Any) -> None:
    if not _fits(key, value):
        raise _mistake(name, f"{where} must be a {key.kind_name}, found {value!r}")
    if key.choices and value not in key.choices:
        raise _mistake(name, f"{where} is '{value}'; one of {', '.join(key.choices)} is expected")
    if key.least is not None and value < key.least:
        raise _mistake(name, f"{where} is {value}; at least {key.least} is expected" + (f"; 0 {key.zero}" if key.zero else ""))


def _merge(name: str, where: str, given: Mapping[str, Any], keys: Mapping[str, Key]) -> dict[str, Any]:
    """The user's part of a mapping over its defaults; a key that nobody knows is a mistake."""
    for word, value in given.items():
        if word not in keys:
            raise _mistake(name, f"{where} has the unknown key '{word}'; known are {', '.join(keys)}")
        if value is not None or not (keys[word].nullable or keys[word].default is None):
            _validate_value(name, f"{where}.{word}", keys[word], value)
    return {**_inventory.defaults_of(keys), **given}


def _resolve_processes(name: str, processes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    resolved = {}
    for process, options in processes.items():
        if not _NAME.match(str(process)):
            raise _mistake(name, f"processes holds '{process}'; a name starts with a letter and has up to 31 lower case letters, digits and _")
        if not isinstance(options, Mapping):
            raise _mistake(name, f"processes.{process}: a mapping is expected, found {options!r}")
        resolved[str(process)] = _merge(name, f"processes.{process}", options, _inventory.PROCESS)
        if not resolved[str(process)]["command"]:
            raise _mistake(name, f"processes.{process}.command is missing; the words to start the process are expected")
    return resolved


def _resolve_rate_limits(name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    resolved = _merge(name, "rate_limits", limits, _inventory.RATE_LIMITS)
    for key in ("login", "api"):
        if resolved[key] and not _RATE.match(resolved[key]):
            raise _mistake(
                name, f"rate_limits.{key} is '{resolved[key]}'; requests per second or minute such as 20r/s or 10r/m are expected, or '' for none"
            )
        if not 0 <= resolved[f"{key}_burst"] <= _inventory.MOST_BURST:
            raise _mistake(
                name,
                f"rate_limits.{key}_burst is {resolved[f'{key}_burst']}; 0 to {_inventory.MOST_BURST} requests are expected, "
                "as many as a verification can make at once to see the limit behind them",
            )
    return resolved


def _resolve_text_search(name: str, declared: Any) -> Any:
    """The name of a configuration that PostgreSQL ships, or what one of the project's own is made from."""
    key = "contract.text_search_config"
    if not declared:
        return None
    if isinstance(declared, str) and declared not in _TEXT_SEARCH:
        raise _mistake(
            name,
            f"{key} is '{declared}', which PostgreSQL does not ship; expected a language such as english, or, to have one of your own made, "
            f"a mapping such as {{config: {declared}, copy: english, unaccent: true}}",
        )
    if isinstance(declared, str):
        return declared
    own = _merge(name, key, declared, _inventory.TEXT_SEARCH)
    if not _NAME.match(own["config"]) or own["config"] in _TEXT_SEARCH:
        raise _mistake(name, f"{key}.config is '{own['config']}'; a name of your own in lower case letters, digits and _ is expected")
    if own["copy"] not in _TEXT_SEARCH:
        raise _mistake(name, f"{key}.copy is '{own['copy']}'; a configuration that PostgreSQL ships is expected, such as english")
    return own


def _resolve_cache_server(name: str, app: Mapping[str, Any]) -> dict[str, Any]:
    """Where another host's Redis is, which the app must be let through to."""
    if not app["cache_server"]:
        return {}
    server = _merge(name, "cache_server", app["cache_server"], _inventory.CACHE_SERVER)
    if app["cache"] != "redis":
        raise _mistake(name, f"cache_server is set and cache is {app['cache']}; redis is expected. Set cache: redis, or leave cache_server out")
    host, outbound = server["host"], [str(address) for address in app["outbound"]]
    if not (_DOMAIN.match(host) or (network(host) and "/" not in host)):
        raise _mistake(name, f"cache_server.host is '{host}'; a host name in lower case or an address is expected")
    if server["port"] > 65535:
        raise _mistake(name, f"cache_server.port is {server['port']}; at most 65535 is expected")
    if not re.match(r"^/[\w./+-]+$", server["ca_file"]):
        raise _mistake(name, f"cache_server.ca_file is '{server['ca_file']}'; the whole path of a file on the app's host is expected")
    if not _lets_through(outbound, host):
        raise _mistake(
            name,
            f"cache_server.host is {host}, and outbound lets the app talk to {', '.join(outbound) or 'nobody'} alone; the address or network of that "
            "Redis is expected among them. Add it to outbound, such as [localhost, 10.0.0.9]",
        )
    return server


def _lets_through(outbound: list[str], host: str) -> bool:
    """Whether the app may talk to a host; of a name it is known only that nobody beyond this host may be its address."""
    networks = [one for one in map(network, outbound) if one]
    address = network(host)
    if "any" in outbound or host == "localhost" or (address and address.is_loopback):
        return True
    if not address:
        return any(not one.is_loopback for one in networks)
    return any(one.version == address.version and address.subnet_of(one) for one in networks)  # type: ignore[arg-type]


def _validate_outbound(name: str, outbound: list[Any]) -> None:
    """What the kernel lets through is an address; what a name stands for may change."""
    for address in no_networks(outbound, systemd=True):
        raise _mistake(
            name,
            f"outbound holds '{address}', which is no address; an address or network such as 203.0.113.7 or 10.0.0.0/24, or one of "
            f"{', '.join(SYSTEMD_WORDS)} is expected. Name the addresses of that host, or the network they are in",
        )


def _validate_networks(name: str, key: str, networks: list[Any]) -> None:
    for one in networks:
        try:
            ipaddress.ip_network(str(one), strict=True)
        except ValueError as error:
            raise _mistake(
                name, f"{key} holds '{one}' ({error}); an address or network such as 203.0.113.7/32 or 2001:db8::/32 is expected"
            ) from error


def _validate_hsts(name: str, app: Mapping[str, Any]) -> None:
    """A site comes off the browsers' list within months, so what they ask for is asked for here."""
    if app["hsts_preload"] and not (app["hsts_include_subdomains"] and app["hsts_max_age"] >= _inventory.PRELOAD_MAX_AGE):
        raise _mistake(
            name,
            f"hsts_preload is set with hsts_include_subdomains {str(app['hsts_include_subdomains']).lower()} and hsts_max_age "
            f"{app['hsts_max_age']}; browsers preload a site with true and at least {_inventory.PRELOAD_MAX_AGE}. Change them, or leave hsts_preload out",
        )


def resolve_app(name: str, app: Any) -> dict[str, Any]:
    """One app with its defaults filled in, or a sentence that says what is wrong and where."""
    if not _NAME.match(name):
        raise _mistake(name, "an app's name starts with a letter and has up to 31 lower case letters, digits and _")
    if name in _TAKEN:
        raise _mistake(name, "the name is taken by what the host keeps beside the apps; choose another")
    if not isinstance(app, Mapping):
        raise _mistake(name, f"a mapping is expected, found {app!r}")
    for word in app:
        if word not in _inventory.APP:
            raise _mistake(name, f"unknown key '{word}'; known are {', '.join(_inventory.APP)}")
    resolved: dict[str, Any] = {"name": name}
    for word, key in _inventory.APP.items():
        if key.required and not app.get(word):
            raise _mistake(name, f"{word} is missing")
        value = key.default if app.get(word) is None else app[word]
        _validate_value(name, word, key, value)
        resolved[word] = value
    _validate_domains(name, resolved["domains"])
    _validate_outbound(name, resolved["outbound"])
    for word in ("admin_allow", "maintenance_allow"):
        _validate_networks(name, word, resolved[word])
    if resolved["wsgi"] and resolved["asgi"]:
        raise _mistake(name, "wsgi and asgi are both set; one of them serves the project. Remove the other")
    if resolved["asgi"] and not resolved["pooling"]:
        raise _mistake(
            name,
            "asgi is set and pooling is false; an ASGI worker takes any number of requests at once, each with a connection of its own, and "
            "nothing but a pool keeps them below the limit of the app's database role. Set pooling to true, or serve the app by wsgi",
        )
    _validate_hsts(name, resolved)
    resolved["contract"] = _merge(name, "contract", resolved["contract"], _inventory.CONTRACT)
    resolved["contract"]["text_search_config"] = _resolve_text_search(name, resolved["contract"]["text_search_config"])
    resolved["contract"]["admin_path"] = resolved["contract"]["admin_path"] or ""  # null and '': the project has no admin
    resolved["cache_server"] = _resolve_cache_server(name, resolved)
    resolved["cache_here"] = resolved["cache"] == "redis" and not resolved["cache_server"]
    resolved["processes"] = _resolve_processes(name, resolved["processes"])
    resolved["rate_limits"] = _resolve_rate_limits(name, resolved["rate_limits"])
    resolved["wsgi"] = resolved["wsgi"] or resolved["settings_module"].split(".")[0] + ".wsgi:application"
    return resolved


def resolve_apps(apps: Any) -> list[dict[str, Any]]:
    """All apps of a host in their order, defaults filled in."""
    if not isinstance(apps, Mapping) or not apps:
        raise ChecklistError("prodready_apps must map at least one app's name to its options; see docs/inventory.md")
    resolved = [resolve_app(str(name), app) for name, app in apps.items()]
    owners: dict[str, str] = {}
    for app in resolved:
        for domain in app["domains"]:
            if domain in owners:
                raise _mistake(app["name"], f"domain '{domain}' belongs to {owners[domain]} already")
            owners[domain] = app["name"]
    return resolved


#: What a host with these apps is planned to report: owner, kind of subject, and whether there is one per app (of those that use it).
_PLAN = (
    ("host", "host", None),
    ("certificate", "certificate", "app"),
    ("certificate", "certificate", "server"),
    ("postgresql", "cluster", "main"),
    ("postgresql", "database", "app"),
    ("pgbouncer", "pooler", "pooled"),
    ("redis", "cache", "cached"),
    ("gunicorn", "service", "app"),
    ("django_app", "app", "app"),
    ("nginx", "nginx", "nginx"),
    ("nginx", "site", "app"),
)


def plan_host(host: str, apps: Any) -> list[dict[str, str]]:
    """What should report on a host, so that a role that silently did not run is seen."""
    resolved = resolve_apps(apps)
    names = {
        "app": [app["name"] for app in resolved],
        "pooled": [app["name"] for app in resolved if app["pooling"]],
        "server": ["postgresql"] + (["pgbouncer"] if any(app["pooling"] for app in resolved) else []),
        "cached": [app["name"] for app in resolved if app["cache_here"]],
    }
    plan = []
    for owner, kind, instance in _PLAN:
        instances = names.get(instance or "", [instance or host])
        plan += [{"host": host, "owner": owner, "subject": kind, "instance": one} for one in instances]
    return plan
