# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resolved apps become the options of each role: every value of the user's is written once. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._gunicorn_size import LEAST_WORKERS, threads, workers_by_cores

#: Where PostgreSQL and the pooler are, unless postgresql_port and pgbouncer_port say otherwise.
SERVER_PORT = 5432
POOLER_PORT = 6432


def count_workers(apps: list[dict[str, Any]], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The apps with their workers counted: twice the cores plus one (gunicorn's documentation), as far as half of the memory holds them.

    What is fixed (`workers` of an app, extra processes) is taken from that half first; the other apps share the rest. Two workers are the least.
    """
    cores, half = int(facts["processor_nproc"]), _half(facts)
    fixed = sum(app["workers"] * app["worker_memory_mb"] + _process_memory(app) for app in apps)
    open_ones = [app for app in apps if not app["workers"]]
    share = max(0, half - fixed) // max(1, len(open_ones))
    counted = [
        {**app, "workers": app["workers"] or max(LEAST_WORKERS, min(workers_by_cores(cores), share // max(1, app["worker_memory_mb"])))}
        for app in apps
    ]
    return [{**app, "threads": app["threads"] or threads(cores, app["workers"])} for app in counted]


def _half(facts: Mapping[str, Any]) -> int:
    return int(facts["memtotal_mb"]) // 2


def memory_problem(apps: list[dict[str, Any]], facts: Mapping[str, Any], budget_mb: Any = 0) -> str:
    """Why the apps together need more memory than they may plan with, and what to change; nothing where they fit. Workers are counted."""
    half, budget = _half(facts), int(budget_mb or 0)
    needs = {app["name"]: (app["workers"] * app["worker_memory_mb"], _process_memory(app)) for app in apps}
    needed = sum(workers + processes for workers, processes in needs.values())
    if needed <= max(half, budget):
        return ""
    parts = [
        f"{app['name']} {sum(needs[app['name']])} MB ({app['workers']} workers of {app['worker_memory_mb']} MB"
        + (f", {needs[app['name']][1]} MB of extra processes)" if needs[app["name"]][1] else ")")
        for app in apps
    ]
    return (
        f"found {needed} MB for the apps of this host together: {', '.join(parts)}; expected at most {max(half, budget)} MB "
        f"({'gunicorn_memory_budget_mb' if budget > half else 'half of the host, the rest is for PostgreSQL, the cache and the system'}). "
        "Give the host more memory, move an app to another host, lower workers, worker_memory_mb or memory_mb of processes in prodready_apps, "
        "or raise gunicorn_memory_budget_mb."
    )


def _process_memory(app: Mapping[str, Any]) -> int:
    return sum(process["instances"] * process["memory_mb"] for process in app["processes"].values())


def needed_connections(app: Mapping[str, Any]) -> int:
    """How many connections the app can want at the same time: one for each thread of each worker, and those of its extra processes."""
    return app["workers"] * app["threads"] + sum(process["instances"] * process["connections"] for process in app["processes"].values())


def pools(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What role pgbouncer gives out: one pool per app that asks for one, as large as the app can need. Sizes once workers are counted."""
    return [
        {
            "name": app["name"],
            "user": f"{app['name']}_app",
            **({"size": app["pool_size"] or needed_connections(app), "needed": needed_connections(app)} if app["workers"] else {}),
        }
        for app in apps
        if app["pooling"]
    ]


def server_connections(apps: list[dict[str, Any]], reserve: int | str = 0) -> int:
    """How many connections all apps together can hold in PostgreSQL, through their pools, each with its reserve, or without."""
    return sum(pool["size"] + int(reserve) for pool in pools(apps)) + sum(needed_connections(app) for app in apps if not app["pooling"])


def app_database(app: Mapping[str, Any], server_port: int | str = SERVER_PORT, pooler_port: int | str = POOLER_PORT) -> dict[str, Any]:
    """How role django_app reaches the app's database: the owner directly, the app through its pool."""
    return {"name": app["name"], "port": int(server_port), "pooler_port": int(pooler_port) if app["pooling"] else 0}


def redis_users(apps: list[dict[str, Any]], secrets: Any = None) -> list[dict[str, Any]]:
    """Who may use this host's Redis: one user per app, with nothing but the app's own keys. Passwords for provisioning only."""
    return [
        {
            "name": app["name"],
            "keys": [f"{app['name']}:*"],
            **({} if secrets is None else {"password": app_secrets(secrets, app["name"]).get("redis_password") or ""}),
        }
        for app in apps
        if app["cache_here"]
    ]


def certificates(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What role certificate keeps: one per app, as its `certificate` says."""
    return [{"name": app["name"], "domains": app["domains"], **app["certificate"]} for app in apps]


def server_certificates(
    apps: list[dict[str, Any]], server_port: int | str = SERVER_PORT, pooler_port: int | str = POOLER_PORT
) -> list[dict[str, Any]]:
    """The certificates by which every client knows PostgreSQL and, where an app has a pool, the pooler."""
    ports = {"postgresql": server_port, **({"pgbouncer": pooler_port} if any(app["pooling"] for app in apps) else {})}
    # By address too, as clients of a server that was there before may ask for it.
    common = {"domains": ["localhost", "127.0.0.1", "::1"], "provider": "own_ca", "protocol": "postgresql"}
    return [{"name": name, "port": int(port), **common} for name, port in ports.items()]


def _admin_login(app: Mapping[str, Any]) -> str:
    """Where one logs in to the admin; nothing where there is none."""
    path = app["contract"]["admin_path"]
    return path.rstrip("/") + "/login/" if path else ""


def _rate_limits(app: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Log-ins by form and by token are limited where they are sent, the API as a whole."""
    limits, contract = app["rate_limits"], app["contract"]
    logins = [path for path in (contract["login_path"], _admin_login(app), contract["jwt_obtain_path"]) if path]
    found = []
    if logins:
        found.append({"name": "login", "paths": logins, "methods": ["POST"], "rate": limits["login"], "burst": limits["login_burst"]})
    if contract["api_path"]:
        found.append({"name": "api", "paths": [contract["api_path"]], "methods": [], "rate": limits["api"], "burst": limits["api_burst"]})
    return [limit for limit in found if limit["rate"]]


def _site_timeouts(timeout: int) -> dict[str, int]:
    """nginx waits until gunicorn has ended what takes too long and half a minute more; left to the role's defaults where it is not known."""
    return {"upstream_timeout": timeout, "proxy_read_timeout": max(60, timeout + 30)} if timeout else {}


def sites(apps: list[dict[str, Any]], timeout: Any = 0) -> list[dict[str, Any]]:
    """What role nginx serves: one site per app. `timeout` is gunicorn's."""
    return [
        {
            "name": app["name"],
            "domains": app["domains"],
            "certificate": app["name"],
            "upstream_socket": f"/run/{app['name']}/gunicorn.sock",
            "static_root": f"/srv/{app['name']}/current/static",
            "static_previous_root": f"/srv/{app['name']}/previous/static",
            "static_url": app["static_url"],
            "media_root": f"/srv/{app['name']}/media",
            "media_url": app["media_url"],
            "client_max_body_size": f"{app['client_max_body_size_mb']}m",
            **_site_timeouts(int(timeout or 0)),
            **{key: app[key] for key in ("hsts_max_age", "hsts_include_subdomains", "hsts_preload")},
            "canonical_host": app["canonical_host"],
            "rate_limits": _rate_limits(app),
            "admin_path": app["contract"]["admin_path"] or "",
            "admin_allow": app["admin_allow"],
            "maintenance_allow": app["maintenance_allow"],
            "maintenance_open_paths": [path for path in (app["contract"]["liveness_path"], app["contract"]["readiness_path"]) if path],
            "home_path": app["contract"]["home_path"],
            "redirect_paths": [path for path in (app["contract"]["admin_path"],) if path],
            "pages": [path for path in (app["contract"]["home_path"], app["contract"]["login_path"] or _admin_login(app)) if path],
        }
        for app in apps
    ]


def app_secrets(secrets: Any, app: str) -> dict[str, Any]:
    """The secrets of one app as far as they are there; what is missing is said by the role that needs it."""
    mine = secrets.get(app) if isinstance(secrets, Mapping) else None
    return dict(mine) if isinstance(mine, Mapping) else {}


def _connections(app: Mapping[str, Any], reserve: int) -> dict[str, int]:
    """What the app's role may hold, two above what it can need, so that a look at it does not fail. Known once workers are counted."""
    if not app["workers"]:
        return {}
    held = (app["pool_size"] or needed_connections(app)) + reserve if app["pooling"] else needed_connections(app)
    return {"connection_limit": held + 2, "pool_size": held if app["pooling"] else 0}


def _text_search(declared: Any) -> dict[str, Any]:
    """A configuration that PostgreSQL ships, or one of the project's own; nothing where the project does not search."""
    return {"text_search" if isinstance(declared, Mapping) else "text_search_config": declared} if declared else {}


def databases(apps: list[dict[str, Any]], reserve: int | str = 0) -> list[dict[str, Any]]:
    """What role postgresql provides and its verify looks at: one database per app, without passwords. A pool may hold its reserve, too."""
    return [
        {
            "name": app["name"],
            "owner": f"{app['name']}_owner",
            "app_role": f"{app['name']}_app",
            "extensions": app["database_extensions"],
            **_connections(app, int(reserve)),
            "hot_queries": app["contract"]["hot_queries"],
            **_text_search(app["contract"]["text_search_config"]),
        }
        for app in apps
    ]


def databases_with_passwords(apps: list[dict[str, Any]], secrets: Any, reserve: int | str = 0) -> list[dict[str, Any]]:
    """The same with the passwords, for provisioning only."""
    return [
        {
            **{key: value for key, value in database.items() if key != "hot_queries"},
            "owner_password": app_secrets(secrets, database["name"]).get("database_owner_password") or "",
            "app_password": app_secrets(secrets, database["name"]).get("database_app_password") or "",
        }
        for database in databases(apps, reserve)
    ]
