"""A command that goes on until it is told to stop, and then finishes what it is doing."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

log = logging.getLogger(__name__)


class Daemon(BaseCommand):
    """Subclasses say what one round does; `round` returns whether there may be more to do at once."""

    every = 5.0

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Do what there is to do now, and end.")
        parser.add_argument("--every", type=float, default=self.every, metavar="SECONDS", help="Look again after this time. Default: %(default)s.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._stop = threading.Event()
        if options["once"]:
            while self.round():
                pass
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        name = self.__module__.rpartition(".")[2]
        log.info("%s: started", name)
        away = False
        while not self.stopping():
            close_old_connections()
            try:
                more = self.round()
                away = False
            except (DatabaseError, InterfaceError) as error:
                # A restarted database or pooler is no reason to die; saying it once is enough.
                if not away:
                    log.error("%s: the database does not answer, waiting for it: %s", name, error)
                away, more = True, False
                connections.close_all()
            if not more:
                self._stop.wait(options["every"])
        log.info("%s: stopped", name)

    def stopping(self) -> bool:
        return self._stop.is_set()

    def round(self) -> bool:
        raise NotImplementedError
