"""The "most discussed" list: the one aggregate on busy pages, kept in the cache until what the paper shows changes."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from articles import kept
from articles.models import Article

SECONDS = 300


def most_discussed() -> list[dict[str, object]]:
    # The version is read before the list is made: who makes it during a change keeps it where nobody looks.
    key = f"articles:most-discussed:{kept.version()}"
    found = cache.get(key)
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
        cache.set(key, found, SECONDS)
    return found
