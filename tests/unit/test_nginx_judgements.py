# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every check of nginx and certificates: green on a real host's answers, red on one break, green on its look-alike."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from ansible_collections.prodready.django.plugins.plugin_utils import _evaluate, _judge_certificate, _judge_nginx
from ansible_collections.prodready.django.plugins.plugin_utils._expectation import check_expectation, dig
from ansible_collections.prodready.django.plugins.plugin_utils._judge_nginx_headers import due_age
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

HERE = Path(__file__).resolve().parent
#: Answers of the probes on Debian 13 with IPv6, two domains, the own authority.
OBSERVED = json.loads((HERE / "nginx_observed.json").read_text(encoding="utf-8"))
CHECKS = {
    check["id"]: check
    for owner in ("nginx", "certificate")
    for check in yaml.safe_load((HERE.parents[1] / f"checklist/checks/{owner}.yml").read_text(encoding="utf-8"))["checks"]
}
PARAMS = {
    "domains": ["shop.localhost", "www.shop.localhost"],
    "hsts_max_age": 300,
    "public_https_port": 443,
    "provider": "own_ca",
    "canonical_host": True,
    "http3": True,
}
NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)


def verdict(check_id, observed=None, **params):
    """Judge one check alone."""
    check = CHECKS[check_id]
    observations = (observed or OBSERVED)[check["probe"]]
    name, *rest = check["observe"].split(".")
    value = dig(observations[name]["value"], rest)
    if "expect" in check:
        return check_expectation(check["expect"], value, params)
    judgements = {**_judge_nginx.JUDGEMENTS, **_judge_certificate.JUDGEMENTS}
    return judgements[check["judge"]](value, Context(params={**PARAMS, **params}, observations=observations, now=NOW))


def changed(probe, observation, path, value):
    """The real answers with one value changed. A star in the path means: in every element."""
    observed = copy.deepcopy(OBSERVED)

    def put(place, steps):
        step, *rest = steps
        for key in range(len(place)) if step == "*" else [step]:
            if rest:
                put(place[key], rest)
            else:
                place[key] = value(place[key]) if callable(value) else value

    put(observed[probe][observation], ["value", *path])
    return observed


@pytest.mark.parametrize("check_id", sorted(CHECKS))
def test_a_sound_host_is_green(check_id):
    assert verdict(check_id).status == "pass", verdict(check_id).reason


def row(check_id, observation, path, value, status="fail", words=""):
    return pytest.param(check_id, observation, path, value, status, words, id=f"{check_id}-{status}-{words or path}")


def replaced(name, old, new):
    """Change a directive anywhere in the configuration's outline."""

    def inside(tree):
        return [
            [
                directive[0],
                [arg.replace(old, new) for arg in directive[1]] if directive[0] == name else directive[1],
                inside(directive[2]) if directive[2] is not None else None,
            ]
            for directive in tree
        ]

    return inside


def header(kind, name, values):
    def change(entries):
        return [{**e, "headers": {**e["headers"], name: values}} if e["kind"] == kind else e for e in entries]

    return change


def kinds(wanted, **fields):
    return lambda entries: [{**e, **fields} if e["kind"] == wanted else e for e in entries]


def without(*wanted):
    return lambda entries: [entry for entry in entries if entry["kind"] not in wanted]


#: The first name leads to the second, which leads to the first.
ROUND = {"status": 301, "location": "https://www.shop.localhost" + OBSERVED["nginx_site"]["redirects"]["value"][0]["target"]}
NOTHING = {"path": "", "reason": "no static file is linked from /"}
REFUSED = {"accepted": True, "answer": "TLSv1.1"}
LATE = "2026-12-15T00:00:00+00:00"


