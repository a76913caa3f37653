from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ops.logs import without_tokens
from ops.request_ids import choose_request_id, current_request_id

GetResponse = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger("newsroom.request")


class RequestIdMiddleware:
    """Outermost, so that every line logged for a request carries its id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = choose_request_id(request.headers.get("X-Request-ID"))
        token = current_request_id.set(request.request_id)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-ID"] = request.request_id
        return response


class RequestLogMiddleware:
    """One line for each request: what was asked, by whom, how it ended and how long it took."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        response = self.get_response(request)
        # The path without its query string: search words and reset tokens are nobody's business.
        path = without_tokens(request.path)
        quiet = request.path.startswith("/health/") and response.status_code < 500
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "%s %s %s",
            request.method,
            path,
            response.status_code,
            extra={
                "method": request.method,
                "path": path,
                "status": response.status_code,
                "duration_ms": round((time.monotonic() - started) * 1000, 1),
                # Only if the view has looked: logging must not cause a query of its own.
                "user_id": getattr(getattr(request, "_cached_user", None), "pk", None),
            },
        )
        return response


class BrowserPolicyMiddleware:
    """Content-Security-Policy and Permissions-Policy, which Django 5.2 has no setting for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.content = "; ".join(f"{name} {value}" for name, value in settings.CONTENT_SECURITY_POLICY.items())
        self.permissions = ", ".join(f"{name}={value}" for name, value in settings.PERMISSIONS_POLICY.items())

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not (settings.DEBUG and response.status_code >= 400):  # Django's debug pages style themselves inline
            response.headers.setdefault("Content-Security-Policy", self.content)
        response.headers.setdefault("Permissions-Policy", self.permissions)
        return response
