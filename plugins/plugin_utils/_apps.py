# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user's `prodready_apps`: what may stand in it, and every default said once. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ._verdict import ChecklistError

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")

#: What a probe has to know of an app; works for any Django project.
CONTRACT_DEFAULTS: dict[str, Any] = {
    "home_path": "/",
    "liveness_path": None,
    "readiness_path": None,
    "login_path": None,
    "admin_path": "/admin/",
    "cors_origins": [],
    "cors_path": None,
    "jwt_path": None,
    "jwt_obtain_path": None,
    "api_path": None,
    "hot_queries": [],
    "text_search_config": None,
}

#: key → (type, default); None as default of a required key.
_APP_KEYS: dict[str, tuple[type, Any]] = {
    "domains": (list, None),
    "source": (dict, None),
    "settings_module": (str, None),
    "wsgi": (str, ""),
    "asgi": (str, ""),
    "settings_overlay": (str, "auto"),
    "environment": (dict, {}),
    "requirements": (str, "auto"),
    "require_hashes": (bool, True),
    "silenced_checks": (dict, {}),
    "commands": (list, []),
    "certificate": (dict, {"provider": "own_ca"}),
    "hsts_max_age": (int, 63072000),
    "hsts_include_subdomains": (bool, False),
    "hsts_preload": (bool, False),
    "client_max_body_size_mb": (int, 10),
    "static_url": (str, "/static/"),
    "media_url": (str, "/media/"),
    "workers": (int, 0),
    "threads": (int, 2),
    "worker_memory_mb": (int, 200),
    "processes": (dict, {}),
    "outbound": (list, ["localhost"]),
    "pooling": (bool, True),
    "pool_size": (int, 0),
    "cache": (str, "database"),
    "database_extensions": (list, []),
    "canonical_host": (bool, True),
    "rate_limits": (dict, {}),
    "admin_allow": (list, []),
    "maintenance_allow": (list, ["127.0.0.1/32", "::1/128"]),
    "contract": (dict, {}),
}
#: What the host keeps below /etc/prodready and /var/lib/prodready beside the apps.
_TAKEN = ("acme", "ca", "certificates", "maintenance", "pgbouncer", "postgresql", "redis", "tls")
_REQUIRED = ("domains", "source", "settings_module")
_CHOICES = {"settings_overlay": ("auto", "always", "never"), "cache": ("database", "redis", "none")}

#: What one extra process needs; the role gunicorn says what each means.
PROCESS_DEFAULTS: dict[str, Any] = {
    "command": [],
    "instances": 1,
    "singleton": False,
    "memory_mb": 200,
    "connections": 1,
    "stop_seconds": 60,
    "schedule": "",
}

#: Requests of one address: log-ins (OWASP ASVS 2.2.1 asks for a limit against guessing), and calls of the API.
RATE_LIMIT_DEFAULTS: dict[str, Any] = {"login": "10r/m", "login_burst": 10, "api": "20r/s", "api_burst": 40}
_RATE = re.compile(r"^[1-9][0-9]{0,5}r/[sm]$")
#: The largest burst that a verification can go through and see the limit behind it.
MOST_BURST = 500

#: The least of each number, and what else it may be.
_LEAST: dict[str, tuple[int, str]] = {
    "workers": (0, "; 0 works it out from cores and memory"),
    "threads": (0, "; 0 works it out from cores and workers"),
    "pool_size": (0, "; 0 is as many connections as the app can need"),
    "worker_memory_mb": (1, ""),
    "hsts_max_age": (0, ""),
    "client_max_body_size_mb": (1, ""),
}
_LEAST_OF_PROCESS = {"instances": 1, "memory_mb": 1, "connections": 0, "stop_seconds": 1}

#: What browsers ask of a site before they put it on their list for good (hstspreload.org).
PRELOAD_MAX_AGE = 31536000


#: The text search configurations that some supported PostgreSQL ships; whether the server at hand does, it says itself.
_SHIPPED = """
arabic armenian basque catalan danish dutch english estonian finnish french german greek hindi hungarian indonesian irish italian lithuanian
nepali norwegian portuguese romanian russian serbian simple spanish swedish tamil turkish yiddish
"""
_TEXT_SEARCH = frozenset(_SHIPPED.split())
_TEXT_SEARCH_KEYS: dict[str, Any] = {"config": "", "copy": "", "unaccent": False}


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