@pytest.mark.parametrize(
    ("check_id", "observation", "path", "value", "status", "words"),
    [
        row("nginx.syntax", "config_test", ["messages"], ["[warn] x"], words="[warn]"),
        row("nginx.syntax", "config_test", ["rc"], 1),
        row("nginx.unprivileged_workers", "processes", ["workers", 0, "uid"], 0, words="root"),
        row("nginx.unprivileged_workers", "processes", ["master", "uid"], 0, "pass", "master"),
        row("nginx.unprivileged_workers", "processes", ["workers"], [], "error"),
        row("nginx.no_default_site", "config", ["default_site"], True),
        row("nginx.in_effect", "loaded", ["seconds_behind"], 3.2, words="3.2 s after"),
        row("nginx.in_effect", "loaded", ["seconds_behind"], 0.0, "pass", "same moment"),
        row("nginx.open_files", "processes", ["workers", 0, "open_files"], 4095, words="4095 files"),
        row("nginx.open_files", "processes", ["workers", "*", "open_files"], 4096, "pass", "just enough"),
        row("nginx.open_files", "processes", ["workers", "*", "open_files"], None, "pass", "unlimited"),
        row("nginx.https_answers", "listeners", [0, "status"], 502, words="502"),
        row("nginx.https_answers", "listeners", [0, "status"], 404, "pass", "a 404 is an answer"),
        row("nginx.https_answers", "listeners", [0, "status"], None, words="does not answer"),
        row("nginx.https_answers", "listeners", [0, "seconds"], 1.5, words="1.5 s"),
        row("nginx.https_answers", "listeners", [0, "verified"], False, "pass", "trust is another check"),
        row("nginx.https_answers_ipv6", "listeners", ["*", "family"], "v4", "not_applicable"),
        row("nginx.https_answers_ipv6", "listeners", ["*", "status"], None),
        row("nginx.https_verified", "listeners", ["*", "verified"], False),
        row("nginx.https_verified", "listeners", ["*", "loopback"], True, "error", "beside loopback"),
        row("nginx.http2_negotiated", "http2", ["protocol"], "http/1.1", words="http/1.1"),
        row("nginx.http2_negotiated", "http2", ["status"], 502),
        row("nginx.http2_negotiated", "http2", ["status"], 302, "pass", "a redirect is an answer"),
        row("nginx.tls_protocols", "tls", ["versions", "TLSv1.1"], REFUSED, words="TLSv1.1"),
        row("nginx.tls_protocols", "tls", ["versions", "TLSv1.2"], {"accepted": False, "answer": "closed"}, "pass", "stricter"),
        row("nginx.tls_protocols", "tls", ["versions", "TLSv1.3"], {"accepted": False, "answer": "TLSv1.2"}),
        row("nginx.tls_ciphers", "tls", ["suites", "TLSv1.2"], ["ECDHE-RSA-AES256-SHA384"], words="ECDHE-RSA-AES256-SHA384"),
        row("nginx.tls_ciphers", "tls", ["suites", "TLSv1.2"], [], "pass", "stricter"),
        row("nginx.tls_ciphers", "tls", ["suites"], {}, "error"),
        row("nginx.tls_key_exchange", "tls", ["without_forward_secrecy"], ["AES128-SHA"], words="AES128-SHA"),
        row("nginx.tls_key_exchange", "tls", ["groups", "TLSv1.3"], ["ffdhe2048"], words="ffdhe2048"),
        row("nginx.tls_key_exchange", "tls", ["groups", "TLSv1.3"], ["X448", "secp521r1"], "pass", "stronger"),
        row("nginx.tls_certificate_key", "certificate", ["key"], {"type": "rsa", "bits": 1024}, words="1024"),
        row("nginx.tls_certificate_key", "certificate", ["key"], {"type": "rsa", "bits": 2048}, "pass"),
        row("nginx.tls_certificate_key", "certificate", ["signature"], "sha1-rsa", words="sha1-rsa"),
        row("nginx.redirect_same_address", "redirects", [0, "status"], 302, words="302"),
        row("nginx.redirect_same_address", "redirects", [0, "status"], 301, "pass"),
        row("nginx.redirect_same_address", "redirects", [0, "location"], "https://shop.localhost/", words="leads to"),
        row("nginx.redirect_ipv6", "redirects", ["*", "location"], "https://shop.localhost/"),
        row("nginx.redirect_ipv6", "redirects", ["*", "family"], "v4", "not_applicable"),
        row("nginx.redirect_no_loop", "redirects", [0, "then"], {"status": 301, "location": "http://shop.localhost/x"}, words="leads to http:"),
        row("nginx.redirect_no_loop", "redirects", [0, "then"], {"status": 302, "location": "/accounts/login/"}, "pass", "a login"),
        row("nginx.redirect_no_loop", "redirects", ["*", "then"], None, "error"),
        row("nginx.redirect_no_loop", "redirects", [0, "then"], ROUND, words="leads to https://www.shop.localhost"),
        row("nginx.unknown_names_refused", "strangers", [0, "status"], 200, words="200"),
        row("nginx.unknown_names_refused", "strangers", [0, "status"], 301),
        row("nginx.unknown_names_refused", "strangers", [0, "status"], 400, "pass"),
        row("nginx.traversal_refused", "traversal", ["tries", 0, "status"], 403, words="403"),
        row("nginx.traversal_refused", "traversal", ["tries", 1, "status"], 403, "pass", "a hidden file"),
        row("nginx.traversal_refused", "traversal", ["tries", 4, "passwd"], True, words="password file"),
        row("nginx.traversal_refused", "traversal", ["tries", -1, "status"], 200, words="200"),
        row("nginx.static_cached_long", "static", ["cache_control"], "public, max-age=600", words="max-age=600"),
        row("nginx.static_cached_long", "static", ["cache_control"], "immutable,max-age=31536000", "pass"),
        row("nginx.static_cached_long", "static", ["hashed"], False, words="hash"),
        row("nginx.static_revalidated", "static", ["revalidated"], 200),
        row("nginx.static_bypasses_app", "static", ["log", "fields", "upstream_addr"], "unix:/run/x.sock", words="unix:"),
        row("nginx.static_bypasses_app", "static", ["log", "fields", "upstream_addr"], "-", "pass"),
        row("nginx.static_bypasses_app", "static", ["log", "fields"], None, "error", "not JSON"),
        row("nginx.static_bypasses_app", "static", ["log"], {"found": False, "problem": "no line"}, "error"),
        row("nginx.gzip_compressed", "gzip", ["text", "gzip_encoding"], "none"),
        row("nginx.gzip_compressed", "gzip", ["text", "gzip_size"], 999999),
        row("nginx.gzip_pages", "gzip", ["page", "gzip_encoding"], "none"),
        row("nginx.gzip_pages", "gzip", ["page", "gzip_size"], 999999),
        row("nginx.gzip_pages", "gzip", ["page", "size"], 1024, "not_applicable"),
        row("nginx.gzip_pages", "gzip", ["page", "status"], 302, "not_applicable"),
        row("nginx.gzip_only_on_request", "gzip", ["text", "plain_encoding"], "gzip"),
        row("nginx.gzip_images_left_alone", "gzip", ["image", "gzip_encoding"], "gzip"),
        row("nginx.gzip_images_left_alone", "gzip", ["image"], None, "not_applicable"),
        row("nginx.headers_pages", "headers", [], header("page", "x-frame-options", []), words="missing"),
        row("nginx.headers_pages", "headers", [], header("page", "x-frame-options", ["DENY", "DENY"]), words="2 times"),
        row("nginx.headers_pages", "headers", [], header("page", "x-frame-options", ["deny"]), "pass"),
        row("nginx.headers_pages", "headers", [], header("page", "referrer-policy", ["unsafe-url"]), words="unsafe-url"),
        row("nginx.headers_pages", "headers", [], header("page", "referrer-policy", ["no-referrer, strict-origin"]), "pass"),
        row("nginx.headers_pages", "headers", [], header("page", "strict-transport-security", ["max-age=1"]), words="lasts 1 s"),
        row("nginx.headers_pages", "headers", [], header("page", "strict-transport-security", ['includeSubDomains; max-age="400"']), "pass"),
        row("nginx.headers_redirects", "headers", [], kinds("redirect of the application", status=200), "error", "redirect_paths"),
        row("nginx.headers_redirects", "headers", [], without("redirect of the application"), "not_applicable", "declares no address"),
        row("nginx.headers_redirects", "headers", [], without("redirect of the application", "redirect to https"), "error", "no such answer"),
        row("nginx.headers_redirects", "headers", [], header("redirect of the application", "x-content-type-options", [])),
        row("nginx.headers_errors", "headers", [], header("too large", "strict-transport-security", [])),
        row("nginx.headers_errors", "headers", [], kinds("too large", status=502), words="not with 413"),
        row("nginx.headers_static_and_media", "headers", [], header("media not found", "referrer-policy", [])),
        row("nginx.headers_static_and_media", "headers", [], kinds("static", kind="other"), "error"),
        row("nginx.headers_static_and_media", "static", [], NOTHING, "pass", "there was one all the same"),
        row("nginx.forged_headers_ignored", "forwarding", ["forged", "evil"], True),
        row("nginx.forged_headers_ignored", "forwarding", ["forged", "status"], 301, words="301"),
        row("nginx.forged_headers_ignored", "forwarding", ["log", "fields", "remote_addr"], "203.0.113.66", words="203.0.113.66"),
        row("nginx.request_logged", "forwarding", ["log"], {"found": False, "problem": "no line"}),
        row("nginx.request_logged", "forwarding", ["log"], {"found": False, "problem": "needs root: x"}, "error"),
        row("nginx.log_fields", "forwarding", ["log", "fields"], {"remote_addr": "127.0.0.1", "status": 404}, words="upstream time"),
        row("nginx.log_fields", "forwarding", ["log", "fields", "status"], 200),
        row("nginx.linked_files_load", "assets", [0, "status"], 404, words="404"),
        row("nginx.linked_files_load", "assets", [0, "type"], "text/html", words="text/html"),
        row("nginx.linked_files_load", "assets", [0, "superseded"], True, words="not in this release"),
        row("nginx.open_to_public", "maintenance", ["switch"], True, words="in maintenance"),
        row("nginx.open_to_public", "maintenance", ["stranger", "status"], 503, words="answered with 503"),
        row("nginx.open_to_public", "maintenance", ["stranger", "status"], 302, "pass", "a redirect to a log-in"),
        row("nginx.http3_answers", "http3", ["versions"], [], words="nothing speaks QUIC"),
        row("nginx.http3_answers", "http3", ["versions"], ["QUIC v1", "QUIC v2"], "pass"),
        row("nginx.http3_answers", "http3", ["port"], 8443, words="8443 is announced"),
        row("nginx.http3_answers", "http3", ["port"], None, words="no answer announces it"),
        row("nginx.canonical_host", "names", [0, "status"], 302, words="302"),
        row("nginx.canonical_host", "names", [0, "status"], 301, "pass"),
        row("nginx.canonical_host", "names", [0, "location"], "https://shop.localhost/", words="answered with 308"),
        row("nginx.canonical_host", "names", [0, "headers", "strict-transport-security"], [], words="strict-transport-security"),
        row("nginx.canonical_host", "names", [], [], "error", "no further name"),
        row("nginx.burst_limited", "limits", [], [], words="nothing is limited"),
        row("nginx.burst_limited", "limits", [0, "limited"], False, words="none was answered with 429"),
        row("nginx.burst_limited", "limits", [1], lambda e: {**e, "limited": False, "tries": 100, "seconds": 4.0}, "error", "too few"),
        row("nginx.burst_limited", "limits", [0], lambda e: {**e, "limited": False, "first": 503}, "error", "503"),
        row("nginx.burst_limited", "limits", [0], lambda e: {**e, "limited": False, "tries": 11}, "error", "11 requests were made"),
        row("nginx.burst_limited", "limits", [0, "passed"], 0, words="even the first"),
        row("nginx.burst_limited", "limits", [0, "first"], 404, "pass", "an unknown path counts too"),
        row("nginx.burst_limited", "limits", [0, "others_of_limit"], {"/admin/login/": 200}, words="/admin/login/"),
        row("nginx.others_unaffected", "limits", [0, "other"], 429, words="429 meanwhile"),
        row("nginx.others_unaffected", "limits", [0, "other"], 302, "pass"),
        row("nginx.limits_not_spoofable", "limits", [0, "spoofed"], 403, words="403 again"),
        row("nginx.headers_limited", "limits", [0, "headers", "x-frame-options"], [], words="x-frame-options is missing"),
        row("nginx.headers_limited", "limits", ["*", "after"], 200, "error", "let the next request through"),
        row("nginx.admin_restricted", "admin", ["tries", 0, "status"], 302, words="gets 302"),
        row("nginx.admin_restricted", "admin", ["tries", 0, "status"], 404, "pass", "as if it were not there"),
        row("nginx.admin_restricted", "admin", ["tries", 0, "status"], 400, words="gets 400"),
        row("nginx.admin_restricted", "admin", ["tries", 3, "status"], 400, "pass", "a twisted address"),
        row("nginx.admin_restricted", "admin", ["tries", "*", "status"], None, "error", "does not answer"),
        row("nginx.admin_restricted", "admin", ["tries"], [], "not_applicable"),
        row("certificate.chain", "served", [0, "chain"], False),
        row("certificate.chain", "served", [0, "answered"], False, "error"),
        row("certificate.names", "served", [1, "names_domain"], False, words="www.shop.localhost"),
        row("certificate.not_expiring", "served", [0, "not_after"], LATE, words="14 days"),
        row("certificate.not_expiring", "served", [0, "not_after"], "2026-12-23T00:00:00+00:00", "pass"),
        row("certificate.not_expiring", "served", [0, "not_after"], "2026-11-30T00:00:00+00:00", words="expired"),
        row("certificate.not_expiring", "served", [0, "not_before"], LATE, words="valid only from"),
        row("certificate.served_is_current", "file", ["sha256"], "00", words="serial"),
        row("certificate.key_mode", "key", ["mode"], "0640", words="0640"),
        row("certificate.key_mode", "key", ["mode"], "0400", "pass"),
        row("certificate.key_mode", "key", ["uid"], 33, words="uid 33"),
        row("certificate.key_mode", "key", ["matches"], False, words="does not belong"),
    ],
)
def test_one_break_is_red_and_its_look_alike_is_green(check_id, observation, path, value, status, words):
    probe = CHECKS[check_id]["probe"]
    observed = copy.deepcopy(OBSERVED)
    if path:
        observed = changed(probe, observation, path, value)
    else:
        whole = observed[probe][observation]
        whole["value"] = value(whole["value"]) if callable(value) else value
    found = verdict(check_id, observed)
    assert found.status == status, found
    if status in ("fail", "error"):
        assert words in found.reason


