from __future__ import annotations

import logging

from django.core.cache import cache, caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ops.caches import AWAY

log = logging.getLogger(__name__)


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else: a restart does not mend a database."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """The site can serve: its migrated database answers, and so does the cache."""
    checks = {"database": _answers("database", _ask_database)}
    # A cache in the same database: asking it too would only wait for the same time-out twice.
    hopeless = checks["database"] != "ok" and isinstance(caches["default"], BaseDatabaseCache)
    checks["cache"] = "unknown" if hopeless else _answers("cache", _ask_cache)
    healthy = all(state == "ok" for state in checks.values())
    return JsonResponse({"status": "ok" if healthy else "unavailable", "checks": checks}, status=200 if healthy else 503)


def _answers(name: str, ask) -> str:
    try:
        ask()
    except AWAY as error:
        # Details go to the log; a stranger who asks learns only that it is not so.
        log.error("readiness: the %s does not answer: %s", name, error)
        return "error"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
        if cursor.fetchone() is None:
            raise DatabaseError("no migration has been applied")


def _ask_cache() -> None:
    # Pages forgive a cache that is away; operators want to know.
    getattr(cache, "ask", lambda: cache.get("readiness"))()
