# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project's settings lack for production, and the module that overlays exactly that. PRIVATE to the collection.

Pure: from what was seen of the settings and what production needs to a list of differences, and from that to text.
"""

from __future__ import annotations

import inspect
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible_collections.prodready.django.plugins.module_utils import _django_overlay_parts as parts

MODULE = "prodready_settings"
FILE = MODULE + ".py"
STORAGE_FILE = "prodready_storage.py"
YEAR = 365 * 24 * 60 * 60
MANIFEST = "prodready_storage.ManifestStaticFiles"

_RELEASE = re.compile(r"/srv/[^/\s]+/releases/[0-9a-f]{12}-[0-9a-f]{8}")

#: Never on a server: they show code and settings to whoever asks, or reload pages of developers.
DEBUG_APPS = ("debug_toolbar", "silk", "django_browser_reload")

#: What a project need not set: its overlay starts from Django's own value.
DEFAULTS = ("CACHES", "DATABASES", "LOGGING", "MIDDLEWARE", "SECURE_REDIRECT_EXEMPT", "SILENCED_SYSTEM_CHECKS", "STORAGES")

STORAGE_TEXT = '''# Managed by prodready: changes made here are overwritten.
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class ManifestStaticFiles(ManifestStaticFilesStorage):
    """Static files under names that hold their digest; a page that names a file which is not there keeps its plain name."""

    manifest_strict = False

    def stored_name(self, name):
        try:
            return super().stored_name(name)
        except ValueError:
            return name
'''


def database_of(url):
    """The parts of a database's URL that are no secret."""
    split = urlsplit(url)
    options = dict(parse_qsl(split.query))
    return {
        "name": unquote(split.path.lstrip("/")),
        "user": unquote(split.username or ""),
        "host": split.hostname or "",
        "port": str(split.port or ""),
        "sslmode": options.get("sslmode"),
        "sslrootcert": options.get("sslrootcert"),
    }


def wanted_of(variables, options):
    """What production needs, from the environment of the app and the role's options; nothing secret in it."""

    def items(name):
        return [item for item in variables.get(name, "").split(",") if item]

    return dict(
        options,
        hosts=items("ALLOWED_HOSTS"),
        origins=items("CSRF_TRUSTED_ORIGINS"),
        database=database_of(variables.get("DATABASE_URL", "")),
        cache=bool(variables.get("CACHE_URL")),
        cache_is_redis=bool(variables.get("CACHE_URL")) and not variables["CACHE_URL"].startswith("dbcache://"),
        static_root=variables.get("STATIC_ROOT", ""),
        media_root=variables.get("MEDIA_ROOT", ""),
        email=bool(variables.get("EMAIL_URL")),
    )


