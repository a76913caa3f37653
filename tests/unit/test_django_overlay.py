"""What production needs and a project's settings lack is overlaid: all of that, only that, and never a secret."""

import copy
import sys
import types

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _django_overlay as overlay
from ansible_collections.prodready.django.plugins.module_utils import _django_overlay_parts as parts
from ansible_collections.prodready.django.plugins.module_utils import _django_settings_look as settings_look

VARIABLES = {
    "ALLOWED_HOSTS": "shop.test,www.shop.test",
    "CSRF_TRUSTED_ORIGINS": "https://shop.test,https://www.shop.test",
    "DATABASE_URL": "postgresql://shop_app:p%3Aw%40d@localhost:5432/shop?sslmode=verify-full&sslrootcert=/etc/prodready/ca/ca.pem",
    "CACHE_URL": "dbcache://prodready_cache",
    "CACHE_KEY_PREFIX": "shop",
    "STATIC_ROOT": "/srv/shop/current/static",
    "MEDIA_ROOT": "/srv/shop/media",
}
OPTIONS = {"pooled": False, "asgi": False, "exempt": [], "writable": ["/var/lib/shop"], "silenced": {}, "manifest": True}
READY = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["www.shop.test", "shop.test"],
    "CSRF_TRUSTED_ORIGINS": ["https://shop.test", "https://www.shop.test"],
    "INSTALLED_APPS": ["django.contrib.staticfiles", "shop"],
    "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
    "SECURE_SSL_REDIRECT": True,
    "SECURE_REDIRECT_EXEMPT": ["^health/"],
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SECURE_REFERRER_POLICY": "same-origin",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_COOKIE_SAMESITE": "Strict",
    "CSRF_USE_SESSIONS": False,
    "X_FRAME_OPTIONS": "DENY",
    "SILENCED_SYSTEM_CHECKS": [],
    "STATIC_ROOT": "/srv/shop/current/static",
    "MEDIA_ROOT": "/srv/shop/media",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_HOST": "localhost",
    "EMAIL_PORT": 25,
    "keys": {"set": True, "insecure": False, "from_environment": True, "fallbacks": 0, "fallbacks_from_environment": True},
    "databases": {
        "default": {
            "engine": "django.db.backends.postgresql",
            "name": "shop",
            "user": "shop_app",
            "host": "localhost",
            "port": "5432",
            "password_from_environment": True,
            "conn_max_age": 60,
            "conn_health_checks": True,
            "disable_server_side_cursors": False,
            "sslmode": "verify-full",
            "sslrootcert": "/etc/prodready/ca/ca.pem",
            "pool": False,
        }
    },
    "caches": {"default": {"backend": "django.core.cache.backends.db.DatabaseCache", "from_environment": False}},
    "static": {"backend": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage", "manifest": True, "storages": True},
    "logs": {"own": False, "files": {}, "said": True, "error": ""},
}


def judged(change=None, variables=None, everything=False, **options):
    seen = copy.deepcopy(READY)
    for path, value in (change or {}).items():
        place = seen
        *folders, last = path.split("/")
        for folder in folders:
            place = place[folder]
        place[last] = value
    wanted = overlay.wanted_of({**VARIABLES, **(variables or {})}, {**OPTIONS, **options})
    return overlay.Overlay(seen, wanted, everything=everything).judge()


def settings_of(result):
    return [one["setting"] for one in result.differences]


@pytest.mark.parametrize(
    ("fallbacks", "own", "environments"),
    [(["older", "asked"], 0, True), ([], 0, False), (["older"], 0, False), (["mine"], 1, False), (["mine", "older", "asked"], 1, False)],
)
def test_a_project_knows_the_fallbacks_of_the_environment_or_does_not(monkeypatch, fallbacks, own, environments):
    monkeypatch.setenv("SECRET_KEY", "key")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "older,asked")
    found = settings_look.secret_key(types.SimpleNamespace(SECRET_KEY="key", SECRET_KEY_FALLBACKS=fallbacks))
    assert (found["fallbacks"], found["fallbacks_from_environment"]) == (own, environments)


