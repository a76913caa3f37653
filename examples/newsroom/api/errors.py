from __future__ import annotations

from typing import Any

from django.db import IntegrityError
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback


def answer(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The framework's answers, and 409 for two who wanted the same name at the same moment."""
    if isinstance(exc, IntegrityError):
        set_rollback()
        return Response({"detail": "Somebody else was faster: this is taken now."}, status=status.HTTP_409_CONFLICT)
    return exception_handler(exc, context)