class Overlay:
    """Collects differences; with `everything`, also what does not differ."""

    def __init__(self, seen, wanted, everything=False):
        self.seen = seen
        self.wanted = wanted
        self.everything = everything
        self.differences = []
        self.lines = []
        self.helpers = []
        self.notes = []
        self.manifest = False

    def differs(self, setting, wrong, found, value, why, *, line=None, helper=None):
        """Note a setting whose value will not do, and the line of code that mends it."""
        if not (wrong or self.everything):
            return
        self.differences.append({"setting": setting, "project": show(found), "overlay": show(value), "why": why})
        self.lines.append(line or "{0} = {1!r}".format(setting, value))
        for one in (helper,) if helper else ():
            if one not in self.helpers:
                self.helpers.append(one)

    def keys(self):
        """SECRET_KEY and its fallbacks."""
        keys = self.seen["keys"]
        found = "not set" if not keys["set"] else "(hidden) made by startproject" if keys["insecure"] else "(hidden) of its own"
        self.differs(
            "SECRET_KEY",
            not keys["from_environment"],
            "that of the environment" if keys["from_environment"] else found,
            "SECRET_KEY of the environment",
            "whoever reads the code could sign sessions",
            line='SECRET_KEY = os.environ["SECRET_KEY"]',
        )
        self.differs(
            "SECRET_KEY_FALLBACKS",
            not keys["fallbacks_from_environment"],
            "{0} key(s) of its own".format(keys["fallbacks"]),
            "SECRET_KEY_FALLBACKS of the environment",
            "a key is replaced without ending sessions",
            line='SECRET_KEY_FALLBACKS = _items("SECRET_KEY_FALLBACKS")',
            helper="_items",
        )

    def hosts(self):
        """DEBUG, and who may ask."""
        seen, wanted = self.seen, self.wanted
        self.differs("DEBUG", seen["DEBUG"] is not False, seen["DEBUG"], False, "debug pages show settings and code to strangers")
        self.differs(
            "ALLOWED_HOSTS",
            set(seen["ALLOWED_HOSTS"] or []) != set(wanted["hosts"]),
            seen["ALLOWED_HOSTS"],
            wanted["hosts"],
            "exactly the names the site is served under",
            line='ALLOWED_HOSTS = _items("ALLOWED_HOSTS")',
            helper="_items",
        )
        found = seen["CSRF_TRUSTED_ORIGINS"] or []
        self.differs(
            "CSRF_TRUSTED_ORIGINS",
            bool(set(wanted["origins"]) - set(found)) or any(not one.startswith("https://") or "*" in one for one in found),
            found,
            wanted["origins"],
            "forms may come from the site itself, over https",
            line='CSRF_TRUSTED_ORIGINS = _items("CSRF_TRUSTED_ORIGINS")',
            helper="_items",
        )

    def database(self):
        """The default database, through the pooler where there is one."""
        wanted, found = self.wanted["database"], self.seen["databases"].get("default") or {}
        engine = found.get("engine", "")
        reasons = [] if "postg" in engine else ["PostgreSQL"]
        if not reasons:
            reasons = ["{0} {1}".format(key, value) for key, value in wanted.items() if value and str(found.get(key) or "") != value]
            if not found["password_from_environment"]:
                reasons.append("the environment's password")
        where = "{0} at {1}:{2}, database {3}".format(wanted["user"], wanted["host"], wanted["port"], wanted["name"])
        shown = "{0}, {1}".format(engine or "none", found.get("host") or found.get("name") or "no name")
        tuning = self.tuning(found, moved=bool(reasons))
        if reasons or self.everything:
            self.differs(
                "DATABASES['default']",
                True,
                shown,
                "PostgreSQL as {0}, sslmode {1}{2}".format(where, wanted["sslmode"], "".join(", {0}={1}".format(*one) for one in tuning.items())),
                "the host's database and nothing less than a verified connection to it: " + ", ".join(reasons or ["as it is"]),
                line='DATABASES = {{**DATABASES, "default": _database(DATABASES.get("default", {{}}), {0})}}'.format(
                    ", ".join("{0}={1!r}".format(*one) for one in tuning.items())
                ),
                helper="_database",
            )
        elif tuning:
            self.differs(
                "DATABASES['default']",
                True,
                ", ".join("{0}={1}".format(key, found[key.lower()]) for key in tuning),
                ", ".join("{0}={1}".format(*one) for one in tuning.items()),
                "connections that are kept, looked at before use, and fit for a pooler",
                line='DATABASES = {{**DATABASES, "default": {{**DATABASES["default"], {0}}}}}'.format(
                    ", ".join('"{0}": {1!r}'.format(*one) for one in tuning.items())
                ),
            )

    def tuning(self, found, moved):
        """How connections are kept: only what is not good already."""
        age, asgi = (None, self.wanted["asgi"]) if moved else (found["conn_max_age"], self.wanted["asgi"])
        needed = {}
        if not moved and found["pool"]:
            return {"DISABLE_SERVER_SIDE_CURSORS": True} if self.wanted["pooled"] and not found["disable_server_side_cursors"] else {}
        if asgi and (moved or age != 0):
            needed["CONN_MAX_AGE"] = 0  # Django: under ASGI persistent connections should be disabled
        if not asgi and (moved or age == 0):
            needed["CONN_MAX_AGE"] = 60
        if moved or (not asgi and not found["conn_health_checks"]):
            needed["CONN_HEALTH_CHECKS"] = True
        if self.wanted["pooled"] and (moved or not found["disable_server_side_cursors"]):
            needed["DISABLE_SERVER_SIDE_CURSORS"] = True
        return needed

    def caches(self):
        """Caches that each process has for itself, or in files; and with Redis asked for, those that are elsewhere."""
        if not self.wanted["cache"]:
            return
        for alias, cache in sorted(self.seen["caches"].items()):
            name = cache["backend"].rsplit(".", 1)[-1]
            own = name in ("LocMemCache", "DummyCache", "FileBasedCache") or not name
            elsewhere = self.wanted["cache_is_redis"] and alias == "default" and not cache["from_environment"]
            kind = "Redis" if self.wanted["cache_is_redis"] else "the database"
            self.differs(
                "CACHES[{0!r}]".format(alias),
                own or elsewhere,
                cache["backend"] or "none",
                "{0}, at CACHE_URL of the environment".format(kind),
                "all processes share one cache" if own else "the cache that was asked for",
                line="CACHES = {{**CACHES, {0!r}: _cache({0!r}, CACHES.get({0!r}, {{}}))}}".format(alias),
                helper="_cache",
            )

    def files(self):
        """Where static files and uploads stand."""
        seen, wanted = self.seen, self.wanted
        for setting, value, why in (
            ("STATIC_ROOT", wanted["static_root"], "the directory that the web server serves"),
            ("MEDIA_ROOT", wanted["media_root"], "the one directory that outlives releases and that the app may write"),
        ):
            found = str(seen[setting] or "").rstrip("/")
            self.differs(setting, found != value, found or "not set", value, why, line='{0} = os.environ["{0}"]'.format(setting))
        static = seen["static"]
        if "django.contrib.staticfiles" not in (seen["INSTALLED_APPS"] or []) or not static["storages"] or not wanted["manifest"]:
            return
        # Everything else would take a project's own storage away.
        if static["manifest"]:
            return
        self.manifest = True
        self.differs(
            "STORAGES['staticfiles']",
            True,
            static["backend"] or "none",
            MANIFEST,
            "browsers can keep a file for ever when its name changes with its content",
            line='STORAGES = {{**STORAGES, "staticfiles": {{"BACKEND": "{0}"}}}}'.format(MANIFEST),
        )

    def mail(self):
        """Mail that leaves the machine."""
        backend = self.seen["EMAIL_BACKEND"] or ""
        kept = re.search(r"\b(console|locmem|filebased|dummy)\b|ConsoleEmailBackend", backend)
        if not self.wanted["email"]:
            if kept:
                self.notes.append(
                    "EMAIL_BACKEND is {0}: mail of the app goes nowhere. Set EMAIL_URL in secrets.environment to send it".format(backend)
                )
            return
        self.differs(
            "EMAIL_*",
            bool(kept),
            backend,
            "SMTP, at EMAIL_URL of the environment",
            "mail is sent, not shown",
            line="globals().update(_email())",
            helper="_email",
        )

    def transport(self):
        """https, cookies, headers."""
        seen = self.seen
        header = ["HTTP_X_FORWARDED_PROTO", "https"]
        self.differs(
            "SECURE_PROXY_SSL_HEADER",
            seen["SECURE_PROXY_SSL_HEADER"] != header,
            seen["SECURE_PROXY_SSL_HEADER"],
            tuple(header),
            "the web server says by this header, which it sets itself, that the request came over https",
        )
        missing = [path for path in self.wanted["exempt"] if not any(_matches(one, path) for one in seen["SECURE_REDIRECT_EXEMPT"] or [])]
        self.differs(
            "SECURE_SSL_REDIRECT", seen["SECURE_SSL_REDIRECT"] is not True, seen["SECURE_SSL_REDIRECT"], True, "nothing is answered without https"
        )
        if missing:
            patterns = ["^{0}$".format(re.escape(path.lstrip("/"))) for path in missing]
            self.differs(
                "SECURE_REDIRECT_EXEMPT",
                True,
                seen["SECURE_REDIRECT_EXEMPT"],
                patterns,
                "health is asked on the socket, without the web server",
                line="SECURE_REDIRECT_EXEMPT = [*SECURE_REDIRECT_EXEMPT, *{0!r}]".format(patterns),
            )
        self.hsts()
        for setting, value, why in (
            ("SECURE_CONTENT_TYPE_NOSNIFF", True, "browsers do not guess types"),
            ("SESSION_COOKIE_SECURE", True, "the session's cookie never goes over http"),
            ("SESSION_COOKIE_HTTPONLY", True, "scripts cannot read the session's cookie"),
            ("CSRF_COOKIE_SECURE", True, "the form's cookie never goes over http"),
        ):
            self.differs(setting, seen[setting] is not value, seen[setting], value, why)
        for setting in ("SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SAMESITE"):
            self.differs(setting, seen[setting] not in ("Lax", "Strict"), seen[setting], "Lax", "other sites' requests do not carry it")
        self.differs(
            "SECURE_REFERRER_POLICY", not seen["SECURE_REFERRER_POLICY"], seen["SECURE_REFERRER_POLICY"], "same-origin", "addresses stay here"
        )
        silenced = "security.W019" in (seen["SILENCED_SYSTEM_CHECKS"] or [])
        framing = str(seen["X_FRAME_OPTIONS"]).upper()
        self.differs(
            "X_FRAME_OPTIONS",
            framing != "DENY" and not (framing == "SAMEORIGIN" and silenced),
            seen["X_FRAME_OPTIONS"],
            "DENY",
            "other sites cannot frame its pages (with SAMEORIGIN, silence security.W019 in the project to keep it)",
        )

    def hsts(self):
        """Django's own; the web server in front replaces the header by its own."""
        seen = self.seen
        short = not isinstance(seen["SECURE_HSTS_SECONDS"], int) or seen["SECURE_HSTS_SECONDS"] < YEAR
        why = "browsers ask over https alone; the web server in front sends its own header instead of this one"
        self.differs("SECURE_HSTS_SECONDS", short, seen["SECURE_HSTS_SECONDS"], 2 * YEAR, why)
        for setting in ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"):
            self.differs(setting, seen[setting] is not True, seen[setting], True, "as above: `check --deploy` wants it, the web server decides it")

    def middleware(self):
        """What must be there, and what must not."""
        seen = self.seen
        apps, chain = list(seen["INSTALLED_APPS"] or []), list(seen["MIDDLEWARE"] or [])
        debugging = [name for name in apps if name.split(".")[0] in DEBUG_APPS]
        if debugging:
            self.differs(
                "INSTALLED_APPS",
                True,
                "with " + ", ".join(debugging),
                "without them",
                "tools of developers",
                line="INSTALLED_APPS = [name for name in INSTALLED_APPS if name not in {0!r}]".format(debugging),
            )
        away = [name for name in chain if name.split(".")[0] in DEBUG_APPS]
        first = "django.middleware.security.SecurityMiddleware"
        last = "django.middleware.clickjacking.XFrameOptionsMiddleware"
        before = [first] if not any(name.endswith("SecurityMiddleware") for name in chain) else []
        after = [last] if not any(name.endswith("XFrameOptionsMiddleware") for name in chain) else []
        rest = "*[name for name in MIDDLEWARE if name not in {0!r}]".format(away) if away else "*MIDDLEWARE"
        if away or before or after:
            self.differs(
                "MIDDLEWARE",
                True,
                ("with " + ", ".join(away)) if away else "without " + ", ".join(before + after),
                ", ".join((["without tools of developers"] if away else []) + ["with " + name for name in before + after]),
                "security headers, and no tools of developers",
                line="MIDDLEWARE = [{0}]".format(", ".join([repr(name) for name in before] + [rest] + [repr(name) for name in after])),
            )

    def logs(self):
        """Logs that reach the service manager."""
        logs = self.seen["logs"]
        if logs["own"]:
            return
        lost = [handler["path"] for handler in logs["files"].values() if not handler["writable"] or not self.writable(handler["folder"])]
        if lost:
            reason, found = "files the app may not write", ", ".join(lost)
        elif logs["error"]:
            reason, found = "it cannot be set up", logs["error"]
        else:
            reason, found = "errors are said where somebody reads them", "errors go to e-mail alone" if not logs["said"] else "as it is"
        self.differs(
            "LOGGING",
            bool(lost or logs["error"] or not logs["said"]),
            found,
            "errors on standard error",
            reason,
            line="LOGGING = _logging(LOGGING)",
            helper="_logging",
        )

    def writable(self, folder):
        """Whether the app may write there once its sandbox is closed."""
        return any(folder == top or folder.startswith(top + "/") for top in self.wanted["writable"])

    def silenced(self):
        """Findings of `check --deploy` that were accepted, each with its reason."""
        accepted = {name: why for name, why in sorted(self.wanted["silenced"].items()) if name not in (self.seen["SILENCED_SYSTEM_CHECKS"] or [])}
        if accepted:
            self.differs(
                "SILENCED_SYSTEM_CHECKS",
                True,
                self.seen["SILENCED_SYSTEM_CHECKS"] or "none",
                ", ".join(accepted),
                "; ".join("{0}: {1}".format(*one) for one in accepted.items()),
                line="SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, *{0!r}]".format(list(accepted)),
            )

    def judge(self):
        """All of it, in the order in which a settings file is read."""
        for one in (
            self.hosts,
            self.keys,
            self.middleware,
            self.database,
            self.caches,
            self.files,
            self.mail,
            self.transport,
            self.logs,
            self.silenced,
        ):
            one()
        return self

    def text(self, settings_module):
        """The overlay: the project's settings, then what differs, each with its reason."""
        if not self.differences:
            return ""
        head = [
            "# Managed by prodready: changes made here are overwritten.",
            '"""The settings of {0}, and over them what production needs and they lack. No secret stands here."""'.format(settings_module),
            "",
        ]
        used = [name for name in DEFAULTS if any(re.search(r"= .*\b{0}\b".format(name), line) for line in self.lines)]
        if used:
            head.append("from django.conf.global_settings import {0}".format(", ".join(used)))
        head += ["from {0} import *  # noqa: F403".format(settings_module), "", "import os  # noqa: E402", ""]
        for name in self.helpers:
            head += ["", inspect.getsource(getattr(parts, name)).rstrip(), ""]
        body = []
        for difference, line in zip(self.differences, self.lines):
            body += ["", "# {0}; the project: {1}".format(difference["why"], difference["project"]).replace("\n", " "), line]
        return "\n".join(head + body) + "\n"


def _matches(pattern, path):
    try:
        return re.search(pattern, path.lstrip("/")) is not None
    except re.error:
        return False


def show(value):
    """A value for a reader."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(one) for one in value) or "none"
    text = "not set" if value is None or value == "" else str(value)
    return _RELEASE.sub("RELEASE", text)  # the next release is overlaid with the same text


def passing_through(settings_module):
    """An overlay that overlays nothing, for processes that still read it until they are restarted."""
    return "# Managed by prodready: nothing is overlaid any more.\nfrom {0} import *  # noqa: F403\n".format(settings_module)


def files_of(overlay, settings_module):
    """The files of an overlay by name; none where nothing differs."""
    text = overlay.text(settings_module)
    if not text:
        return {}
    found = {FILE: text}
    if overlay.manifest:
        found[STORAGE_FILE] = STORAGE_TEXT
    return found
