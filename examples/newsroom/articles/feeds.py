from __future__ import annotations

from datetime import datetime

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.urls import reverse_lazy

from articles.models import Article


class LatestArticles(Feed):
    title = "The Lantern"
    link = reverse_lazy("articles:home")
    description = "Independent news from Port Ellery."

    def items(self) -> QuerySet[Article]:
        return Article.objects.published().for_list()[:20]

    def item_title(self, item: Article) -> str:
        return item.title

    def item_description(self, item: Article) -> str:
        return item.standfirst

    def item_author_name(self, item: Article) -> str:
        return item.author.byline

    def item_pubdate(self, item: Article) -> datetime | None:
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        return item.updated_at

    def item_categories(self, item: Article) -> list[str]:
        return [item.section.name]
