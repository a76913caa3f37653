# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at a Django project from inside: runs in the application's own interpreter, environment and account. PRIVATE to the collection.

The probe hands this file, as text, to the interpreter of the running application. One line of JSON per part is printed, so that
what was found survives what hangs. Nothing is written: database transactions are read-only and short.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path


class PartError(Exception):
    """A sentence saying why a part could not be looked at."""

    sentence = True


class Inside:
    """What the parts share: Django's settings, the probe's arguments, helpers, and the secrets that must not leave."""

    def __init__(self, arguments, secrets):
        self.arguments = arguments
        self.secrets = secrets
        self.private = {}  # returned to the probe on the target, never beyond it
        self.database_problem = ""
        self.readiness_path = None
        self.settings = None

    def known_secrets(self):
        return list(self.private.values()) + self.secrets.secrets_of_environment(dict(os.environ))


def plain(value):
    """JSON for anything a setting may hold."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return getattr(value, "pattern", None) or str(value)


def settings_module(arguments):
    """The settings module of the running process; some projects name it in their WSGI module only."""
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return os.environ["DJANGO_SETTINGS_MODULE"]
    if arguments.get("wsgi_module"):
        importlib.import_module(arguments["wsgi_module"])
        if os.environ.get("DJANGO_SETTINGS_MODULE"):
            return os.environ["DJANGO_SETTINGS_MODULE"]
    raise PartError("the running process has no DJANGO_SETTINGS_MODULE, and its WSGI module names none")


def start(inside):
    """Import the project as the application does."""
    for path in (os.getcwd(), *inside.arguments.get("python_path", [])):
        if path not in sys.path:
            sys.path.insert(0, path)
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
    settings_module(inside.arguments)
    import django
    from django.conf import settings

    inside.settings = settings
    keep_private(inside)
    django.setup()
    # Nobody is to be alarmed by what is tried here.
    logging.disable(logging.CRITICAL)
    if "sentry_sdk" in sys.modules:
        sys.modules["sentry_sdk"].init(dsn="")
    return {"settings_module": os.environ["DJANGO_SETTINGS_MODULE"], "django": django.get_version(), "directory": str(Path.cwd())}


def keep_private(inside):
    """Collect the secrets in force, for the search on the target and for masking."""
    settings, kept = inside.settings, inside.private
    kept["SECRET_KEY"] = settings.SECRET_KEY
    for number, key in enumerate(settings.SECRET_KEY_FALLBACKS or []):
        kept["SECRET_KEY_FALLBACKS.{0}".format(number)] = key
    for alias, database in settings.DATABASES.items():
        if database.get("PASSWORD"):
            kept["DATABASES.{0}".format(alias)] = database["PASSWORD"]
    if getattr(settings, "EMAIL_HOST_PASSWORD", ""):
        kept["EMAIL_HOST_PASSWORD"] = settings.EMAIL_HOST_PASSWORD
    jwt = getattr(settings, "SIMPLE_JWT", None)
    if isinstance(jwt, dict) and jwt.get("SIGNING_KEY"):
        kept["SIMPLE_JWT.SIGNING_KEY"] = jwt["SIGNING_KEY"]
    for name, value in list(kept.items()):
        kept[name] = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


FLAT = [
    "DEBUG",
    "ALLOWED_HOSTS",
    "INSTALLED_APPS",
    "MIDDLEWARE",
    "ROOT_URLCONF",
    "AUTH_USER_MODEL",
    "INTERNAL_IPS",
    "USE_X_FORWARDED_HOST",
    "USE_X_FORWARDED_PORT",
    "CSRF_COOKIE_SECURE",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_COOKIE_SAMESITE",
    "CSRF_USE_SESSIONS",
    "CSRF_TRUSTED_ORIGINS",
    "CSRF_COOKIE_NAME",
    "SECURE_PROXY_SSL_HEADER",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_CONTENT_TYPE_NOSNIFF",
    "SECURE_REFERRER_POLICY",
    "SECURE_CROSS_ORIGIN_OPENER_POLICY",
    "X_FRAME_OPTIONS",
    "SILENCED_SYSTEM_CHECKS",
    "SESSION_ENGINE",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_AGE",
    "SESSION_COOKIE_NAME",
    "STATIC_URL",
    "STATIC_ROOT",
    "MEDIA_URL",
    "MEDIA_ROOT",
    "PASSWORD_HASHERS",
    "MESSAGE_STORAGE",
]


def part_settings(inside):
    """Settings that are no secrets, by name."""
    import django

    found = {name: plain(getattr(inside.settings, name, None)) for name in FLAT}
    found["django_version"] = django.get_version()
    found["python_version"] = "{0}.{1}.{2}".format(*sys.version_info[:3])
    found["settings_module"] = os.environ.get("DJANGO_SETTINGS_MODULE")
    found["caches"] = {
        alias: {"backend": cache.get("BACKEND", ""), "timeout": cache.get("TIMEOUT", 300)} for alias, cache in inside.settings.CACHES.items()
    }
    found["templates"] = [
        {"backend": engine.get("BACKEND", ""), "autoescape": (engine.get("OPTIONS") or {}).get("autoescape", True)}
        for engine in inside.settings.TEMPLATES
    ]
    found["email"] = {
        name: plain(getattr(inside.settings, "EMAIL_" + name.upper(), None)) for name in ("backend", "host", "port", "use_tls", "use_ssl")
    }
    found["email"].update(user_set=bool(getattr(inside.settings, "EMAIL_HOST_USER", "")), default_from=plain(inside.settings.DEFAULT_FROM_EMAIL))
    return found


#: Options of a connection that say how it is protected or addressed; the others may hold anything.
OPTIONS_SHOWN = ("sslmode", "sslrootcert", "connect_timeout", "options", "application_name", "isolation_level", "pool", "server_side_binding")


def part_databases(inside):
    """The databases in force, by alias, without their passwords."""
    found = {}
    for alias, database in inside.settings.DATABASES.items():
        options = database.get("OPTIONS") or {}
        found[alias] = {
            "engine": database.get("ENGINE", ""),
            "name": plain(database.get("NAME")),
            "user": plain(database.get("USER")),
            "host": plain(database.get("HOST")),
            "port": plain(database.get("PORT")),
            "password_set": bool(database.get("PASSWORD")),
            "conn_max_age": plain(database.get("CONN_MAX_AGE")),
            "disable_server_side_cursors": bool(database.get("DISABLE_SERVER_SIDE_CURSORS")),
            "atomic_requests": bool(database.get("ATOMIC_REQUESTS")),
            "options": {name: plain(options[name]) for name in OPTIONS_SHOWN if name in options},
            "option_names": sorted(str(name) for name in options),
        }
    return found


def part_deploy_check(inside):
    """The findings of `check --deploy`, silenced ones apart."""
    from django.core import checks

    findings = checks.run_checks(include_deployment_checks=True)
    listed = [
        {"id": finding.id, "level": finding.level, "message": str(finding.msg)[:300], "silenced": finding.is_silenced()} for finding in findings
    ]
    return {
        "findings": [finding for finding in listed if not finding["silenced"] and finding["level"] >= checks.WARNING],
        "silenced": sorted({finding["id"] for finding in listed if finding["silenced"] and finding["id"]}),
    }


def part_cors(inside):
    """Whether django-cors-headers is used, and what its origins and patterns let in."""
    settings = inside.settings
    installed = "corsheaders" in [name.split(".")[0] for name in settings.INSTALLED_APPS]
    traces = [str(name) for name in settings.MIDDLEWARE if "cors" in str(name).lower()]

    def either(new, old, default):
        return getattr(settings, new, None) or getattr(settings, old, None) or default

    patterns = [getattr(item, "pattern", item) for item in either("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST", ())]
    found = {
        "installed": installed or bool(traces),
        "middleware": traces,
        "allow_all": bool(either("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL", False)),
        "origins": plain(list(either("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST", ()))),
        "patterns": [str(item) for item in patterns],
        "credentials": bool(getattr(settings, "CORS_ALLOW_CREDENTIALS", False)),
        "urls_regex": plain(getattr(settings, "CORS_URLS_REGEX", "^.*$")),
    }
    hosts = inside.arguments.get("domains") or []
    strange = ["null", "https://evil.invalid", "http://evil.invalid"]
    for host in hosts:
        strange += [
            "http://" + host,
            "https://" + host + ".evil.invalid",
            "https://evil-" + host,
            "https://evil.invalid." + host.split(".", 1)[-1] + ".evil.invalid",
            "https://" + host.replace(".", "x", 1),
            "https://" + host + ":1",
            "https://evil.invalid/" + host,
        ]
    declared = set(found["origins"]) | set(inside.arguments.get("cors_origins") or [])
    found["strangers_matched"] = sorted(
        {origin for origin in strange if origin not in declared and (found["allow_all"] or any(re.match(item, origin) for item in found["patterns"]))}
    )
    found["strangers_tried"] = len(set(strange))
    return found


def _walk(patterns, prefix=""):
    """Every view of the URL configuration as (module, name)."""
    for pattern in patterns:
        nested = getattr(pattern, "url_patterns", None)
        if nested is not None:
            yield from _walk(nested)
        else:
            callback = getattr(pattern, "callback", None)
            yield getattr(callback, "__module__", "") or ""


READINESS_PATHS = [
    "/health/ready",
    "/health/ready/",
    "/healthz/ready",
    "/readyz",
    "/readyz/",
    "/readiness",
    "/readiness/",
    "/ready",
    "/ready/",
    "/-/ready",
    "/health/readiness",
    "/healthz",
    "/healthz/",
    "/health",
    "/health/",
    "/ht/",
    "/status",
    "/status/",
]


def part_urls(inside):
    """Where the things a probe needs are: log-in, admin, readiness; and views that only debugging needs."""
    from django.shortcuts import resolve_url
    from django.urls import NoReverseMatch, Resolver404, get_resolver, resolve, reverse

    def address(*names):
        for name in names:
            try:
                return reverse(name)
            except NoReverseMatch:
                continue
        return None

    def view(path):
        try:
            return resolve(path.split("?")[0]).func
        except Resolver404:
            return None

    contract = inside.arguments.get("contract") or {}
    nowhere = view("/prodready-nowhere-{0}".format(os.getpid()))
    # What answers to anything, with or without a slash at its end, is nothing in particular.
    anything = (None, nowhere, view("/prodready-nowhere-{0}/".format(os.getpid())))
    login = contract.get("login_path") or address("login", "accounts:login", "users:login", "auth:login", "account_login")
    if not login:
        try:
            candidate = resolve_url(inside.settings.LOGIN_URL)
            login = candidate if candidate.startswith("/") and view(candidate) not in anything else None
        except NoReverseMatch:
            login = None
    guesses = [path for path in READINESS_PATHS if view(path) not in anything]
    inside.readiness_path = contract.get("readiness_path") or (guesses[0] if guesses else None)
    debug = sorted(
        {
            module.split(".")[0]
            for module in _walk(get_resolver().url_patterns)
            if module.split(".")[0] in ("debug_toolbar", "silk", "django_pdb", "werkzeug_debugger_runserver")
        }
    )
    return {
        "login": login or address("admin:login"),
        "admin": address("admin:index"),
        "admin_login": address("admin:login"),
        "readiness": inside.readiness_path,
        "readiness_declared": bool(contract.get("readiness_path")),
        "debug_views": debug,
        "catch_all": anything != (None, None, None),
    }


def part_csrf(inside):
    """What protects forms against requests from elsewhere."""
    return {
        "middleware": "django.middleware.csrf.CsrfViewMiddleware" in inside.settings.MIDDLEWARE,
        "cookie_secure": bool(inside.settings.CSRF_COOKIE_SECURE),
        "cookie_samesite": plain(inside.settings.CSRF_COOKIE_SAMESITE),
        "use_sessions": bool(inside.settings.CSRF_USE_SESSIONS),
        "trusted_origins": plain(inside.settings.CSRF_TRUSTED_ORIGINS),
    }


PARTS = {
    "settings": part_settings,
    "databases": part_databases,
    "cors": part_cors,
    "csrf": part_csrf,
    "urls": part_urls,
    "deploy_check": part_deploy_check,
}


class _TooLong(Exception):
    pass


def _alarm(_number, _frame):
    raise _TooLong()


def main(arguments, secrets, more_parts=None, out=None):
    """Look at every part; print one line of JSON for each."""
    inside = Inside(arguments, secrets)
    if out is None:
        out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what the project prints is not ours
    signal.signal(signal.SIGALRM, _alarm)

    def look(name, function, *given):
        # A big project takes its time to be imported, above all on a busy host.
        limit = arguments.get("start_seconds", 30) if name == "project" else arguments.get("part_seconds", 10)
        entry, started = {"part": name}, time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            entry["value"] = function(*given)
        except _TooLong:
            entry["error"] = "took longer than {0} seconds".format(limit)
        except (Exception, SystemExit) as error:
            said = " ".join(str(error).split())
            if not getattr(error, "sentence", False):
                said = "{0}: {1}".format(type(error).__name__, said)
            entry["error"] = secrets.mask_text(said, inside.known_secrets())[:400]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        entry["seconds"] = round(time.monotonic() - started, 4)
        out.write(json.dumps(entry) + "\n")
        out.flush()
        return entry

    begun = look("project", start, inside)
    if "error" not in begun:
        parts = dict(PARTS, **(more_parts or {}))
        for name in arguments.get("parts") or parts:
            look(name, parts[name], inside)
    look("private", lambda: inside.private)
    out.close()
