from __future__ import annotations

from ops.daemon import Daemon
from outbox.delivery import deliver


class Command(Daemon):
    help = "Deliver the mail that waits in the outbox. Any number of these may run; they share the work."
    every = 2

    def round(self) -> bool:
        return deliver(stopping=self.stopping) > 0
