from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.utils import timezone

from outbox.models import Mail

log = logging.getLogger(__name__)
BATCH = 20


def deliver(*, stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, over one connection; how many were taken. Stops between two letters, never within one."""
    mails = Mail.objects.claim(BATCH)
    if not mails:
        return 0
    connection = get_connection()
    taken = 0
    try:
        for mail in mails:
            if stopping():
                break
            taken += 1
            if mail.renew():
                _deliver_one(mail, connection)
    finally:
        _close(connection)
    # What was taken and not tried goes back at once, and the attempt does not count.
    for mail in mails[taken:]:
        Mail.objects.filter(pk=mail.pk, next_try_at=mail.next_try_at).update(next_try_at=timezone.now(), attempts=F("attempts") - 1)
    return taken


def _deliver_one(mail: Mail, connection: Any) -> None:
    message = EmailMessage(mail.subject, mail.body, to=[mail.to], headers={"Message-ID": mail.message_id}, connection=connection)
    try:
        connection.open()  # if it is not; one letter after another goes over it
        message.send()
    except Exception as error:  # whatever a mail server does, the next letter deserves its try
        _close(connection)
        mail.note_failure(error)
        log.log(
            logging.ERROR if mail.given_up_at else logging.WARNING,
            "mail %s was not delivered at attempt %s (%s)%s",
            mail.pk, mail.attempts, type(error).__name__, "; given up" if mail.given_up_at else "",
        )
        return
    mail.note_success()
    log.info("mail %s was delivered at attempt %s", mail.pk, mail.attempts)


def _close(connection: Any) -> None:
    with suppress(Exception):  # it may be broken, and there is nothing to do about it
        connection.close()
