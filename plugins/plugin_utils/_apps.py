# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user's `prodready_apps`: what may stand in it, and every default said once. PRIVATE to the collection."""

from __future__ import annotations

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
    "hot_queries": [],
    "text_search_config": None,
}

#: key → (type, default); None as default of a required key.
_APP_KEYS: dict[str, tuple[type, Any]] = {
    "domains": (list, None),
    "source": (dict, None),
    "settings_module": (str, None),
    "wsgi": (str, ""),
    "environment": (dict, {}),
    "requirements": (str, "auto"),
    "commands": (list, []),
    "certificate": (dict, {"provider": "own_ca"}),
    "hsts_max_age": (int, 63072000),
    "client_max_body_size_mb": (int, 10),
    "static_url": (str, "/static/"),
    "media_url": (str, "/media/"),
    "workers": (int, 0),
    "threads": (int, 2),
    "worker_memory_mb": (int, 200),
    "database_extensions": (list, []),
    "contract": (dict, {}),
}
_REQUIRED = ("domains", "source", "settings_module")


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


def resolve_app(name: str, app: Any) -> dict[str, Any]:
    """One app with its defaults filled in, or a sentence that says what is wrong and where."""
    if not _NAME.match(name):
        raise _mistake(name, "an app's name starts with a letter and has up to 31 lower case letters, digits and _")
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
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _mistake(name, f"{key} must be a {kind.__name__}, found {value!r}")
        resolved[key] = value
    _validate_domains(name, resolved["domains"])
    unknown = set(resolved["contract"]) - set(CONTRACT_DEFAULTS)
    if unknown:
        raise _mistake(name, f"contract has the unknown key '{sorted(unknown)[0]}'; known are {', '.join(CONTRACT_DEFAULTS)}")
    resolved["contract"] = {**CONTRACT_DEFAULTS, **resolved["contract"]}
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


#: What a host with these apps is planned to report: owner, kind of subject, and whether there is one per app.
_PLAN = (
    ("host", "host", None),
    ("certificate", "certificate", "app"),
    ("postgresql", "cluster", "main"),
    ("postgresql", "database", "app"),
    ("gunicorn", "service", "app"),
    ("django_app", "app", "app"),
    ("nginx", "nginx", "nginx"),
    ("nginx", "site", "app"),
)


def plan_host(host: str, apps: Any) -> list[dict[str, str]]:
    """What should report on a host, so that a role that silently did not run is seen."""
    plan = []
    for owner, kind, instance in _PLAN:
        instances = [app["name"] for app in resolve_apps(apps)] if instance == "app" else [instance or host]
        plan += [{"host": host, "owner": owner, "subject": kind, "instance": one} for one in instances]
    return plan


def certificates(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What role certificate keeps: one per app, as its `certificate` says."""
    return [{"name": app["name"], "domains": app["domains"], **app["certificate"]} for app in apps]


def sites(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What role nginx serves: one site per app."""
    return [
        {
            "name": app["name"],
            "domains": app["domains"],
            "certificate": app["name"],
            "upstream_socket": f"/run/{app['name']}/gunicorn.sock",
            "static_root": f"/srv/{app['name']}/current/static",
            "static_url": app["static_url"],
            "media_root": f"/srv/{app['name']}/media",
            "media_url": app["media_url"],
            "client_max_body_size": f"{app['client_max_body_size_mb']}m",
            "hsts_max_age": app["hsts_max_age"],
            "home_path": app["contract"]["home_path"],
            "redirect_paths": [app["contract"]["admin_path"]],
            "pages": [app["contract"]["home_path"], app["contract"]["login_path"] or app["contract"]["admin_path"].rstrip("/") + "/login/"],
        }
        for app in apps
    ]


def app_secrets(secrets: Any, app: str) -> dict[str, Any]:
    """The secrets of one app as far as they are there; what is missing is said by the role that needs it."""
    mine = secrets.get(app) if isinstance(secrets, Mapping) else None
    return dict(mine) if isinstance(mine, Mapping) else {}


def databases(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What role postgresql provides and its verify looks at: one database per app, without passwords."""
    return [
        {
            "name": app["name"],
            "owner": f"{app['name']}_owner",
            "app_role": f"{app['name']}_app",
            "extensions": app["database_extensions"],
            "hot_queries": app["contract"]["hot_queries"],
            **({"text_search_config": app["contract"]["text_search_config"]} if app["contract"]["text_search_config"] else {}),
        }
        for app in apps
    ]


def databases_with_passwords(apps: list[dict[str, Any]], secrets: Any) -> list[dict[str, Any]]:
    """The same with the passwords, for provisioning only."""
    return [
        {
            **{key: value for key, value in database.items() if key != "hot_queries"},
            "owner_password": app_secrets(secrets, database["name"]).get("database_owner_password") or "",
            "app_password": app_secrets(secrets, database["name"]).get("database_app_password") or "",
        }
        for database in databases(apps)
    ]
