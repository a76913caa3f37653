"""Logs as JSON lines, with the standard library alone."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone

from ops.request_ids import current_request_id

# What a caller may add with `extra=`; anything else (a request object, a form) stays out of the log.
EXTRA_FIELDS = ("method", "path", "status", "duration_ms", "user_id", "status_code")

_RESET = re.compile(r"(/password/reset/)[^/\s\"']+/[^/\s\"']+")


def without_tokens(text: str) -> str:
    """Whoever reads the address of a password reset may use it: its parts go by their names."""
    return _RESET.sub(r"\1uidb64/token", text)


class RequestIdFilter(logging.Filter):
    """Stamp each record where it is made; a formatter may run later, in another context."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id.get()
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", None),
        }
        line.update((field, getattr(record, field)) for field in EXTRA_FIELDS if hasattr(record, field))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        line = {field: without_tokens(value) if isinstance(value, str) else value for field, value in line.items()}
        return json.dumps(line, default=str, ensure_ascii=True)
