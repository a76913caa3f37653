from __future__ import annotations

from datetime import datetime

from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet

from articles.models import Article, Section


class ArticleSitemap(Sitemap):
    changefreq = "weekly"
    protocol = "https"

    def items(self) -> QuerySet[Article]:
        return Article.objects.published().only("slug", "updated_at")

    def lastmod(self, item: Article) -> datetime:
        return item.updated_at


class SectionSitemap(Sitemap):
    changefreq = "daily"
    protocol = "https"

    def items(self) -> QuerySet[Section]:
        return Section.objects.all()


SITEMAPS = {"articles": ArticleSitemap, "sections": SectionSitemap}
