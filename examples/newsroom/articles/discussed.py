"""The "most discussed" list: the one aggregate on busy pages, so the one thing kept in the cache."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from articles.models import Article

KEY = "articles:most-discussed"
SECONDS = 300


def most_discussed() -> list[dict[str, object]]:
    found = cache.get(KEY)
    if found is None:
        since = timezone.now() - timedelta(days=30)
        found = list(
            Article.objects.published()
            .filter(published_at__gte=since)
            .annotate(voices=Count("comments", filter=Q(comments__is_visible=True)))
            .filter(voices__gt=0)
            .order_by("-voices", "-published_at")
            .values("title", "slug", "voices", "section__name")[:5]
        )
        cache.set(KEY, found, SECONDS)
    return found


def forget() -> None:
    cache.delete(KEY)