def _merge(name: str, key: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The user's part of a mapping over its defaults; a key that nobody knows is a mistake."""
    for word, value in given.items():
        if word not in defaults:
            raise _mistake(name, f"{key} has the unknown key '{word}'; known are {', '.join(defaults)}")
        default = defaults[word]
        if default is not None and (not isinstance(value, type(default)) or isinstance(value, bool) != isinstance(default, bool)):
            raise _mistake(name, f"{key}.{word} must be a {type(default).__name__}, found {value!r}")
    return {**defaults, **given}


def _resolve_processes(name: str, processes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    resolved = {}
    for process, options in processes.items():
        if not _NAME.match(str(process)):
            raise _mistake(name, f"processes holds '{process}'; a name starts with a letter and has up to 31 lower case letters, digits and _")
        if not isinstance(options, Mapping):
            raise _mistake(name, f"processes.{process}: a mapping is expected, found {options!r}")
        resolved[str(process)] = _merge(name, f"processes.{process}", options, PROCESS_DEFAULTS)
        if not resolved[str(process)]["command"]:
            raise _mistake(name, f"processes.{process}.command is missing; the words to start the process are expected")
        for key, least in _LEAST_OF_PROCESS.items():
            if resolved[str(process)][key] < least:
                raise _mistake(name, f"processes.{process}.{key} is {resolved[str(process)][key]}; at least {least} is expected")
    return resolved


def _resolve_rate_limits(name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    resolved = _merge(name, "rate_limits", limits, RATE_LIMIT_DEFAULTS)
    for key in ("login", "api"):
        if resolved[key] and not _RATE.match(resolved[key]):
            raise _mistake(
                name, f"rate_limits.{key} is '{resolved[key]}'; requests per second or minute such as 20r/s or 10r/m are expected, or '' for none"
            )
        if not 0 <= resolved[f"{key}_burst"] <= MOST_BURST:
            raise _mistake(
                name,
                f"rate_limits.{key}_burst is {resolved[f'{key}_burst']}; 0 to {MOST_BURST} requests are expected, "
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
    if not isinstance(declared, Mapping):
        raise _mistake(name, f"{key} must be a name or a mapping, found {declared!r}")
    own = _merge(name, key, declared, _TEXT_SEARCH_KEYS)
    if not _NAME.match(own["config"]) or own["config"] in _TEXT_SEARCH:
        raise _mistake(name, f"{key}.config is '{own['config']}'; a name of your own in lower case letters, digits and _ is expected")
    if own["copy"] not in _TEXT_SEARCH:
        raise _mistake(name, f"{key}.copy is '{own['copy']}'; a configuration that PostgreSQL ships is expected, such as english")
    return own


def _validate_networks(name: str, key: str, networks: list[Any]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(str(network), strict=True)
        except ValueError as error:
            raise _mistake(
                name, f"{key} holds '{network}' ({error}); an address or network such as 203.0.113.7/32 or 2001:db8::/32 is expected"
            ) from error


def _validate_numbers(name: str, app: Mapping[str, Any]) -> None:
    for key, (least, rest) in _LEAST.items():
        if app[key] < least:
            raise _mistake(name, f"{key} is {app[key]}; at least {least} is expected{rest}")


def _validate_hsts(name: str, app: Mapping[str, Any]) -> None:
    """A site comes off the browsers' list within months, so what they ask for is asked for here."""
    if app["hsts_preload"] and not (app["hsts_include_subdomains"] and app["hsts_max_age"] >= PRELOAD_MAX_AGE):
        raise _mistake(
            name,
            f"hsts_preload is set with hsts_include_subdomains {str(app['hsts_include_subdomains']).lower()} and hsts_max_age "
            f"{app['hsts_max_age']}; browsers preload a site with true and at least {PRELOAD_MAX_AGE}. Change them, or leave hsts_preload out",
        )


def resolve_app(name: str, app: Any) -> dict[str, Any]:
    """One app with its defaults filled in, or a sentence that says what is wrong and where."""
    if not _NAME.match(name):
        raise _mistake(name, "an app's name starts with a letter and has up to 31 lower case letters, digits and _")
    if name in _TAKEN:
        raise _mistake(name, "the name is taken by what the host keeps beside the apps; choose another")
    if not isinstance(app, Mapping):
        raise _mistake(name, f"a mapping is expected, found {app!r}")
    for key in app:
        if key not in _APP_KEYS:
            raise _mistake(name, f"unknown key '{key}'; known are {', '.join(_APP_KEYS)}")
    for key in _REQUIRED:
        if not app.get(key):
            raise _mistake(name, f"{key} is missing")
    resolved: dict[str, Any] = {"name": name}
    for key, (kind, default) in _APP_KEYS.items():
        value = app.get(key, default)
        if value is None:
            value = default
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise _mistake(name, f"{key} must be a {kind.__name__}, found {value!r}")
        resolved[key] = value
    _validate_domains(name, resolved["domains"])
    for key, choices in _CHOICES.items():
        if resolved[key] not in choices:
            raise _mistake(name, f"{key} is '{resolved[key]}'; one of {', '.join(choices)} is expected")
    for key in ("admin_allow", "maintenance_allow"):
        _validate_networks(name, key, resolved[key])
    if resolved["wsgi"] and resolved["asgi"]:
        raise _mistake(name, "wsgi and asgi are both set; one of them serves the project. Remove the other")
    if resolved["asgi"] and not resolved["pooling"]:
        raise _mistake(
            name,
            "asgi is set and pooling is false; an ASGI worker takes any number of requests at once, each with a connection of its own, and "
            "nothing but a pool keeps them below the limit of the app's database role. Set pooling to true, or serve the app by wsgi",
        )
    _validate_numbers(name, resolved)
    _validate_hsts(name, resolved)
    unknown = set(resolved["contract"]) - set(CONTRACT_DEFAULTS)
    if unknown:
        raise _mistake(name, f"contract has the unknown key '{sorted(unknown)[0]}'; known are {', '.join(CONTRACT_DEFAULTS)}")
    resolved["contract"] = {**CONTRACT_DEFAULTS, **resolved["contract"]}
    resolved["contract"]["text_search_config"] = _resolve_text_search(name, resolved["contract"]["text_search_config"])
    resolved["contract"]["admin_path"] = resolved["contract"]["admin_path"] or ""  # null and '': the project has no admin
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
        "cached": [app["name"] for app in resolved if app["cache"] == "redis"],
    }
    plan = []
    for owner, kind, instance in _PLAN:
        instances = names.get(instance or "", [instance or host])
        plan += [{"host": host, "owner": owner, "subject": kind, "instance": one} for one in instances]
    return plan
