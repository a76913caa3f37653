from __future__ import annotations

import re

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from articles.models import MARK_START, MARK_STOP

register = template.Library()


@register.filter
def prose(text: str) -> SafeString:
    """Paragraphs, `## ` headings and `> ` quotations as HTML; everything a writer typed is escaped."""
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))
    return format_html_join("\n", "{}", ((_block(block),) for block in blocks if block))


def _block(block: str) -> SafeString:
    if block.startswith("## "):
        return format_html("<h2>{}</h2>", block[3:])
    if block.startswith("> "):
        return format_html("<blockquote><p>{}</p></blockquote>", re.sub(r"\n> ?", "\n", block[2:]))
    return format_html("<p>{}</p>", block)


@register.filter
def highlight(text: str) -> SafeString:
    """PostgreSQL's headline with the found words marked, and without the signs that make headings and quotations."""
    escaped = conditional_escape(re.sub(r"(^|\s)(##|>)\s+", r"\1", text))
    return mark_safe(escaped.replace(MARK_START, "<mark>").replace(MARK_STOP, "</mark>"))  # noqa: S308 (escaped above)
