# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take known secrets out of text before anybody sees it. PRIVATE to the collection."""

from __future__ import annotations

import base64
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
#: Shorter values ("true", "5432") are no secrets, and masking them would make messages unreadable.
SHORTEST = 7


def forms(value):
    """The ways a secret may be written: as it is, percent-encoded, in base64, as Python shows it, and a URL's password."""
    text = str(value)
    found = {text, quote(text, safe=""), quote(text), repr(text)[1:-1]}
    found.add(base64.b64encode(text.encode("utf-8")).decode("ascii").rstrip("="))
    if "://" in text:
        try:
            password = urlsplit(text).password
        except ValueError:
            password = None
        if password:
            found |= forms_of_password(password)
    return {form for form in found if len(form) >= SHORTEST}


def forms_of_password(password):
    """A password out of a URL stands there percent-encoded."""
    return forms(unquote(password)) | {password}


def mask(text, secrets):
    """`text` without any form of any of the secrets."""
    known = set()
    for secret in secrets:
        if secret and len(str(secret)) >= SHORTEST:
            known |= forms(secret)
    for form in sorted(known, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def last_line(text):
    """The line of a traceback that says what happened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
