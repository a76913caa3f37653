# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a project's settings as its module makes them from the production environment. PRIVATE to the collection.

This file is not imported on the target: its text is handed to the interpreter of a release on standard input, in the
project's directory, and prints one line of JSON behind `MARKER`. It starts no app and changes nothing. Of a secret it says
only whether it is the one of the environment.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
import traceback
from secrets import token_urlsafe
from urllib.parse import unquote, urlsplit

MARKER = "@@prodready-settings@@ "

FLAT = [
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "INSTALLED_APPS",
    "MIDDLEWARE",
    "SECURE_PROXY_SSL_HEADER",
    "SECURE_SSL_REDIRECT",
    "SECURE_REDIRECT_EXEMPT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_CONTENT_TYPE_NOSNIFF",
    "SECURE_REFERRER_POLICY",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
    "CSRF_COOKIE_SAMESITE",
    "CSRF_USE_SESSIONS",
    "X_FRAME_OPTIONS",
    "SILENCED_SYSTEM_CHECKS",
    "STATIC_ROOT",
    "MEDIA_ROOT",
    "EMAIL_BACKEND",
    "EMAIL_HOST",
    "EMAIL_PORT",
]


def plain(value):
    """JSON for anything a setting may hold."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def items(name):
    """A list in a variable."""
    return [item for item in os.environ.get(name, "").split(",") if item]


def secret_key(settings):
    """Whether the keys are those of the environment."""
    key = settings.SECRET_KEY
    key = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key or "")
    return {
        "set": bool(key),
        "insecure": key.startswith("django-insecure-"),
        "from_environment": bool(key) and key == os.environ.get("SECRET_KEY"),
        "fallbacks": len({str(one) for one in settings.SECRET_KEY_FALLBACKS or []} - set(items("SECRET_KEY_FALLBACKS"))),
        "fallbacks_from_environment": [str(one) for one in settings.SECRET_KEY_FALLBACKS or []] == items("SECRET_KEY_FALLBACKS"),
    }


def databases(settings):
    """The databases without their passwords; of the default one's, whether it is the environment's."""
    found = {}
    try:
        password = unquote(urlsplit(os.environ.get("DATABASE_URL", "")).password or "")
    except ValueError:
        password = ""
    for alias, database in settings.DATABASES.items():
        options = database.get("OPTIONS") or {}
        found[alias] = {
            "engine": database.get("ENGINE", ""),
            "name": plain(database.get("NAME", "")),
            "user": plain(database.get("USER", "")),
            "host": plain(database.get("HOST", "")),
            "port": plain(database.get("PORT", "")),
            "password_from_environment": str(database.get("PASSWORD") or "") == password,
            "conn_max_age": plain(database.get("CONN_MAX_AGE", 0)),
            "conn_health_checks": bool(database.get("CONN_HEALTH_CHECKS")),
            "disable_server_side_cursors": bool(database.get("DISABLE_SERVER_SIDE_CURSORS")),
            "sslmode": plain(options.get("sslmode")),
            "sslrootcert": plain(options.get("sslrootcert")),
            "pool": bool(options.get("pool")),
        }
    return found


def caches(settings):
    """Backends of the caches, and whether they are at the address of the environment."""
    address = os.environ.get("CACHE_URL", "")
    found = {}
    for alias, cache in settings.CACHES.items():
        location = cache.get("LOCATION", "")
        location = [str(part) for part in location] if isinstance(location, (list, tuple)) else [str(location)]
        found[alias] = {"backend": str(cache.get("BACKEND", "")), "from_environment": bool(address) and address in location}
    return found


def static_storage(settings):
    """The storage of static files, and whether it keeps a manifest."""
    entry = (getattr(settings, "STORAGES", None) or {}).get("staticfiles") or {}
    backend = str(entry.get("BACKEND", ""))
    manifest = "Manifest" in backend
    if backend and not manifest:
        try:
            from django.contrib.staticfiles.storage import ManifestFilesMixin
            from django.utils.module_loading import import_string

            manifest = issubclass(import_string(backend), ManifestFilesMixin)
        except Exception:  # noqa: BLE001 - whatever it is, it is somebody's own
            manifest = True
    # Django 4.2 refuses the old names beside STORAGES.
    old = any(settings.is_overridden(name) for name in ("STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE"))
    return {"backend": backend, "manifest": manifest, "storages": hasattr(settings, "STORAGES") and not old}


def file_handlers(logging_settings):
    """Handlers that write to files, with whether the app's own account may."""
    found = {}
    for name, handler in ((logging_settings or {}).get("handlers") or {}).items():
        path = handler.get("filename") if isinstance(handler, dict) else None
        if path:
            folder = os.path.dirname(os.path.abspath(str(path)))
            found[str(name)] = {"path": str(path), "folder": folder, "writable": os.access(folder, os.W_OK)}
    return found


def errors_are_said(settings):
    """Whether an error in a request comes out on standard error or output, asked of logging itself as Django sets it up."""
    from django.utils.log import RequireDebugTrue, configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    logger: logging.Logger | None = logging.getLogger("django.request")
    if logger is None or not logger.isEnabledFor(logging.ERROR):
        return False
    while logger:
        for handler in logger.handlers:
            to_stream = isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
            debug_only = any(isinstance(one, RequireDebugTrue) for one in handler.filters)
            foreign = type(handler).__module__.split(".")[0] not in ("logging", "django")
            if handler.level <= logging.ERROR and not debug_only and (to_stream or foreign):
                return True
        logger = logger.parent if logger.propagate else None
    return False


def logs(settings):
    """What becomes of log lines: files they go to, and whether errors are said."""
    if not settings.LOGGING_CONFIG:
        return {"own": True, "files": {}, "said": True, "error": ""}
    found = {"own": False, "files": file_handlers(settings.LOGGING), "said": False, "error": ""}
    if all(handler["writable"] for handler in found["files"].values()):
        try:
            found["said"] = errors_are_said(settings)
        except Exception as error:  # noqa: BLE001 - what goes wrong is the answer
            found["error"] = "{0}: {1}".format(type(error).__name__, error)
    return found


def look():
    """Everything an overlay is decided by."""
    import django
    from django.conf import Settings

    # Without a fallback a project that does not know the variable looks like one that does: with this one more it does not.
    os.environ["SECRET_KEY_FALLBACKS"] = ",".join([*items("SECRET_KEY_FALLBACKS"), token_urlsafe(48)])
    settings = Settings(os.environ["DJANGO_SETTINGS_MODULE"])
    seen = {name: plain(getattr(settings, name, None)) for name in FLAT}
    seen.update(
        django=django.get_version(),
        keys=secret_key(settings),
        databases=databases(settings),
        caches=caches(settings),
        static=static_storage(settings),
        logs=logs(settings),
        modules={name: importlib.util.find_spec(name) is not None for name in ("redis", "psycopg", "psycopg2")},
    )
    return {"seen": seen}


def main():
    try:
        answer = look()
    except (Exception, SystemExit) as error:
        answer = {"error": "".join(traceback.format_exception_only(type(error), error)).strip()}
    sys.stdout.write("\n" + MARKER + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
