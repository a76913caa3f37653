"""One id for everything that happens on behalf of one request."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

_SANE = re.compile(r"[A-Za-z0-9-]{1,64}")

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)


def choose_request_id(offered: str | None) -> str:
    """The proxy's id if it is a plain short token, otherwise a new one: it ends in logs and a header."""
    if offered and _SANE.fullmatch(offered):
        return offered
    return uuid.uuid4().hex
