from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import AllowAny


class ErrorSerializer(serializers.Serializer):
    """Why it was not done."""

    detail = serializers.CharField()
    code = serializers.CharField(required=False)


class Schema(AutoSchema):
    """Every operation, with every status it may answer."""

    TEXTS = {
        "400": "A field is wrong: its name, with what is wrong about it. Or the request as a whole is malformed.",
        "401": "No token, or one that is forged, expired, revoked or used already.",
        "403": "The account may not do this.",
        "404": "There is nothing at this address for this account.",
        "409": "Somebody else took this name at the same moment.",
        "415": "The body is neither JSON nor a form.",
        "429": "Too often; `Retry-After` says when again.",
    }

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        for status in self._errors():
            schema: dict[str, Any] = self.resolve_serializer(ErrorSerializer, "response").ref
            if status == "400":
                schema = {"type": "object", "additionalProperties": {}, "description": self.TEXTS["400"]}
            answer = {"content": {"application/json": {"schema": schema}}, "description": self.TEXTS[status]}
            if status == "429":
                answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
            operation["responses"].setdefault(status, answer)
        return operation

    def _errors(self) -> list[str]:
        takes_body = self.method in {"POST", "PUT", "PATCH"} and getattr(self.view, "action", "") not in {"hide", "show"}
        found = ["401", "429"]
        if self.method != "GET" and not any(isinstance(one, AllowAny) for one in self.view.get_permissions()):
            found.append("403")
        if takes_body:
            found += ["400", "409", "415"]
        if self._is_list_view() and getattr(self.view, "filterset_class", None):
            found.append("400")
        if "{" in self.path or (self._is_list_view() and getattr(self.view, "pagination_class", None)):
            found.append("404")
        return found
