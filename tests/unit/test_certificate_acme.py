# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is due, what certbot said (outputs of 2.1 on Debian 12 and 4.0 on Debian 13), and what is made of it."""

from __future__ import annotations

import ast
import json
import socket
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _acme
from ansible_collections.prodready.django.plugins.modules import certificate_info
from ansible_collections.prodready.django.plugins.plugin_utils import _judge_certificate
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
DIRECTORY = "https://acme.example.org/dir"
SPEC = {"name": "shop", "domains": ["shop.example.org", "www.shop.example.org"], "directory_url": DIRECTORY, "provider": "acme"}

RENEWAL = """\
# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/prodready/acme/archive/shop
fullchain = /etc/prodready/acme/live/shop/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 19d3ea517342689fd242ed40f643c4df
key_type = ecdsa
server = https://acme.example.org/dir
authenticator = webroot
webroot_path = /var/lib/prodready/acme,
[[webroot_map]]
server = /tmp/web
www.shop.example.org = /tmp/web
"""

FOOTER = (
    "Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile /tmp/l/letsencrypt.log or re-run Certbot with -v for "
    "more details.\n"
)
AWAY = (
    "Saving debug log to /tmp/l/letsencrypt.log\nAn unexpected error occurred:\nValueError: Requesting localhost/dir: Connection refused\n" + FOOTER
)
DISTRUSTED = (
    "Saving debug log to /tmp/l/letsencrypt.log\nAn unexpected error occurred:\nrequests.exceptions.SSLError: HTTPSConnectionPool(host='localhost', "
    "port=14000): Max retries exceeded with url: /dir (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate "
    "verify failed: self-signed certificate (_ssl.c:992)')))\n" + FOOTER
)
BUSY = "Saving debug log to /tmp/l/letsencrypt.log\nAnother instance of Certbot is already running.\n" + FOOTER
ODD = "Saving debug log to /tmp/l/letsencrypt.log\nAn unexpected error occurred:\nAttributeError: can't set attribute\n" + FOOTER
FORGOTTEN_LOG = """\
2026-11-23 23:58:10,334:DEBUG:urllib3.connectionpool:https://localhost:14000 "POST /order-plz HTTP/1.1" 400 168
2026-11-23 23:58:10,334:DEBUG:acme.client:Received response:
HTTP 400
Content-Type: application/problem+json; charset=utf-8
Replay-Nonce: 4X6TeCzYHTpYo84FYdwKbw

{
   "type": "urn:ietf:params:acme:error:accountDoesNotExist",
   "detail": "Account https://localhost:14000/my-account/123dcd6c620f5ddb not found.",
   "status": 400
}
2026-11-23 23:58:10,334:DEBUG:certbot._internal.log:Exiting abnormally:
Traceback (most recent call last):
"""
AUTHORIZATION = {
    "status": "invalid",
    "identifier": {"type": "dns", "value": "shop.example.org"},
    "challenges": [
        {"type": "dns-01", "status": "pending"},
        {
            "type": "http-01",
            "status": "invalid",
            "error": {
                "type": "urn:ietf:params:acme:error:connection",
                "detail": 'Get "http://shop.example.org:80/.well-known/acme-challenge/x": dial tcp 127.0.0.1:80: connect: connection refused',
                "status": 400,
            },
        },
    ],
}


def certificate(*, begins=-60, ends=30.5, names=("shop.example.org", "www.shop.example.org"), issuer="E7"):
    not_before, not_after = ((NOW + timedelta(days=days)).isoformat() for days in (begins, ends))
    return {"names": list(names), "not_before": not_before, "not_after": not_after, "issuer": issuer}


LINEAGE = {"server": DIRECTORY}


