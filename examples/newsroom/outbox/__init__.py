"""Mail that waits in the database, so that a request never waits for a mail server and a rolled back one sends nothing."""

from __future__ import annotations

from typing import Any


def queue(to: str, template: str, context: dict[str, Any]) -> None:
    """Put a letter in the outbox; the template's first line is its subject. Nobody without an address gets one."""
    from django.conf import settings
    from django.template.loader import render_to_string

    from outbox.models import Mail

    if not to:
        return
    subject, _, body = render_to_string(template, context | {"site": settings.SITE_URL}).lstrip().partition("\n")
    Mail.objects.create(to=to, subject=" ".join(subject.split())[: Mail.SUBJECT_LENGTH], body=body.strip() + "\n")
