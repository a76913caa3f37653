from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from outbox.models import Mail


def tidy() -> None:
    """Delete what nobody will ask for again: expired tokens, expired sessions, and mail that is long done with."""
    call_command("flushexpiredtokens")
    call_command("clearsessions")
    Mail.objects.finished(timezone.now() - timedelta(days=settings.OUTBOX_KEEP_DAYS)).delete()