@pytest.mark.parametrize(
    ("lineage", "issued", "why"),
    [
        pytest.param(LINEAGE, certificate(), "", id="nothing is due"),
        pytest.param(LINEAGE, certificate(names=["www.shop.example.org", "shop.example.org"]), "", id="the order of names says nothing"),
        pytest.param({}, None, "none of", id="nothing is there"),
        pytest.param(LINEAGE, None, "none of", id="a lineage without its certificate is none"),
        pytest.param({"server": "https://staging.example.org/dir"}, certificate(), "staging", id="another directory"),
        pytest.param(LINEAGE, certificate(names=["shop.example.org"]), "is for shop.example.org", id="a domain more"),
        pytest.param(
            LINEAGE, certificate(names=["shop.example.org", "www.shop.example.org", "old.example.org"]), "old.example.org", id="a domain less"
        ),
        pytest.param(LINEAGE, certificate(ends=29.5), "ends on", id="the last 30 of 90 days"),
        pytest.param(LINEAGE, certificate(begins=-2, ends=4), "", id="a certificate of six days in its first half"),
        pytest.param(LINEAGE, certificate(begins=-4, ends=2), "ends on", id="a certificate of six days in its second half"),
        pytest.param(LINEAGE, certificate(ends=-1), "ends on", id="over"),
    ],
)
def test_a_certificate_of_an_acme_server_is_due(lineage, issued, why):
    said = _acme.acme_due(SPEC, lineage, issued, NOW)
    assert (why in said) if why else said == ""


@pytest.mark.parametrize(
    ("issued", "why"),
    [
        (certificate(issuer="prodready own authority of h"), ""),
        (None, "none"),
        (certificate(), "is of E7"),
        (certificate(issuer="prodready own authority of h", ends=29), "ends on"),
        (certificate(issuer="prodready own authority of h", names=["x.example.org"]), "x.example.org"),
    ],
)
def test_a_certificate_of_the_own_authority_is_due(issued, why):
    said = _acme.own_due(SPEC, issued, {"subject": "prodready own authority of h"}, NOW)
    assert (why in said) if why else said == ""


def test_a_renewal_configuration_is_read_up_to_its_tables():
    found = _acme.parse_renewal(RENEWAL)
    assert found["server"] == DIRECTORY
    assert found["fullchain"] == "/etc/prodready/acme/live/shop/fullchain.pem"
    assert "renew_before_expiry" not in found


@pytest.mark.parametrize("text", ["", "no options here\n", "[renewalparams\n"])
def test_what_is_no_renewal_configuration_has_no_server(text):
    assert "server" not in _acme.parse_renewal(text)


@pytest.mark.parametrize(
    ("output", "log", "code", "kind", "words"),
    [
        pytest.param(AWAY, "", 1, "unreachable", "Requesting localhost/dir: Connection refused", id="away"),
        pytest.param(DISTRUSTED, "", 1, "distrusted", "certificate verify failed", id="distrusted"),
        pytest.param(BUSY, "", 1, "busy", "Another instance", id="busy"),
        pytest.param(ODD, "", 1, "other", "can't set attribute", id="of no known kind"),
        pytest.param(
            ODD,
            FORGOTTEN_LOG,
            1,
            "accountDoesNotExist",
            "accountDoesNotExist: Account https://",
            id="certbot 2.1 hides the problem, its log does not",
        ),
        pytest.param("", "", 124, "timeout", "in time", id="too long"),
        pytest.param("", "", 1, "other", "no message", id="silent"),
        pytest.param("x", "\n" + json.dumps(AUTHORIZATION), 1, "connection", "connection refused (shop.example.org)", id="a challenge that failed"),
    ],
)
def test_a_failure_is_told_in_the_servers_words(output, log, code, kind, words):
    failure = _acme.parse_failure(output, log, code)
    assert failure["kind"] == kind
    assert words in failure["said"]
    assert "community.letsencrypt.org" not in failure["said"]


def test_a_nonce_that_was_refused_is_no_failure():
    assert _acme.parse_problems('\n{"type": "urn:ietf:params:acme:error:badNonce", "detail": "x"}') == []


