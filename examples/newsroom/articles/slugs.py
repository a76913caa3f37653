from __future__ import annotations

from collections.abc import Callable
from itertools import count

from django.utils.text import slugify

MAX_LENGTH = 80


def make_slug(title: str) -> str:
    """A short address for a title; never empty, whatever alphabet the title is in."""
    return slugify(title)[:MAX_LENGTH].strip("-_") or "article"


def make_free_slug(title: str, is_taken: Callable[[str], bool]) -> str:
    """The title's slug, or the same with the first number that makes it free."""
    slug = make_slug(title)
    if not is_taken(slug):
        return slug
    for number in count(2):
        suffix = f"-{number}"
        candidate = slug[: MAX_LENGTH - len(suffix)].rstrip("-_") + suffix
        if not is_taken(candidate):
            return candidate
    raise AssertionError("count() does not end")
