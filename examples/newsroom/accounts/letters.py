"""Mail about accounts."""

from __future__ import annotations

from accounts.models import User
from outbox import queue


def welcome(user: User) -> None:
    queue(user.email, "accounts/welcome_email.txt", {"user": user})
