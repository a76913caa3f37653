from __future__ import annotations

from datetime import UTC, datetime

import django_filters as filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField

from articles.models import Article


class MomentField(IsoDateTimeField):
    """A time in UTC: PostgreSQL knows fewer time zones than ISO 8601 can write."""

    def to_python(self, value: object) -> datetime | None:
        try:
            moment = super().to_python(value)
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(filters.IsoDateTimeFilter):
    field_class = MomentField


class Ordering(filters.OrderingFilter):
    """Equal ones have an order too: without it, what stands on one page might stand on the next again."""

    def filter(self, articles: QuerySet[Article], value: list[str] | None) -> QuerySet[Article]:
        ordered = super().filter(articles, value)
        return ordered.order_by(*ordered.query.order_by, "-pk") if value else ordered


class ArticleFilter(filters.FilterSet):
    search = filters.CharFilter(method="find", max_length=200, label="Words to find; best matches first, unless `ordering` says otherwise.")
    section = filters.CharFilter(field_name="section__slug", label="Slug of a section.")
    tag = filters.CharFilter(field_name="tags__slug", label="Slug of a tag.")
    author = filters.CharFilter(field_name="author__username", label="Username of the author.")
    status = filters.ChoiceFilter(choices=Article.Status, label="Of one's own and, for editors, of everybody's articles.")
    published_after = MomentFilter(field_name="published_at", lookup_expr="gte", label="Published at this time or later.")
    published_before = MomentFilter(field_name="published_at", lookup_expr="lt", label="Published before this time.")
    ordering = Ordering(fields=["published_at", "updated_at", "title"])

    class Meta:
        model = Article
        fields: list[str] = []

    def find(self, articles: QuerySet[Article], name: str, words: str) -> QuerySet[Article]:
        return articles.search(words, headlines=False)
