from __future__ import annotations

from typing import Any

from django.core.files.images import get_image_dimensions
from django.core.management.base import BaseCommand
from django.db.models import Q

from articles import kept
from articles.covers import derive
from articles.models import Article


class Command(BaseCommand):
    help = "Make the smaller pictures of covers that were uploaded before there were any. May be run again."

    def handle(self, *args: Any, **options: Any) -> None:
        made = 0
        storage = Article.cover.field.storage
        for pk, name in Article.objects.filter(Q(cover_widths=None) | Q(cover_width=None)).exclude(cover="").values_list("pk", "cover"):
            try:
                widths = derive(storage, name)
                with storage.open(name) as file:
                    width, height = get_image_dimensions(file)
            except FileNotFoundError:
                self.stderr.write(f"{name} is gone; the article goes without.")
                continue
            Article.objects.filter(pk=pk).update(cover_widths=widths, cover_width=width, cover_height=height)
            made += 1
        if made:
            kept.forget()  # update() sends no signals
        self.stdout.write(f"{made} covers have smaller pictures now.")