@pytest.mark.parametrize(
    ("check_id", "old", "new", "status"),
    [
        ("nginx.forwards_scheme", "$scheme", "$http_x_forwarded_proto", "fail"),
        ("nginx.forwards_scheme", "$scheme", "https", "pass"),
        ("nginx.forwards_client_ip", "$remote_addr", "$http_x_forwarded_for", "fail"),
        ("nginx.forwards_client_ip", "$remote_addr", "$proxy_add_x_forwarded_for", "pass"),
        ("nginx.forwards_overwritten", "$remote_addr", "$proxy_add_x_forwarded_for", "fail"),
        ("nginx.forwards_host", "$host", "$proxy_host", "fail"),
        ("nginx.forwards_host", "$host", "$host:8443", "pass"),
        ("nginx.forwards_overwritten", "X-Forwarded-Host", "X-Other", "fail"),
        ("nginx.static_analysis", "$host", "$http_host", "fail"),
    ],
)
def test_what_is_forwarded_is_judged_wherever_a_request_is_passed_on(check_id, old, new, status):
    observed = copy.deepcopy(OBSERVED)
    observed["nginx"]["tree"]["value"] = replaced("proxy_set_header", old, new)(observed["nginx"]["tree"]["value"])
    assert verdict(check_id, observed).status == status


