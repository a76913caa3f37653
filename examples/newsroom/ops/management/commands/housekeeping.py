from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ops.housekeeping import tidy


class Command(BaseCommand):
    help = "Delete expired tokens, expired sessions and old mail. `run_scheduler` does so once a day; a timer may do it instead."

    def handle(self, *args: Any, **options: Any) -> None:
        tidy()
