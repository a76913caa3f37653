"""Errors to Sentry (or what speaks its protocol), when a DSN is given; without one nothing is imported."""

from __future__ import annotations

from typing import Any

from ops.logs import without_tokens


def start(dsn: str, *, environment: str, release: str, traces: float) -> None:
    if not dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release or None,
        traces_sample_rate=traces,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=without_persons,
        before_send_transaction=without_persons,
    )


def without_persons(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """Who asked, with which cookies, tokens and words, is nobody's business there either."""
    request = event.get("request")
    if isinstance(request, dict):
        for part in ("cookies", "data", "env", "query_string"):
            request.pop(part, None)
        kept = {"Host", "User-Agent", "X-Request-Id", "X-Request-ID"}
        request["headers"] = {name: value for name, value in dict(request.get("headers") or {}).items() if name in kept}
    event.pop("user", None)
    event.pop("breadcrumbs", None)  # they hold queries with their parameters, and messages of logs
    event.pop("extra", None)  # and this the words of a command line
    return _without_tokens(event)


def _without_tokens(value: Any) -> Any:
    if isinstance(value, str):
        return without_tokens(value)
    if isinstance(value, dict):
        return {key: _without_tokens(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_tokens(part) for part in value]
    return value