def test_an_nginx_without_applications_forwards_nothing():
    observed = changed("nginx", "config_test", ["rc"], 0)
    observed["nginx"]["tree"]["value"] = [["http", [], [["server", [], []]]]]
    assert verdict("nginx.forwards_host", observed).status == "not_applicable"


@pytest.mark.parametrize(
    ("domains", "declared", "expected"),
    [
        (["shop.localhost"], 300, 300),
        (["shop.localhost"], 63072000, 31536000),
        (["shop.localhost"], 0, 1),
        (["shop.localhost", "shop.de"], 300, 31536000),
        (["notlocalhost"], 300, 31536000),
        (["www.example.org"], 300, 300),
        ([], 300, 31536000),
    ],
)
def test_only_names_that_nobody_owns_may_have_short_hsts(domains, declared, expected):
    assert due_age(domains, declared) == expected


@pytest.mark.parametrize(
    ("openssl", "status"),
    [("3.5.9", "fail"), ("3.6", "fail"), ("4.0.1", "fail"), ("3.4.3", "pass"), ("3.0.22", "pass"), ("", "pass"), (None, "pass")],
)
def test_the_hybrid_group_is_due_where_the_library_has_it(openssl, status):
    observed = changed("nginx_site", "tls", ["groups", "TLSv1.3"], ["X25519", "prime256v1"])
    assert verdict("nginx.tls_key_exchange", observed, nginx_openssl=openssl).status == status