def test_problems_of_several_domains_are_all_told():
    answer = {
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": "two are wrong",
        "subproblems": [
            {"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden", "identifier": {"type": "dns", "value": "a.example.org"}},
            {"type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN", "identifier": {"type": "dns", "value": "b.example.org"}},
        ],
    }
    assert [(one["type"], one["domain"]) for one in _acme.parse_problems("x\n" + json.dumps(answer) + "\ny")] == [
        ("malformed", ""),
        ("caa", "a.example.org"),
        ("dns", "b.example.org"),
    ]


def test_the_sentence_says_what_failed_what_stays_and_what_to_do():
    said = _acme.failure_sentence(SPEC, _acme.parse_failure(AWAY), "2027-01-01T00:00:00+00:00")
    for words in ("shop.example.org", DIRECTORY, "Connection refused", "served on, until 2027-01-01", "What to do: see that this host reaches"):
        assert words in said
    assert "There is no certificate yet" in _acme.failure_sentence(SPEC, _acme.parse_failure(AWAY), "")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, True),
        ({"rehearsed": {"at": (NOW - timedelta(days=6)).isoformat(), "ok": True}}, False),
        ({"rehearsed": {"at": (NOW - timedelta(days=8)).isoformat(), "ok": True}}, True),
        ({"rehearsed": {"at": (NOW - timedelta(hours=12)).isoformat(), "ok": False}}, False),
        ({"rehearsed": {"at": (NOW - timedelta(hours=21)).isoformat(), "ok": False}}, True),
    ],
)
def test_a_rehearsal_is_due_after_a_week_or_a_day_after_a_failure(record, expected):
    assert _acme.rehearsal_due(record, NOW) is expected


@pytest.mark.parametrize(
    ("found", "own", "expected"),
    [
        (["203.0.113.9"], ["203.0.113.9", "2001:db8::9"], []),
        (["203.0.113.9", "198.51.100.1"], ["203.0.113.9"], ["198.51.100.1"]),
        (["127.0.1.1", "::1"], ["203.0.113.9"], []),
        (["2001:db8::1"], ["203.0.113.9"], ["2001:db8::1"]),
    ],
)
def test_an_address_that_is_neither_ours_nor_loopback_is_elsewhere(found, own, expected):
    assert _acme.foreign_addresses(found, own) == expected


TIMER = {
    "timer": "prodready-certificates.timer",
    "scheduled": True,
    "enabled": True,
    "active": True,
    "last_result": "success",
    "renews": True,
    "explained": False,
    "failed": {},
}
FAILED = {"at": "2026-11-30T00:00:00+00:00", "message": "certificate shop: the ACME server said no"}
FOREIGN = {**TIMER, "timer": "certbot.timer", "explained": True}


@pytest.mark.parametrize(
    ("timers", "status", "words"),
    [
        pytest.param([TIMER], "pass", "", id="ours"),
        pytest.param([FOREIGN], "pass", "", id="certbot's own"),
        pytest.param([TIMER, {**FOREIGN, "renews": False}], "pass", "", id="beside one that does not know it"),
        pytest.param([{**TIMER, "last_result": "exit-code", "explained": True}], "pass", "", id="another certificate failed"),
        pytest.param([], "fail", "no timer", id="none"),
        pytest.param([{**TIMER, "renews": False}], "fail", "does not know it", id="one that does not know it"),
        pytest.param([TIMER, FOREIGN], "fail", "both renew", id="two"),
        pytest.param([{**TIMER, "enabled": False}], "fail", "not enabled", id="not enabled"),
        pytest.param([{**TIMER, "active": False}], "fail", "no next run", id="stopped"),
        pytest.param([{**TIMER, "scheduled": False}], "fail", "no next run", id="without a next run"),
        pytest.param([{**TIMER, "failed": FAILED}], "fail", "said no", id="the last renewal failed"),
        pytest.param([{**TIMER, "last_result": "timeout"}], "fail", "timeout", id="killed without a word"),
        pytest.param([{**FOREIGN, "last_result": "exit-code"}], "fail", "exit-code", id="certbot's own failed"),
    ],
)
@pytest.mark.parametrize("provider", ["acme", "own_ca"])
def test_exactly_one_timer_renews_and_did_not_fail(timers, status, words, provider):
    verdict = _judge_certificate.renewal_scheduled(timers, Context(params={"provider": provider}, observations={}, now=NOW))
    assert (verdict.status, words in verdict.reason) == (status, True), verdict.reason


