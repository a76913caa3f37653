from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

# The groups that make a reader, an author and an editor; migrations create them with their permissions.
READERS = "Readers"
JOURNALISTS = "Journalists"
EDITORS = "Editors"


class User(AbstractUser):
    """A reader, a journalist or an editor."""

    email = models.EmailField("email address")
    display_name = models.CharField(max_length=80, blank=True, help_text="How you are named beside what you write.")
    bio = models.CharField(max_length=280, blank=True)
    mail_me = models.BooleanField(
        "mail me", default=True, db_default=True, help_text="When somebody comments on what you wrote, and when it is published."
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_ci_unique"),
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_ci_unique",
                violation_error_message="There is an account with this email address already.",
            ),
        ]

    @property
    def byline(self) -> str:
        return self.display_name or self.get_full_name() or self.username

    @property
    def may_write(self) -> bool:
        from articles import rules

        return rules.may_write(self)