def test_without_a_canonical_name_plain_http_leads_to_the_same_name():
    same = copy.deepcopy(OBSERVED)
    for entry in same["nginx_site"]["redirects"]["value"]:
        entry["location"] = f"https://{entry['domain']}{entry['target']}"
    assert verdict("nginx.redirect_same_address", same, canonical_host=False).status == "pass"
    assert verdict("nginx.redirect_same_address", same).status == "fail"
    assert verdict("nginx.canonical_host", same, canonical_host=False).status == "not_applicable"
    assert verdict("nginx.canonical_host", same, domains=["shop.localhost"]).status == "not_applicable"


def test_http3_is_not_asked_for_where_it_is_off():
    observed = changed("nginx_site", "http3", ["port"], None)
    assert verdict("nginx.http3_answers", observed, http3=False).status == "not_applicable"


def test_redirects_lead_to_the_public_port():
    observed = changed("nginx_site", "redirects", ["*", "location"], lambda old: old.replace("localhost/", "localhost:8443/"))
    assert verdict("nginx.redirect_same_address", observed, public_https_port=8443).status == "pass"
    assert verdict("nginx.redirect_same_address", observed).status == "fail"


@pytest.mark.parametrize(
    ("check_id", "observation", "value"),
    [
        ("nginx.linked_files_load", "assets", []),
        ("nginx.static_cached_long", "static", NOTHING),
        ("nginx.static_revalidated", "static", NOTHING),
        ("nginx.static_bypasses_app", "static", NOTHING),
        ("nginx.gzip_compressed", "gzip", {"text": NOTHING, "image": None}),
        ("nginx.gzip_only_on_request", "gzip", {"text": NOTHING, "image": None}),
    ],
)
def test_a_site_without_linked_files_is_no_red_site(check_id, observation, value):
    check, observations = CHECKS[check_id], {**OBSERVED["nginx_site"], observation: {"value": value}}
    assert _evaluate._applies_not(check, _evaluate.Observed(observations), {}).status == "not_applicable"
    assert _evaluate._applies_not(check, _evaluate.Observed(OBSERVED["nginx_site"]), {}) is None
    broken = {**OBSERVED["nginx_site"], observation: {"error": "no style sheet is linked from / (/: 502)"}}
    assert _evaluate._applies_not(check, _evaluate.Observed(broken), {}).status == "error"


