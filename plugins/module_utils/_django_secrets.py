# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets become numbers here: how strong one is, in which forms it may have leaked, and how it is masked. PRIVATE to the collection.

Uses nothing but the standard library: the file also runs inside the application's own interpreter.
"""

from __future__ import annotations

import base64
import json
import math
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "********"

#: Keys that stand in documentation, templates and test suites: everybody knows them. The first are tried on the running site.
KNOWN_KEYS = (
    "changeme",
    "change-me",
    "secret",
    "secret-key",
    "SECRET_KEY",
    "your-secret-key",
    "your-secret-key-here",
    "change-me-in-production",
    "dev-secret-key",
    "django-insecure-change-me",
    "!!!SET DJANGO_SECRET_KEY!!!",
    "django_tests_secret_key",
    "CHANGEME!!!",
    "insecure",
    "not-so-secret",
    "supersecret",
    "super-secret",
    "supersecretkey",
    "super-secret-key",
    "secret_key",
    "secretkey",
    "mysecretkey",
    "my-secret-key",
    "your_secret_key",
    "your_secret_key_here",
    "default",
    "dev",
    "development",
    "test",
    "testing",
    "password",
    "django",
    "foobar",
    "notsecret",
    "dev-secret-key-change-in-production",
    "super-secret-key-change-in-production",
    "replace-with-a-secret-key",
    "generate-a-secret-key-here",
)

#: A generated key does not contain these; a placeholder does.
PLACEHOLDER_WORDS = (
    "change-me",
    "changeme",
    "change_me",
    "secret-key",
    "secret_key",
    "secretkey",
    "your-secret",
    "your_secret",
    "insecure",
    "placeholder",
    "example",
)

#: Environment variables with these words in their name hold secrets.
SECRET_WORDS = ("SECRET", "PASSWORD", "PASSWD", "TOKEN", "PRIVATE", "CREDENTIAL", "DSN", "_KEY", "KEY_", "_PASS", "SALT")

#: What these words end is a name or a place, whatever stands before: the prefix of a cache's keys is no secret.
PLAIN_ENDINGS = ("_PREFIX", "_NAME", "_PATH", "_FILE", "_DIR", "_AGE", "_TIMEOUT", "_MINUTES", "_DAYS")

#: Shorter ones stand everywhere by chance; a search for them says nothing.
SEARCHABLE = 8


def _worth(secret):
    """How many characters carry surprise: repetitions of three or more and runs like `abcd` or `1111` count as one."""
    worth = position = 0
    while position < len(secret):
        length = 1
        while position + length < len(secret) and secret[position : position + length + 1] in secret[: position + length]:
            length += 1
        run = 1
        if position + 1 < len(secret):
            step = ord(secret[position + 1]) - ord(secret[position])
            while step in (-1, 0, 1) and position + run < len(secret) and ord(secret[position + run]) - ord(secret[position + run - 1]) == step:
                run += 1
        taken = max(length, run)
        position += taken if taken >= 3 else 1
        worth += 1
    return worth


def entropy_bits(secret):
    """An estimate, from below: Shannon entropy of the characters times the number of characters that are not repetition."""
    if not secret:
        return 0
    total = len(secret)
    shannon = -sum(count / total * math.log2(count / total) for count in (secret.count(char) for char in set(secret)))
    return int(shannon * _worth(secret))


def describe(secret):
    """What may be said about a secret without saying it."""
    text = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret or "")
    lowered = text.lower()
    return {
        "length": len(text),
        "bits": entropy_bits(text),
        "distinct": len(set(text)),
        "insecure_prefix": text.startswith("django-insecure-"),
        "known_default": lowered in {key.lower() for key in KNOWN_KEYS},
        "placeholder": any(word in lowered for word in PLACEHOLDER_WORDS),
    }


def looks_secret(name):
    """Whether a variable of this name holds a secret."""
    return any(word in name.upper() for word in SECRET_WORDS) and not name.upper().endswith(PLAIN_ENDINGS)


def url_passwords(value):
    """The password in a URL, as written and decoded; nothing when there is none."""
    if "://" not in value:
        return []
    try:
        written = urlsplit(value).password
    except ValueError:
        return []
    return sorted({written, unquote(written)}) if written else []


def secrets_of_environment(environ):
    """All values of an environment that must not be seen: of variables named like secrets, and passwords in URLs."""
    found = set()
    for name, value in environ.items():
        found.update(url_passwords(value))
        if looks_secret(name) and value:
            found.add(value)
            found.update(part for part in value.split(",") if len(part) >= SEARCHABLE)
    return sorted(found)


def forms(secret):
    """The secret in bytes as it may stand in a file: plain, URL-encoded, escaped as in JSON and in Python, in base64 at each of three alignments."""
    raw = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret
    text = raw.decode("utf-8", "surrogateescape")
    found = {"plain": {raw}}
    found["url"] = {quote(raw, safe="").encode(), quote_plus(raw).encode()} - {raw}
    try:
        found["escaped"] = {json.dumps(text)[1:-1].encode("ascii", "ignore"), repr(text)[1:-1].encode("ascii", "ignore")} - {raw}
    except UnicodeError:
        found["escaped"] = set()
    pieces: set = set()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first and last characters depend on the neighbours; what is left depends on the secret alone.
        start, end = (0, 2, 3)[shift], len(encoded) - (0, 4, 4)[-(shift + len(raw)) % 3]
        piece = encoded[start:end]
        if len(piece) >= SEARCHABLE:
            pieces.update((piece, piece.replace(b"+", b"-").replace(b"/", b"_")))
    found["base64"] = pieces
    return {kind: sorted(needles) for kind, needles in found.items() if needles}


def mask_text(text, secrets):
    """The text with every secret, and every password in a URL, replaced."""
    for secret in sorted({item for item in secrets if len(item) >= 4}, key=len, reverse=True):
        for needle in (secret, quote(secret, safe=""), base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode()):
            text = text.replace(needle, MASK)
    return text


def mask(value, secrets):
    """A deep copy without secrets; short ones are left alone in names and values, where they are words like any other."""
    long_ones = [secret for secret in secrets if len(secret) >= SEARCHABLE]
    if isinstance(value, dict):
        return {
            mask(key, secrets): mask_text(part, secrets) if key == "error" and isinstance(part, str) else mask(part, secrets)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [mask(part, secrets) for part in value]
    if isinstance(value, str):
        return mask_text(value, long_ones)
    return value
