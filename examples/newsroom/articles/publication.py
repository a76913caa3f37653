from __future__ import annotations

from django.db import transaction

from articles import letters
from articles.models import Article


def publish_due() -> list[Article]:
    """Publish what was scheduled for now. Two of these at once share the work; neither does it twice."""
    published = []
    with transaction.atomic():
        for article in Article.objects.due().select_for_update(of=["self"], skip_locked=True).select_related("author").order_by("published_at"):
            article.save()  # one by one: saving dates it, and its signals make pages forget
            letters.published(article)
            published.append(article)
    return published