def test_without_static_files_the_headers_of_what_is_not_found_still_count():
    observed = changed("nginx_site", "headers", [], without("static"))
    observed["nginx_site"]["static"] = {"value": NOTHING}
    assert verdict("nginx.headers_static_and_media", observed).status == "not_applicable"
    observed["nginx_site"]["headers"]["value"] = header("media not found", "referrer-policy", [])(observed["nginx_site"]["headers"]["value"])
    assert verdict("nginx.headers_static_and_media", observed).status == "fail"


@pytest.mark.parametrize(
    ("sent", "params", "status"),
    [
        ("max-age=300", {"hsts_include_subdomains": True}, "fail"),
        ("max-age=300; includeSubDomains", {"hsts_include_subdomains": True}, "pass"),
        ("max-age=300; includeSubDomains", {"hsts_include_subdomains": True, "hsts_preload": True}, "fail"),
        ("max-age=300; includeSubDomains; preload", {"hsts_include_subdomains": True, "hsts_preload": True}, "pass"),
        ("max-age=300; includeSubDomains", {}, "pass"),
    ],
)
def test_hsts_says_what_the_site_declares(sent, params, status):
    observed = changed("nginx_site", "headers", [], header("page", "strict-transport-security", [sent]))
    assert verdict("nginx.headers_pages", observed, **params).status == status
