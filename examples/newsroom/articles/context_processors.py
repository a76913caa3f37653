from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from articles.models import Section


def paper(request: HttpRequest) -> dict[str, object]:
    """What stands in the head of every page. The sections are fetched only if the template asks."""
    return {"sections": Section.objects.all(), "today": timezone.localdate()}
