"""Read settings from the environment, and refuse bad ones in a sentence a person can act on."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str | None = None) -> str:
    """The variable's value; required when there is no default. Empty counts as unset."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set: it is required and has no default. See README.md.")
    return default


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected one of true, false, yes, no, on, off, 1, 0.")
    return value in TRUE


def integer(name: str, *, default: int, minimum: int = 0, maximum: int | None = None) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected a whole number.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name} is {number}; expected at least {minimum}.")
    if maximum is not None and number > maximum:
        raise ImproperlyConfigured(f"{name} is {number}; expected at most {maximum}.")
    return number


def items(name: str) -> list[str]:
    """A comma separated list; blanks around and between the items do not count."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def choice(name: str, *, default: str, among: tuple[str, ...]) -> str:
    value = text(name, default).upper()
    if value not in among:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected one of {', '.join(among)}.")
    return value


def origins(name: str, *, plain_http: bool = False) -> list[str]:
    """A comma separated list of origins, as browsers send them: scheme, host and port, and nothing after."""
    found = items(name)
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ({"https", "http"} if plain_http else {"https"}) or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise ImproperlyConfigured(f"{name} holds {origin!r}; expected an origin such as https://app.example.org, without a path.")
        if "*" in origin:
            raise ImproperlyConfigured(f"{name} holds {origin!r}; expected each origin by name, a pattern would let strangers in.")
    return found


def rate(name: str, *, default: str) -> str | None:
    """`300/min`: how often somebody may ask; `none` for no limit."""
    value = text(name, default)
    if value.lower() == "none":
        return None
    if not re.fullmatch(r"[1-9][0-9]*/(second|sec|s|minute|min|m|hour|h|day|d)", value):
        raise ImproperlyConfigured(f"{name} is {value!r}; expected a rate such as 300/min, 10/hour, or none.")
    return value


def signing_key(name: str, *, debug: bool, secret_keys: list[str]) -> str:
    """The key of the API's tokens: its own, so that a leak of one key does not forge what the other signs."""
    key = text(name, "")
    if not key and debug:
        return hashlib.sha256(f"tokens of {secret_keys[0]}".encode()).hexdigest()
    if not key:
        raise ImproperlyConfigured(f"{name} is not set: it signs the API's tokens; expected at least 32 random bytes, not SECRET_KEY.")
    if len(key.encode()) < 32:
        raise ImproperlyConfigured(f"{name} has {len(key.encode())} bytes; expected at least 32 (RFC 7518, section 3.2).")
    if key in secret_keys:
        raise ImproperlyConfigured(f"{name} is also a SECRET_KEY; expected a key of its own.")
    return key


def cache(name: str, *, prefix: str) -> dict[str, Any]:
    """`unix://user:password@/path?db=0`, `redis://…`, `rediss://…`, `dbcache://TABLE` or `locmem://` as a CACHES entry."""
    url = text(name, "dbcache://django_cache")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (raises when it is no number)
    except ValueError:
        # The URL may hold a password: the message describes it and never quotes it.
        raise ImproperlyConfigured(f"{name} cannot be parsed; expected unix://user:password@/path?db=0 or dbcache://TABLE.") from None
    scheme = parts.scheme
    if scheme in {"unix", "redis", "rediss"}:
        if not (parts.path.startswith("/") if scheme == "unix" else parts.hostname):
            raise ImproperlyConfigured(f"{name} names no server; expected unix://user:password@/path/of/socket?db=0 or redis://host:6379/0.")
        # A list: Django would split a string at the commas and semicolons a password may hold.
        return {"BACKEND": "ops.caches.RedisCache", "LOCATION": [url], "KEY_PREFIX": prefix}
    if scheme == "dbcache":
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", parts.netloc):
            raise ImproperlyConfigured(f"{name} names no table; expected dbcache://TABLE.")
        return {
            "BACKEND": "ops.caches.DatabaseCache",
            "LOCATION": parts.netloc,
            "KEY_PREFIX": prefix,
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    if scheme == "locmem":
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": parts.netloc, "KEY_PREFIX": prefix}
    raise ImproperlyConfigured(f"{name} has the scheme {scheme!r}; expected unix://, redis://, rediss://, dbcache:// or locmem://.")


def fraction(name: str, *, default: float) -> float:
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected a number from 0 to 1.")
    return number


def database(name: str) -> dict[str, Any]:
    """`postgres://user:password@host:port/name?sslmode=verify-full&sslrootcert=/path` as a DATABASES entry."""
    url = text(name)
    # Kept open between requests; 0 closes after each, which an ASGI server wants.
    max_age = None if text("CONN_MAX_AGE", "").lower() == "none" else integer("CONN_MAX_AGE", default=60)
    try:
        scheme = urlsplit(url).scheme
        parsed: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=max_age, conn_health_checks=True))
    except (ValueError, KeyError):
        # The URL holds a password: the message describes it and never quotes it.
        raise ImproperlyConfigured(f"{name} cannot be parsed; expected postgres://user:password@host:port/name.") from None
    if scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} has the scheme {scheme!r}; expected postgres://, the newsroom searches with PostgreSQL.")
    if not parsed.get("NAME"):
        raise ImproperlyConfigured(f"{name} names no database; expected postgres://user:password@host:port/name.")
    # Safe behind a pooler in transaction mode, where a cursor may outlive its server connection.
    parsed["DISABLE_SERVER_SIDE_CURSORS"] = True
    parsed.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    return parsed


def email(name: str, *, debug: bool) -> dict[str, Any]:
    """EMAIL_* settings from one URL, else from EMAIL_HOST and its companions, else the console while debugging."""
    url = text(name, "")
    if not url:
        host = text("EMAIL_HOST", "")
        if not host and debug:
            return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
        return _smtp(
            host=host or "localhost",
            port=integer("EMAIL_PORT", default=25, minimum=1),
            user=text("EMAIL_HOST_USER", ""),
            password=os.environ.get("EMAIL_HOST_PASSWORD", ""),
            starttls=boolean("EMAIL_USE_TLS", default=False),
            implicit_tls=boolean("EMAIL_USE_SSL", default=False),
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} cannot be parsed; expected smtp://user:password@host:port.") from None
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme not in {"smtp", "smtp+tls", "smtps"} or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} has the scheme {parts.scheme!r}; expected smtp://, smtp+tls:// (STARTTLS), smtps:// or console://, with a host."
        )
    starttls = parts.scheme == "smtp+tls" or dict(parse_qsl(parts.query)).get("tls", "").lower() in TRUE
    return _smtp(
        host=parts.hostname,
        port=port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=starttls,
        implicit_tls=parts.scheme == "smtps",
    )


def _smtp(*, host: str, port: int, user: str, password: str, starttls: bool, implicit_tls: bool) -> dict[str, Any]:
    if starttls and implicit_tls:
        raise ImproperlyConfigured("EMAIL_USE_TLS and EMAIL_USE_SSL are both on; a connection is encrypted one way or the other.")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": host,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": user,
        "EMAIL_HOST_PASSWORD": password,
        "EMAIL_USE_TLS": starttls,
        "EMAIL_USE_SSL": implicit_tls,
        "EMAIL_TIMEOUT": 10,
    }
