from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

CRASH = """
from django.test import Client
from articles import views
def crash(self):
    secret_in_a_variable = 'sesame-local'
    raise RuntimeError('the presses have stopped')
views.Home.get_queryset = crash
client = Client(headers={'Host': 'localhost', 'X-Forwarded-Proto': 'https', 'Authorization': 'Bearer sesame-token'}, raise_request_exception=False)
client.cookies['sessionid'] = 'sesame-cookie'
print(client.get('/?q=sesame-query').status_code)
import sentry_sdk
sentry_sdk.flush()
"""


@pytest.fixture
def sentry():
    """Something that speaks the protocol: keeps what it is sent."""
    received = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keep)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_crash_is_reported_with_its_release_and_without_persons(manage, sentry):
    dsn, received = sentry
    result = manage("shell", "--no-imports", "-c", CRASH, SENTRY_DSN=dsn, SENTRY_ENVIRONMENT="staging", SENTRY_RELEASE="2026.11", DEBUG="true")
    assert result.stdout.splitlines()[-1] == "500", result.stderr
    envelope = b"\n".join(received)
    assert b"sesame" not in envelope
    events = [json.loads(line) for body in received for line in body.splitlines() if b'"exception"' in line]
    [event] = [event for event in events if "exception" in event]
    assert (event["environment"], event["release"]) == ("staging", "2026.11")
    assert event["exception"]["values"][-1]["value"] == "the presses have stopped"
    assert "user" not in event


def test_without_an_address_nothing_is_imported(manage):
    result = manage("shell", "--no-imports", "-c", "import sys; import newsroom.urls; print([name for name in sys.modules if 'sentry_sdk' in name])")
    assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_a_reset_token_is_not_reported():
    from ops.sentry import without_persons

    path = "/accounts/password/reset/MQ/sesame-0123456789abcdef/"
    event = {"request": {"url": f"https://testserver{path}", "headers": {}}, "transaction": path, "exception": {"values": [{"value": f"at {path}"}]}}
    reported = without_persons(event, {})
    assert "sesame" not in json.dumps(reported)
    assert reported["request"]["url"] == "https://testserver/accounts/password/reset/uidb64/token/"