def test_a_project_that_is_ready_gets_no_overlay():
    result = judged()
    assert result.differences == []
    assert overlay.files_of(result, "shop.settings") == {}


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"DEBUG": True}, "DEBUG"),
        ({"ALLOWED_HOSTS": ["*"]}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ["shop.test"]}, "ALLOWED_HOSTS"),
        ({"CSRF_TRUSTED_ORIGINS": []}, "CSRF_TRUSTED_ORIGINS"),
        ({"CSRF_TRUSTED_ORIGINS": [*READY["CSRF_TRUSTED_ORIGINS"], "http://shop.test"]}, "CSRF_TRUSTED_ORIGINS"),
        ({"keys/from_environment": False, "keys/insecure": True}, "SECRET_KEY"),
        ({"keys/fallbacks_from_environment": False}, "SECRET_KEY_FALLBACKS"),
        ({"databases/default/engine": "django.db.backends.sqlite3"}, "DATABASES['default']"),
        ({"databases/default/host": "db.example"}, "DATABASES['default']"),
        ({"databases/default/sslmode": "prefer"}, "DATABASES['default']"),
        ({"databases/default/password_from_environment": False}, "DATABASES['default']"),
        ({"databases/default/conn_max_age": 0}, "DATABASES['default']"),
        ({"databases/default/conn_health_checks": False}, "DATABASES['default']"),
        ({"databases": {}}, "DATABASES['default']"),
        ({"caches/default/backend": "django.core.cache.backends.locmem.LocMemCache"}, "CACHES['default']"),
        ({"caches/default/backend": "django.core.cache.backends.filebased.FileBasedCache"}, "CACHES['default']"),
        ({"STATIC_ROOT": None}, "STATIC_ROOT"),
        ({"MEDIA_ROOT": "/srv/shop/releases/1/source/media"}, "MEDIA_ROOT"),
        ({"static/manifest": False}, "STORAGES['staticfiles']"),
        ({"SECURE_PROXY_SSL_HEADER": None}, "SECURE_PROXY_SSL_HEADER"),
        ({"SECURE_SSL_REDIRECT": False}, "SECURE_SSL_REDIRECT"),
        ({"SECURE_HSTS_SECONDS": 3600}, "SECURE_HSTS_SECONDS"),
        ({"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "SESSION_COOKIE_SAMESITE"),
        ({"X_FRAME_OPTIONS": "ALLOWALL"}, "X_FRAME_OPTIONS"),
        ({"X_FRAME_OPTIONS": "SAMEORIGIN"}, "X_FRAME_OPTIONS"),
        ({"INSTALLED_APPS": ["django.contrib.staticfiles", "debug_toolbar"]}, "INSTALLED_APPS"),
        ({"MIDDLEWARE": [*READY["MIDDLEWARE"], "debug_toolbar.middleware.DebugToolbarMiddleware"]}, "MIDDLEWARE"),
        ({"MIDDLEWARE": READY["MIDDLEWARE"][:1]}, "MIDDLEWARE"),
        ({"logs/said": False}, "LOGGING"),
        ({"logs/files": {"file": {"path": "/var/log/shop.log", "folder": "/var/log", "writable": False}}}, "LOGGING"),
        # The app's own account may write beside its code while it is tried, and not when its sandbox is closed.
        ({"logs/files": {"file": {"path": "/srv/shop/x.log", "folder": "/srv/shop", "writable": True}}}, "LOGGING"),
    ],
)
def test_each_setting_that_will_not_do_is_overlaid_and_no_other(change, setting):
    result = judged(change)
    assert settings_of(result) == [setting]
    compile(result.text("shop.settings"), "prodready_settings.py", "exec")


@pytest.mark.parametrize(
    "change",
    [
        {"databases/default/engine": "django.contrib.gis.db.backends.postgis"},
        {"databases/default/conn_max_age": None},
        {"databases/default/pool": True, "databases/default/conn_max_age": 0},
        {"caches/default/backend": "django_redis.cache.RedisCache"},
        {"X_FRAME_OPTIONS": "SAMEORIGIN", "SILENCED_SYSTEM_CHECKS": ["security.W019"]},
        {"EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend"},
        {"logs/files": {"file": {"path": "/var/lib/shop/x.log", "folder": "/var/lib/shop", "writable": True}}},
        {"logs/own": True, "logs/said": False},
        {"static/manifest": False, "static/storages": False},
        {"INSTALLED_APPS": ["shop"], "static/manifest": False},
        {"MIDDLEWARE": ["shop.SecurityMiddleware", "shop.XFrameOptionsMiddleware"]},
    ],
)
def test_what_a_project_decided_with_reason_is_left_alone(change):
    assert judged(change).differences == []


