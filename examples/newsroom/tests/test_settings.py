"""The settings refuse what is missing or malformed in a sentence that names the variable."""

from __future__ import annotations

import os
import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured
from django_migration_linter import MigrationLinter

from newsroom import env
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
        ({"DEBUG": "perhaps"}, "DEBUG is 'perhaps'; expected one of true"),
        ({"CSRF_TRUSTED_ORIGINS": "example.org"}, "such as https://example.org"),
    ],
)
def test_a_bad_environment_stops_the_start(manage, changes, sentence):
    result = manage("check", **changes)
    assert result.returncode != 0
    assert "ImproperlyConfigured" in result.stderr
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://u:pw@h/name", "DATABASE_URL has the scheme 'mysql'"),
        ("postgres://u:pw@h:port/name", "DATABASE_URL cannot be parsed"),
        ("postgres://u:pw@h", "DATABASE_URL names no database"),
        ("nonsense", "DATABASE_URL"),
    ],
)
def test_a_bad_database_url_is_described_and_never_quoted(monkeypatch, url, sentence):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=sentence) as refusal:
        env.database("DATABASE_URL")
    assert "pw" not in str(refusal.value).replace("postgres://user:password", "")


def test_a_database_url_carries_its_tls_options(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p%40w@db:6432/news?sslmode=verify-full&sslrootcert=/etc/ca.pem")
    found = env.database("DATABASE_URL")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == ("u", "p@w", "db", 6432, "news")
    assert found["OPTIONS"] == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "connect_timeout": 5}
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"], found["DISABLE_SERVER_SIDE_CURSORS"]) == (60, True, True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail", ("mail", 25, "", False, False)),
        ("smtp+tls://u:p%2Fw@mail", ("mail", 587, "p/w", True, False)),
        ("smtps://u:pw@mail", ("mail", 465, "pw", False, True)),
        ("smtp://mail:2525?tls=true", ("mail", 2525, "", True, False)),
    ],
)
def test_one_url_says_how_mail_leaves(monkeypatch, url, expected):
    monkeypatch.setenv("EMAIL_URL", url)
    found = env.email("EMAIL_URL", debug=False)
    keys = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    assert tuple(found[key] for key in keys) == expected


def test_mail_goes_to_the_console_only_while_debugging(monkeypatch):
    monkeypatch.delenv("EMAIL_URL", raising=False)
    monkeypatch.delenv("EMAIL_HOST", raising=False)
    assert "console" in env.email("EMAIL_URL", debug=True)["EMAIL_BACKEND"]
    assert "smtp" in env.email("EMAIL_URL", debug=False)["EMAIL_BACKEND"]


@pytest.mark.parametrize("name", ["SECURE_HSTS_SECONDS", "EMAIL_PORT"])
@pytest.mark.parametrize("value", ["soon", "-1"])
def test_numbers_are_numbers(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.integer(name, default=1)


def test_the_deployment_check_is_silent(manage):
    result = manage("check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues (0 silenced)" in result.stdout


def test_a_weak_key_is_not_silent(manage):
    result = manage("check", "--deploy", "--fail-level", "WARNING", SECRET_KEY="short")
    assert result.returncode != 0
    assert "security.W009" in result.stderr


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"JWT_SIGNING_KEY": None}, "JWT_SIGNING_KEY is not set"),
        ({"JWT_SIGNING_KEY": "short"}, "JWT_SIGNING_KEY has 5 bytes; expected at least 32"),
        ({"JWT_SIGNING_KEY": "k" * 60, "SECRET_KEY": "k" * 60}, "JWT_SIGNING_KEY is also a SECRET_KEY"),
        ({"JWT_SIGNING_KEY": "k" * 60, "SECRET_KEY_FALLBACKS": "k" * 60}, "JWT_SIGNING_KEY is also a SECRET_KEY"),
        ({"JWT_ACCESS_MINUTES": "16"}, "JWT_ACCESS_MINUTES is 16; expected at most 15"),
        ({"JWT_REFRESH_DAYS": "8"}, "JWT_REFRESH_DAYS is 8; expected at most 7"),
        ({"CORS_ALLOWED_ORIGINS": "http://app.example.org"}, "CORS_ALLOWED_ORIGINS holds 'http://app.example.org'"),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.org/"}, "without a path"),
        ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS holds '*'"),
        ({"CORS_ALLOWED_ORIGINS": "https://*.example.org"}, "a pattern would let strangers in"),
        ({"CACHE_URL": "memcached://x"}, "CACHE_URL has the scheme 'memcached'"),
        ({"THROTTLE_ANON": "often"}, "THROTTLE_ANON is 'often'; expected a rate such as 300/min"),
        ({"PAGE_CACHE_SECONDS": "-1"}, "PAGE_CACHE_SECONDS is -1"),
        ({"CONN_MAX_AGE": "soon"}, "CONN_MAX_AGE is 'soon'"),
        ({"SENTRY_TRACES_SAMPLE_RATE": "2"}, "SENTRY_TRACES_SAMPLE_RATE is '2'; expected a number from 0 to 1"),
    ],
)
def test_a_bad_option_stops_the_start(monkeypatch, changes, sentence):
    for name, value in changes.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        runpy.run_path(str(PROJECT / "newsroom" / "settings.py"))
    assert sentence in str(refusal.value)
    assert "k" * 60 not in str(refusal.value)


