from __future__ import annotations

import json
import logging

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from articles import views
from ops.logs import JsonFormatter, RequestIdFilter
from ops.request_ids import choose_request_id


def test_live_answers_plain_http_without_a_query(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = client.get("/health/live", headers={"X-Forwarded-Proto": "http"})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def test_ready_asks_the_database_and_the_cache(client, db):
    response = client.get("/health/ready", headers={"X-Forwarded-Proto": "http"})
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "cache": "ok"}}
    assert "no-store" in response["Cache-Control"]


ASK_READY = """
from django.test import Client
response = Client().get('/health/ready', headers={'Host': 'localhost'})
print(response.status_code, response.content.decode())
print(Client().get('/health/live', headers={'Host': 'localhost'}).status_code)
"""


def test_ready_says_503_when_the_database_is_away(manage, tmp_path):
    url = f"postgres://nobody:sesame@{str(tmp_path).replace('/', '%2F')}/news"
    result = manage("shell", "--no-imports", "-c", ASK_READY, DATABASE_URL=url)
    ready, live = result.stdout.splitlines()[-2:]
    assert ready.startswith("503 ")
    assert json.loads(ready[4:]) == {"status": "unavailable", "checks": {"database": "error", "cache": "unknown"}}
    assert live == "200"
    assert "sesame" not in result.stdout + result.stderr
    assert any("readiness: the database does not answer" in json.loads(line)["message"] for line in result.stderr.splitlines())


def test_ready_says_503_when_the_cache_table_is_missing(client, db, settings):
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "no_such_table"}}
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "cache": "error"}


def test_a_host_that_is_not_ours_is_refused(client, db):
    assert client.get("/health/live", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/", "/accounts/login/"])
def test_pages_go_to_https(client, path):
    response = client.get(path, headers={"X-Forwarded-Proto": "http"})
    assert response.status_code == 301
    assert response["Location"].startswith("https://testserver/")


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/login/", "/no-such-page/", "/health/live"])
def test_every_response_carries_the_policies(client, db, path):
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_cookies_are_secure_and_out_of_scripts_reach(client, make_user):
    make_user("reader")
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"username": "reader", "password": "a long passphrase"})
    assert {"sessionid", "csrftoken"} <= set(client.cookies)
    for cookie in client.cookies.values():
        assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax"


def test_a_sane_request_id_is_kept_and_another_is_replaced(client):
    assert client.get("/health/live", headers={"X-Request-ID": "edge-42"})["X-Request-ID"] == "edge-42"
    assert client.get("/health/live", headers={"X-Request-ID": "<b>"})["X-Request-ID"] != "<b>"


@given(st.one_of(st.none(), st.text(), st.from_regex(r"[A-Za-z0-9-]{1,70}\n?", fullmatch=True)))
def test_a_request_id_is_always_a_short_plain_token(offered):
    chosen = choose_request_id(offered)
    assert 1 <= len(chosen) <= 64
    assert chosen.isascii() and chosen.replace("-", "").isalnum() or set(chosen) == {"-"}


@pytest.fixture
def log_lines():
    """What the real formatter would have written."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Keep()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def test_a_request_leaves_one_line(as_user, make_user, log_lines):
    user = make_user()
    as_user(user).get("/accounts/profile/?secret=1", headers={"X-Request-ID": "line-1"})
    [line] = [line for line in log_lines if line["logger"] == "newsroom.request"]
    assert (line["request_id"], line["method"], line["path"], line["status"]) == ("line-1", "GET", "/accounts/profile/", 200)
    assert (line["user_id"], line["level"]) == (user.pk, "INFO")
    assert line["duration_ms"] >= 0
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize("rest", ["/", "", "/more/"])
def test_a_reset_token_is_not_logged(client, db, log_lines, rest):
    client.get(f"/accounts/password/reset/MQ/sesame-0123456789abcdef{rest}")
    assert "sesame" not in json.dumps(log_lines)
    assert any(line.get("path") == f"/accounts/password/reset/uidb64/token{rest}" for line in log_lines)
    client.get("/accounts/password/reset/sent/")
    assert log_lines[-1]["path"] == "/accounts/password/reset/sent/"


def test_a_crash_is_a_500_page_and_a_traceback_with_the_request_id(client, db, monkeypatch, log_lines):
    def crash(self):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(views.Home, "get_queryset", crash)
    client.raise_request_exception = False
    response = client.get("/", headers={"X-Request-ID": "crash-1"})
    assert response.status_code == 500
    assert b"The presses have stopped" in response.content
    assert b"disk is full" not in response.content
    [line] = [line for line in log_lines if "exception" in line]
    assert line["request_id"] == "crash-1"
    assert "the disk is full" in line["exception"]


@given(st.text())
def test_a_log_line_is_one_line_of_json_whatever_it_says(message):
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == message
