"""The settings refuse what is missing or malformed in a sentence that names the variable."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from newsroom import env


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


def test_no_migration_is_missing(manage):
    result = manage("makemigrations", "--check", "--dry-run")
    assert result.returncode == 0, result.stdout + result.stderr


def test_static_files_collect_under_names_that_change_with_their_content(manage, tmp_path):
    result = manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("newsroom.*.css"))
