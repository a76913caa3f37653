"""Read settings from the environment, and refuse bad ones in a sentence a person can act on."""

from __future__ import annotations

import os
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


def integer(name: str, *, default: int, minimum: int = 0) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected a whole number.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name} is {number}; expected at least {minimum}.")
    return number


def items(name: str) -> list[str]:
    """A comma separated list; blanks around and between the items do not count."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def choice(name: str, *, default: str, among: tuple[str, ...]) -> str:
    value = text(name, default).upper()
    if value not in among:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected one of {', '.join(among)}.")
    return value


def database(name: str) -> dict[str, Any]:
    """`postgres://user:password@host:port/name?sslmode=verify-full&sslrootcert=/path` as a DATABASES entry."""
    url = text(name)
    try:
        scheme = urlsplit(url).scheme
        parsed: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
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
