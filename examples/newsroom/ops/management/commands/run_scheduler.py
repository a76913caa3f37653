from __future__ import annotations

import logging
import time
from typing import Any

from django.db import DatabaseError, InterfaceError

from articles.publication import publish_due
from ops.daemon import Daemon
from ops.housekeeping import tidy

log = logging.getLogger(__name__)
DAY = 24 * 60 * 60


class Command(Daemon):
    help = "What the clock brings: publish scheduled articles, tidy up once a day. One is enough; a second does no harm."
    every = 10

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tidied_at: float | None = None

    def round(self) -> bool:
        for article in publish_due():
            log.info("article %s was published on time", article.pk)
        if self._tidied_at is None or time.monotonic() - self._tidied_at > DAY:
            self._tidied_at = time.monotonic()
            try:
                tidy()
            except (DatabaseError, InterfaceError):
                raise
            except Exception:  # tidying can wait until tomorrow; publishing cannot
                log.exception("housekeeping failed")
        return False
