from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

# Longer than one letter may take: a worker renews it before each. A worker that dies leaves its mail to the next one after this time.
LEASE = timedelta(minutes=5)


class MailQuerySet(models.QuerySet):
    def waiting(self) -> MailQuerySet:
        return self.filter(sent_at__isnull=True, given_up_at__isnull=True)

    def claim(self, count: int) -> list[Mail]:
        """Take mail that is due, for a while and for oneself: other workers pass over what this one holds.

        The lock lasts for one short transaction, which suits a pooler; the lease in `next_try_at` outlives it.
        """
        now = timezone.now()
        until = now + LEASE
        with transaction.atomic():
            due = self.waiting().filter(next_try_at__lte=now).order_by("next_try_at", "pk")
            mails = list(due.select_for_update(skip_locked=True)[:count])
            self.model.objects.filter(pk__in=[mail.pk for mail in mails]).update(next_try_at=until, attempts=F("attempts") + 1)
        for mail in mails:
            mail.attempts, mail.next_try_at = mail.attempts + 1, until
        return mails

    def finished(self, before: object) -> MailQuerySet:
        return self.filter(Q(sent_at__lt=before) | Q(given_up_at__lt=before))


class Mail(models.Model):
    SUBJECT_LENGTH = 200

    to = models.EmailField()
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "mail"
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["next_try_at", "id"], name="mail_due", condition=Q(sent_at=None, given_up_at=None))]

    def __str__(self) -> str:
        return self.subject

    @property
    def message_id(self) -> str:
        """The same at every attempt: a mailbox that gets it twice can tell."""
        return f"<outbox-{self.pk}-{self.created_at:%Y%m%d%H%M%S}@{settings.SITE_URL.rpartition('/')[2].partition(':')[0]}>"

    def renew(self) -> bool:
        """Begin the lease anew; not when it has ended and another worker has taken the letter."""
        held = Mail.objects.waiting().filter(pk=self.pk, next_try_at=self.next_try_at)
        self.next_try_at = timezone.now() + LEASE
        return held.update(next_try_at=self.next_try_at) == 1

    def note_success(self) -> None:
        self.sent_at, self.last_error = timezone.now(), ""
        self.save(update_fields=["sent_at", "last_error"])

    def note_failure(self, error: Exception) -> None:
        """Try again in 2, 4, 8 … minutes, and stop one day."""
        now = timezone.now()
        self.last_error = type(error).__name__  # a server's words may repeat the address
        self.next_try_at = now + timedelta(minutes=min(2**self.attempts, 6 * 60))
        if self.attempts >= settings.OUTBOX_ATTEMPTS:
            self.given_up_at = now
        self.save(update_fields=["last_error", "next_try_at", "given_up_at"])
