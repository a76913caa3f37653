from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from articles.publication import publish_due


class Command(BaseCommand):
    help = "Publish the articles whose time has come. `run_scheduler` does so all the time."

    def handle(self, *args: Any, **options: Any) -> None:
        published = publish_due()
        self.stdout.write(f"{len(published)} articles published.")