def test_behind_a_pooler_server_side_cursors_are_switched_off_and_nothing_else():
    result = judged(pooled=True)
    assert settings_of(result) == ["DATABASES['default']"]
    assert result.differences[0]["overlay"] == "DISABLE_SERVER_SIDE_CURSORS=True"
    assert judged({"databases/default/disable_server_side_cursors": True}, pooled=True).differences == []


def test_under_asgi_connections_are_not_kept():
    assert judged(asgi=True).differences[0]["overlay"] == "CONN_MAX_AGE=0"
    assert judged({"databases/default/conn_max_age": 0, "databases/default/conn_health_checks": False}, asgi=True).differences == []


def test_redis_is_used_when_it_was_asked_for_and_left_when_it_is_there():
    redis = {"CACHE_URL": "unix://shop:pw@/run/redis/redis-server.sock?db=0"}
    assert settings_of(judged(variables=redis)) == ["CACHES['default']"]
    assert judged({"caches/default": {"backend": "django_redis.cache.RedisCache", "from_environment": True}}, variables=redis).differences == []


def test_without_a_cache_of_the_roles_the_projects_own_stays():
    assert judged({"caches/default/backend": "django.core.cache.backends.locmem.LocMemCache"}, variables={"CACHE_URL": ""}).differences == []


