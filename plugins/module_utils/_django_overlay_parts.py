# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an overlay reads its values with: the text of these functions is copied into it. PRIVATE to the collection.

They run in the application with nothing but the standard library, and each stands alone. What Django itself needs for a cache in Redis is
taken from the application's own environment where it is there.
"""

from __future__ import annotations


def _items(name):
    """A list in a variable, separated by commas."""
    import os

    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def _database(before, **more):
    """The database of DATABASE_URL, with what the project says about others of its options."""
    import os
    from urllib.parse import parse_qsl, unquote, urlsplit

    url = urlsplit(os.environ["DATABASE_URL"])
    engine = before.get("ENGINE", "")
    kept = engine if "postg" in engine else "django.db.backends.postgresql"
    options = dict(before.get("OPTIONS") or {}) if kept == engine else {}
    options.update(parse_qsl(url.query))
    options.setdefault("connect_timeout", 5)
    whole = dict(before) if kept == engine else {key: before[key] for key in ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE") if key in before}
    whole.update(
        ENGINE=kept,
        NAME=unquote(url.path.lstrip("/")),
        USER=unquote(url.username or ""),
        PASSWORD=unquote(url.password or ""),
        HOST=url.hostname or "",
        PORT=str(url.port or ""),
        OPTIONS=options,
    )
    whole.update(more)
    return whole


def _cache(alias, before):
    """The cache of CACHE_URL under its own prefix; time-outs, versions, and options that still mean something stay the project's."""
    import os

    url = os.environ["CACHE_URL"]
    prefix = os.environ.get("CACHE_KEY_PREFIX", "app")
    whole = {key: before[key] for key in ("TIMEOUT", "VERSION") if key in before}
    whole["KEY_PREFIX"] = prefix if alias == "default" else prefix + ":" + alias
    options = dict(before.get("OPTIONS") or {})
    if url.startswith("dbcache://"):
        # Django's own bound is 300 rows; one row more, and a third of them is dropped, sessions of people who are logged in among them.
        kept = {"MAX_ENTRIES": 10000}
        kept.update((key, options[key]) for key in ("MAX_ENTRIES", "CULL_FREQUENCY") if key in options)
        whole.update(BACKEND="django.core.cache.backends.db.DatabaseCache", LOCATION=url[len("dbcache://") :].split("?")[0], OPTIONS=kept)
        return whole
    backend = "django.core.cache.backends.redis.RedisCache"
    # Where the server is and who asks is CACHE_URL's to say; what belongs to TCP is an error on a socket.
    places = (
        "ssl",
        "socket_keepalive",
        "socket_type",
        "host",
        "port",
        "path",
        "db",
        "username",
        "password",
        "connection_class",
        "credential_provider",
    )
    kept = {key: options[key] for key in options if not key.startswith(places)} if before.get("BACKEND") == backend else {}
    try:
        from redis.backoff import ExponentialBackoff
        from redis.exceptions import ConnectionError, TimeoutError
        from redis.retry import Retry
    except ImportError:
        pass  # Django says so when the cache is asked
    else:
        # A restart of Redis takes away its socket for a moment; OSError is what a missing socket is.
        kept.setdefault("retry", Retry(ExponentialBackoff(cap=0.5, base=0.05), 12, supported_errors=(ConnectionError, TimeoutError, OSError)))
    whole.update(BACKEND=backend, LOCATION=url, OPTIONS=kept)
    return whole


def _email():
    """EMAIL_* of EMAIL_URL: smtp://user:password@host:port, smtp+tls:// for STARTTLS, smtps:// for TLS from the start."""
    import os
    from urllib.parse import parse_qsl, unquote, urlsplit

    url = urlsplit(os.environ["EMAIL_URL"])
    starttls = url.scheme == "smtp+tls" or dict(parse_qsl(url.query)).get("tls", "").lower() in ("1", "true", "yes", "on")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": url.hostname or "localhost",
        "EMAIL_PORT": url.port or {"smtps": 465, "smtp+tls": 587}.get(url.scheme, 25),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_TLS": starttls,
        "EMAIL_USE_SSL": url.scheme == "smtps",
    }


def _logging(before):
    """The project's logging without files, and with errors on standard error, where the service manager keeps them."""
    import copy

    whole = copy.deepcopy(before or {}) or {"disable_existing_loggers": False}
    whole["version"] = 1
    handlers = whole.setdefault("handlers", {})
    for name, handler in handlers.items():
        if handler.get("filename"):
            kept = {key: handler[key] for key in ("level", "formatter", "filters") if key in handler}
            handlers[name] = dict(kept, **{"class": "logging.StreamHandler"})
    handlers["prodready"] = {"class": "logging.StreamHandler", "level": "INFO"}
    loggers = whole.setdefault("loggers", {})
    loggers["django"] = {"handlers": ["prodready"], "level": "INFO", "propagate": False}
    for name in ("django.request", "django.security"):
        if name in loggers:
            loggers[name] = dict(loggers[name], propagate=True)
    root = whole.setdefault("root", {"level": "WARNING"})
    root["handlers"] = list(root.get("handlers") or ["prodready"])
    return whole
