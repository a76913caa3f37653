from __future__ import annotations

import tomllib
from argparse import ArgumentParser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.models import EDITORS, JOURNALISTS, READERS, User
from articles import seed
from articles.models import Article, Comment, Section, Tag
from articles.seed.art import draw_cover
from articles.slugs import make_slug


class Command(BaseCommand):
    help = "Fill the paper with a dozen invented articles. What is there already is left as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--without-covers", action="store_true", help="Draw no cover pictures.")

    def handle(self, *args: Any, **options: Any) -> None:
        paper = tomllib.loads((Path(seed.__file__).parent / "newsroom.toml").read_text(encoding="utf-8"))
        now = timezone.now()
        with transaction.atomic():
            sections = self._sections(paper["section"])
            people = self._people(paper["person"])
            made = [
                self._article(entry, number, sections, people, now, with_cover=not options["without_covers"])
                for number, entry in enumerate(paper["article"])
            ]
        self.stdout.write(f"{sum(made)} articles added, {len(made) - sum(made)} there already.")

    def _sections(self, entries: list[dict[str, Any]]) -> dict[str, Section]:
        return {
            entry["slug"]: Section.objects.get_or_create(
                slug=entry["slug"],
                defaults={"name": entry["name"], "description": entry["description"], "position": position},
            )[0]
            for position, entry in enumerate(entries, start=1)
        }

    def _people(self, entries: list[dict[str, Any]]) -> dict[str, User]:
        people = {}
        for entry in entries:
            user = User.objects.filter(username=entry["username"]).first()
            if user is None:
                # No password: nobody can log in as an invented person.
                user = User.objects.create_user(
                    entry["username"], email="", password=None, display_name=entry["name"], bio=entry.get("bio", "")
                )
            roles = [READERS, *[JOURNALISTS] * bool(entry.get("journalist")), *[EDITORS] * bool(entry.get("editor"))]
            user.groups.add(*Group.objects.filter(name__in=roles))
            people[entry["username"]] = user
        return people

    def _article(
        self,
        entry: dict[str, Any],
        number: int,
        sections: dict[str, Section],
        people: dict[str, User],
        now: datetime,
        *,
        with_cover: bool,
    ) -> bool:
        slug = make_slug(entry["title"])
        if Article.objects.filter(slug=slug).exists():
            return False
        published_at = now - timedelta(days=entry["days"], minutes=37 * (number + 1))
        article = Article(
            title=entry["title"],
            slug=slug,
            standfirst=entry["standfirst"],
            body=entry["body"].strip(),
            section=sections[entry["section"]],
            author=people[entry["author"]],
            status=Article.Status.PUBLISHED,
            published_at=published_at,
        )
        if with_cover:
            article.cover_alt = entry["alt"]
            article.cover.save("cover.jpg", ContentFile(draw_cover(entry["art"])), save=False)
        article.save()
        article.tags.set([Tag.objects.get_or_create(slug=make_slug(name), defaults={"name": name})[0] for name in entry["tags"]])
        for place, (username, body) in enumerate(entry["comments"], start=1):
            comment = Comment.objects.create(article=article, author=people[username], body=body)
            written_at = min(now, published_at + timedelta(minutes=9 * place + place * place))
            Comment.objects.filter(pk=comment.pk).update(created_at=written_at)
        return True