def test_mail_on_the_console_is_sent_with_a_url_and_reported_without():
    console = {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    assert settings_of(judged(console, variables={"EMAIL_URL": "smtp://mail.test:25"})) == ["EMAIL_*"]
    result = judged(console)
    assert result.differences == []
    assert "goes nowhere" in result.notes[0]


def test_an_address_that_is_asked_on_the_socket_is_exempt_from_the_redirect():
    assert judged(exempt=["/health/live"]).differences == []
    result = judged({"SECURE_REDIRECT_EXEMPT": []}, exempt=["/health/live"])
    assert "^health/live$" in result.text("shop.settings")


def test_an_accepted_finding_is_silenced_with_its_reason():
    result = judged(silenced={"api.W001": "the vendor's schema"})
    assert settings_of(result) == ["SILENCED_SYSTEM_CHECKS"]
    assert "the vendor's schema" in result.text("shop.settings")


def test_a_storage_without_manifest_stays_where_collecting_failed_before():
    assert judged({"static/manifest": False}, manifest=False).differences == []


def test_always_overlays_everything():
    assert {"DEBUG", "SECRET_KEY", "DATABASES['default']", "CACHES['default']", "LOGGING", "X_FRAME_OPTIONS"} <= set(
        settings_of(judged(everything=True))
    )


def test_no_secret_and_no_release_stands_in_an_overlay():
    release = "/srv/shop/releases/0123456789ab-01234567/source"
    change = {
        "databases/default/engine": "django.db.backends.sqlite3",
        "databases/default/host": "",
        "databases/default/name": release + "/db.sqlite3",
    }
    result = judged({**change, "keys/from_environment": False, "STATIC_ROOT": release + "/static"}, everything=True)
    text = str(overlay.files_of(result, "shop.settings")) + str(result.differences)
    for secret in ("p%3Aw%40d", "p:w@d", "0123456789ab"):
        assert secret not in text


def run(text, before, variables, monkeypatch):
    """The overlay's own code over a project's settings."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    space = dict(before)
    exec("\n".join(line for line in text.splitlines() if not line.startswith("from ")), space)
    return space


def test_an_overlay_makes_the_settings_it_promises(monkeypatch):
    change = {
        "DEBUG": True,
        "keys/from_environment": False,
        "databases/default/engine": "django.db.backends.sqlite3",
        "caches/default/backend": "django.core.cache.backends.locmem.LocMemCache",
        "logs/said": False,
    }
    project = {"DEBUG": True, "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "ATOMIC_REQUESTS": True}, "queue": {}}}
    project |= {"CACHES": {"default": {"BACKEND": "x", "TIMEOUT": 7}}, "LOGGING": {}}
    variables = {**VARIABLES, "SECRET_KEY": "from the environment"}
    space = run(judged(change, pooled=True).text("shop.settings"), project, variables, monkeypatch)
    assert space["DEBUG"] is False
    assert space["SECRET_KEY"] == "from the environment"
    assert space["DATABASES"]["queue"] == {}
    assert space["DATABASES"]["default"] == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "shop_app",
        "PASSWORD": "p:w@d",
        "HOST": "localhost",
        "PORT": "5432",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/etc/prodready/ca/ca.pem", "connect_timeout": 5},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    assert space["CACHES"]["default"] == {
        "TIMEOUT": 7,
        "KEY_PREFIX": "shop",
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "prodready_cache",
        "OPTIONS": {"MAX_ENTRIES": 10000},
    }
    assert space["LOGGING"]["loggers"]["django"]["handlers"] == ["prodready"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({}, {"MAX_ENTRIES": 10000}),
        ({"BACKEND": "x.LocMemCache", "OPTIONS": None}, {"MAX_ENTRIES": 10000}),
        ({"BACKEND": "x.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 500}}, {"MAX_ENTRIES": 500}),
        ({"BACKEND": "x.DatabaseCache", "OPTIONS": {"MAX_ENTRIES": 50000, "CULL_FREQUENCY": 2}}, {"MAX_ENTRIES": 50000, "CULL_FREQUENCY": 2}),
        ({"BACKEND": "django_redis.cache.RedisCache", "OPTIONS": {"CLIENT_CLASS": "x.Client", "PASSWORD": "pw"}}, {"MAX_ENTRIES": 10000}),
    ],
)
def test_a_database_cache_is_bounded_by_the_project_and_never_by_djangos_300(before, expected, monkeypatch):
    monkeypatch.setenv("CACHE_URL", "dbcache://prodready_cache")
    assert parts._cache("default", before)["OPTIONS"] == expected


def client_of_redis(monkeypatch):
    """As much of redis-py as the overlay asks for."""
    modules = {name: types.ModuleType(name) for name in ("redis", "redis.backoff", "redis.exceptions", "redis.retry")}
    modules["redis.backoff"].ExponentialBackoff = lambda **bounds: bounds
    modules["redis.exceptions"].ConnectionError = modules["redis.exceptions"].TimeoutError = OSError
    modules["redis.retry"].Retry = lambda backoff, times, supported_errors: ("retry", times, OSError in supported_errors)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


DJANGOS_REDIS = "django.core.cache.backends.redis.RedisCache"
RETRY = ("retry", 12, True)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"BACKEND": "x.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 500}}, {"retry": RETRY}),
        ({"BACKEND": DJANGOS_REDIS, "OPTIONS": {"socket_timeout": 1}}, {"socket_timeout": 1, "retry": RETRY}),
        ({"BACKEND": DJANGOS_REDIS, "OPTIONS": {"retry": "its own"}}, {"retry": "its own"}),
        # none of these is known to a connection on a socket, or it is another server's
        ({"BACKEND": DJANGOS_REDIS, "OPTIONS": {"db": 3, "password": "pw", "ssl_cert_reqs": None, "socket_keepalive": True}}, {"retry": RETRY}),
        # another library's options are no words of Django's
        ({"BACKEND": "django_redis.cache.RedisCache", "OPTIONS": {"CLIENT_CLASS": "x.Client"}}, {"retry": RETRY}),
    ],
)
def test_a_redis_cache_lives_through_a_restart_and_keeps_what_its_backend_knows(before, expected, monkeypatch):
    client_of_redis(monkeypatch)
    monkeypatch.setenv("CACHE_URL", "unix://shop:pw@/run/redis/redis-server.sock?db=0")
    assert parts._cache("default", before)["OPTIONS"] == expected


def test_without_a_client_of_redis_the_settings_can_still_be_read(monkeypatch):
    for name in ("redis", "redis.backoff"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("CACHE_URL", "unix://shop:pw@/run/redis/redis-server.sock?db=0")
    assert parts._cache("default", {})["OPTIONS"] == {}


def test_logging_loses_its_files_and_keeps_the_rest():
    before = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "/var/log/x", "level": "ERROR"}},
        "root": {"handlers": ["file"]},
    }
    after = parts._logging(before)
    assert after["handlers"]["file"] == {"level": "ERROR", "class": "logging.StreamHandler"}
    assert after["root"]["handlers"] == ["file"]
    assert before["handlers"]["file"]["filename"] == "/var/log/x"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.test", ("mail.test", 25, False, False)),
        ("smtp+tls://u:p%40@mail.test", ("mail.test", 587, True, False)),
        ("smtps://mail.test", ("mail.test", 465, False, True)),
        ("smtp://mail.test:2525/?tls=true", ("mail.test", 2525, True, False)),
    ],
)
def test_an_email_url_is_read(url, expected, monkeypatch):
    monkeypatch.setenv("EMAIL_URL", url)
    found = parts._email()
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == expected
