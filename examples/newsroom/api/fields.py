from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_slug
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from articles.covers import reencode


@extend_schema_field(OpenApiTypes.STR)
class SlugField(serializers.SlugRelatedField):
    """A related object by its slug. What is no slug is refused before the database, which cannot be asked for every text, sees it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="slug", **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            validate_slug(data if isinstance(data, str) else "")
        except DjangoValidationError:
            self.fail("does_not_exist", slug_name="slug", value=str(data)[:80])
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.BINARY)
class CoverField(serializers.FileField):
    """A picture, made anew from its pixels."""

    def to_internal_value(self, data: Any) -> Any:
        upload = super().to_internal_value(data)
        try:
            return reencode(upload)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