def test_keys_are_asked_for_in_production_alone(monkeypatch):
    monkeypatch.delenv("JWT_SIGNING_KEY")
    monkeypatch.setenv("DEBUG", "true")
    made_up = runpy.run_path(str(PROJECT / "newsroom" / "settings.py"))["JWT_SIGNING_KEY"]
    assert len(made_up) >= 32 and made_up not in os.environ["SECRET_KEY"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, ("ops.caches.DatabaseCache", "django_cache")),
        ("dbcache://prodready_cache", ("ops.caches.DatabaseCache", "prodready_cache")),
        ("unix://app:p%2Cw@/run/redis.sock?db=0", ("ops.caches.RedisCache", ["unix://app:p%2Cw@/run/redis.sock?db=0"])),
        ("rediss://app:pw@cache:6380/1", ("ops.caches.RedisCache", ["rediss://app:pw@cache:6380/1"])),
        ("locmem://", ("django.core.cache.backends.locmem.LocMemCache", "")),
    ],
)
def test_one_url_says_where_the_cache_is(monkeypatch, url, expected):
    monkeypatch.delenv("CACHE_URL", raising=False) if url is None else monkeypatch.setenv("CACHE_URL", url)
    found = env.cache("CACHE_URL", prefix="paper")
    assert (found["BACKEND"], found["LOCATION"], found["KEY_PREFIX"]) == (*expected, "paper")


@pytest.mark.parametrize("url", ["unix://u:sesame@", "redis://", "redis://u:sesame@h:port/0", "dbcache://", "dbcache://a;b", "sesame"])
def test_a_bad_cache_url_is_described_and_never_quoted(monkeypatch, url):
    monkeypatch.setenv("CACHE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL") as refusal:
        env.cache("CACHE_URL", prefix="paper")
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize(("value", "expected"), [("0", 0), ("600", 600), ("none", None)])
def test_connections_are_kept_as_long_as_said(monkeypatch, value, expected):
    monkeypatch.setenv("CONN_MAX_AGE", value)
    assert env.database("DATABASE_URL")["CONN_MAX_AGE"] == expected


def test_links_in_mail_lead_to_the_first_host(monkeypatch):
    assert runpy.run_path(str(PROJECT / "newsroom" / "settings.py"))["SITE_URL"] == "https://testserver"
    monkeypatch.setenv("SITE_URL", "https://paper.example.org/")
    assert runpy.run_path(str(PROJECT / "newsroom" / "settings.py"))["SITE_URL"] == "https://paper.example.org"


@pytest.mark.django_db(transaction=True)  # some of them run outside a transaction
def test_migrations_are_safe_beside_the_code_that_runs():
    """No lock that lasts, nothing taken away that the last release still uses."""
    linter = MigrationLinter(
        path=str(PROJECT),
        no_cache=True,
        quiet=["ok", "ignore"],
        include_apps=["accounts", "articles", "outbox"],
        ignore_initial_migrations=True,  # a table that is just made is nobody's to lock
        all_warnings_as_errors=True,
    )
    linter.lint_all_migrations()
    assert linter.nb_valid >= 5
    assert not linter.has_errors


def test_no_migration_is_missing(manage):
    result = manage("makemigrations", "--check", "--dry-run")
    assert result.returncode == 0, result.stdout + result.stderr


def test_static_files_collect_under_names_that_change_with_their_content(manage, tmp_path):
    result = manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("newsroom.*.css"))
