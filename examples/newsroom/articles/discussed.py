"""The "most discussed" list: the one aggregate on busy pages, kept in the cache until what the paper shows changes."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from articles import kept
from articles.models import Article

KEY = "articles:most-discussed"
SECONDS = 300


def most_discussed() -> list[dict[str, object]]:
    # The version is read before the list is made: what is made during a change is of a version that nobody asks for.
    known = cache.get_many([kept.VERSION, KEY])
    version = known.get(kept.VERSION) or kept.version()
    made_for, found = known.get(KEY, (None, []))
    if made_for != version:
        since = timezone.now() - timedelta(days=30)
        found = list(
            Article.objects.published()
            .filter(published_at__gte=since)
            .annotate(voices=Count("comments", filter=Q(comments__is_visible=True)))
            .filter(voices__gt=0)
            .order_by("-voices", "-published_at")
            .values("title", "slug", "voices", "section__name")[:5]
        )
        cache.set(KEY, (version, found), SECONDS)
    return found