@pytest.mark.parametrize(
    ("record", "status", "words"),
    [
        ({"at": "2026-11-20T00:00:00+00:00", "ok": True, "message": "dry run"}, "pass", ""),
        ({"at": "2026-10-20T00:00:00+00:00", "ok": True, "message": "dry run"}, "fail", "2026-10-20"),
        ({"at": "2026-11-30T00:00:00+00:00", "ok": False, "message": "the ACME server said no"}, "fail", "said no"),
        (None, "error", "deep run"),
    ],
)
def test_a_rehearsal_is_young_and_went_well(record, status, words):
    verdict = _judge_certificate.renewal_rehearsed(record, Context(params={"provider": "acme"}, observations={}, now=NOW))
    assert (verdict.status, words in verdict.reason) == (status, True), verdict.reason


@pytest.mark.parametrize("judge", [_judge_certificate.renewal_scheduled, _judge_certificate.renewal_rehearsed])
def test_provided_files_are_renewed_by_whoever_provides_them(judge):
    assert judge([], Context(params={"provider": "files"}, observations={}, now=NOW)).status == "not_applicable"


@pytest.mark.parametrize(
    ("provider", "issuer", "status"),
    [
        ("acme", "prodready own authority of web", "fail"),
        ("acme", "E7", "pass"),
        ("own_ca", "prodready own authority of web", "pass"),
    ],
)
def test_a_stand_in_is_no_certificate_of_an_acme_server(provider, issuer, status):
    served = [{"domain": "shop.example.org", "address": "127.0.0.1:443", "answered": True, "chain": True, "issuer": issuer, "problem": ""}]
    verdict = _judge_certificate.chain(served, Context(params={"provider": provider, "ca_file": ""}, observations={}, now=NOW))
    assert (verdict.status, "stand-in" in verdict.reason) == (status, status == "fail")


def test_the_hosts_program_needs_only_the_standard_library_and_what_is_copied_beside_it():
    role = Path(__file__).resolve().parents[2] / "roles" / "certificate"
    beside = {"_acme", "_lock", "_x509"}
    tree = ast.parse((role / "files" / "certificates.py").read_text(encoding="utf-8"), feature_version=(3, 9))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == beside
    copied = (role / "tasks" / "renewal.yml").read_text(encoding="utf-8")
    assert all(f"module_utils/{name}.py" in copied for name in beside)


def test_both_sides_know_the_own_authority_and_timer_by_one_name():
    assert (_judge_certificate.OWN_AUTHORITY, _judge_certificate.OWN_TIMER) == (_acme.OWN_AUTHORITY, _acme.TIMER)


@pytest.mark.parametrize(
    ("protocol", "answer", "problem"),
    [
        ("postgresql", b"N", "the server does not offer TLS"),
        ("postgresql", b"", "the server closed the connection"),
        ("https", b"HTTP/1.1 400 Bad Request\r\n", "WRONG_VERSION_NUMBER"),
    ],
)
def test_a_server_that_shows_no_certificate_is_said_and_is_no_crash(protocol, answer, problem):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as client:  # it is not asked again
                client.recv(65536)
                client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        (found,) = certificate_info.served(["localhost"], "127.0.0.1", server.getsockname()[1], None, protocol)
    assert (found["answered"], found["problem"]) == (False, problem)
