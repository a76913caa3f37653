from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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
    # The cache lives in the same database: asking it too would only wait for the same time-out twice.
    checks["cache"] = _answers("cache", _ask_cache) if checks["database"] == "ok" else "unknown"
    healthy = all(state == "ok" for state in checks.values())
    return JsonResponse({"status": "ok" if healthy else "unavailable", "checks": checks}, status=200 if healthy else 503)


def _answers(name: str, ask) -> str:
    try:
        ask()
    except (DatabaseError, InterfaceError) as error:
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
    cache.get("readiness")
