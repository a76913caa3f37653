# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements of the nginx checks that take more than an operator. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ._judge_nginx_config import CONFIG_JUDGEMENTS
from ._judge_nginx_headers import HEADER_JUDGEMENTS
from ._judge_nginx_public import PUBLIC_JUDGEMENTS
from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

SLOW = 1.0

#: Mozilla's intermediate profile, guidelines 6.0. What is in `MODERN` alone is stricter and welcome.
MODERN = frozenset(("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"))
INTERMEDIATE = MODERN | frozenset(
    f"ECDHE-{kind}-{cipher}" for kind in ("ECDSA", "RSA") for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
)
PROFILE_GROUPS = frozenset(("X25519MLKEM768", "X25519", "prime256v1", "secp384r1"))
#: Not in the profile, and no weaker than what is.
STRONGER_GROUPS = frozenset(("X448", "secp521r1", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"))
SIGNATURES = frozenset(("sha256-rsa", "sha384-rsa", "sha512-rsa", "sha256-ecdsa", "sha384-ecdsa", "sha512-ecdsa", "rsa-pss"))


def _answers(value: Sequence[Mapping[str, Any]], family: str) -> Verdict:
    entries = [entry for entry in value if entry["scheme"] == "https" and entry["family"] == family]
    shown = {f"{entry['domain']} at {entry['address']}": entry["status"] or entry["problem"] for entry in entries}
    expected = f"an answer below 500 within {SLOW:g} s at every {family} address of the host"
    if not entries:
        return unknown(f"the host has no {family} address", shown, expected)
    for entry in entries:
        place = f"https://{entry['domain']} at {entry['address']}"
        if entry["status"] is None:
            return failed(f"{place} does not answer: {entry['problem']}", shown, expected)
        if entry["status"] >= 500:
            return failed(f"{place} answers {entry['status']}", shown, expected)
        if entry["seconds"] > SLOW:
            return failed(f"{place} took {entry['seconds']} s", shown, expected)
    return passed(shown, expected)


def answers_ipv4(value: Any, context: Context) -> Verdict:
    return _answers(value, "v4")


def answers_ipv6(value: Any, context: Context) -> Verdict:
    if not any(entry["family"] == "v6" for entry in value):
        return not_applicable("the host has no IPv6 address")
    return _answers(value, "v6")


def verified_https(value: Any, context: Context) -> Verdict:
    """A verified request to an address that others can reach; loopback alone proves nothing about them."""
    entries = [entry for entry in value if entry["scheme"] == "https" and not entry["loopback"]]
    expected = "a verified request for every domain at the host's own addresses"
    if not entries:
        return unknown("the host has no address beside loopback", None, expected)
    shown = {f"{e['domain']} at {e['address']}": e["status"] if e["verified"] else e["problem"] for e in entries}
    bad = [e for e in entries if not e["verified"] or e["status"] is None or e["status"] >= 500]
    if bad:
        what = bad[0]["problem"] or f"status {bad[0]['status']}"
        return failed(f"https://{bad[0]['domain']} at {bad[0]['address']}: {what}", shown, expected)
    return passed(shown, expected)


def http2_request(value: Any, context: Context) -> Verdict:
    expected = "ALPN chooses h2, and a GET over it is answered below 500"
    if value["protocol"] != "h2":
        return failed(f"the server chose '{value['protocol']}' from an offer of h2 and http/1.1", value, expected)
    if value["status"] is None or value["status"] >= 500:
        return failed(f"the request over HTTP/2 was answered with {value['status']}", value, expected)
    return passed(value, expected)


def tls_protocols(value: Any, context: Context) -> Verdict:
    expected = "TLS 1.3, with or without 1.2; SSL 3, TLS 1.0 and 1.1 refused"
    versions = value["versions"]
    shown = {name: "accepted" if entry["accepted"] else entry["answer"] for name, entry in versions.items()}
    old = [name for name in ("SSLv3", "TLSv1.0", "TLSv1.1") if versions[name]["accepted"]]
    if old:
        return failed(f"the server accepts {', '.join(old)}", shown, expected)
    if not versions["TLSv1.3"]["accepted"]:
        return failed("the server does not accept TLS 1.3", shown, expected)
    return passed(shown, expected)


def tls_ciphers(value: Any, context: Context) -> Verdict:
    expected = "only suites of Mozilla's intermediate profile"
    accepted = [suite for suites in value["suites"].values() for suite in suites]
    if not accepted:
        return unknown("the server accepted no suite at all", value["suites"], expected)
    bad = sorted(set(accepted) - INTERMEDIATE)
    if bad:
        more = f" and {len(bad) - 6} more" if len(bad) > 6 else ""
        return failed(f"accepted beside the profile: {', '.join(bad[:6])}{more}", value["suites"], expected)
    return passed(value["suites"], expected)


def _version(text: Any) -> tuple[int, ...]:
    """ "3.5.1" → (3, 5, 1); what is no version is older than any."""
    return tuple(int(part) for part in re.findall(r"\d+", str(text or ""))[:3])


def tls_key_exchange(value: Any, context: Context) -> Verdict:
    """Mozilla's profile puts the hybrid group first; whether there is one depends on the OpenSSL that nginx runs with."""
    expected = "an ephemeral key in X25519MLKEM768 (from OpenSSL 3.5 on), X25519, P-256, P-384 or a stronger group"
    lasting = value["without_forward_secrecy"]
    if lasting:
        return failed(f"without forward secrecy: {', '.join(lasting[:6])}", lasting, expected)
    groups = {group for found in value["groups"].values() for group in found}
    if not groups:
        return unknown("the server accepted no group at all", value["groups"], expected)
    bad = sorted(groups - PROFILE_GROUPS - STRONGER_GROUPS)
    if bad:
        return failed(f"groups outside the profile: {', '.join(bad)}", value["groups"], expected)
    hybrid = [group for group in value["groups"].get("TLSv1.3", ()) if "MLKEM" in group]
    if _version(context.params.get("nginx_openssl")) >= (3, 5) and value["groups"].get("TLSv1.3") and not hybrid:
        return failed(f"X25519MLKEM768 is not accepted, though nginx runs with OpenSSL {context.params['nginx_openssl']}", value["groups"], expected)
    return passed(value["groups"], expected)


def tls_certificate_key(value: Any, context: Context) -> Verdict:
    expected = "an ECDSA key on P-256 or P-384, or RSA of at least 2048 bits, signed with SHA-256 or better"
    key, shown = value["key"], {"key": value["key"], "signature": value["signature"]}
    good = key.get("curve") in ("P-256", "P-384") or (key["type"] == "rsa" and key["bits"] >= 2048)
    if not good:
        return failed(f"the key is {key['type']} {key.get('curve') or key.get('bits') or ''}".strip(), shown, expected)
    if value["signature"] not in SIGNATURES:
        return failed(f"the signature is {value['signature']}", shown, expected)
    return passed(shown, expected)


def _https_target(entry: Mapping[str, Any], context: Context) -> str:
    return f"{_origin(entry['domain'], context)}{entry['target']}"


def _origin(domain: str, context: Context) -> str:
    port = context.params.get("public_https_port") or 443
    return f"https://{domain}{'' if port == 443 else f':{port}'}"


def _redirect_target(entry: Mapping[str, Any], context: Context) -> str:
    """Where plain HTTP has to lead: to the same name, or at once to the canonical one where there is such."""
    domain = context.param("domains")[0] if context.params.get("canonical_host") else entry["domain"]
    return f"{_origin(domain, context)}{entry['target']}"


def _redirects(value: Sequence[Mapping[str, Any]], context: Context) -> Verdict:
    expected = "301 or 308 to the same path and query over https, for every domain"
    shown = {f"{e['domain']} at {e['address']}": f"{e['status']} {e['location']}" if e["status"] else e["problem"] for e in value}
    for entry in value:
        place = f"http://{entry['domain']} at {entry['address']}"
        if entry["status"] is None:
            return failed(f"{place} does not answer: {entry['problem']}", shown, expected)
        if entry["status"] not in (301, 308):
            return failed(f"{place} answers {entry['status']}, not 301 or 308", shown, expected)
        wanted = _redirect_target(entry, context)
        if entry["location"] != wanted:
            return failed(f"{place}{entry['target']} leads to {entry['location']}, not to {wanted}", shown, expected)
    return passed(shown, expected)


def redirect_same_address(value: Any, context: Context) -> Verdict:
    return _redirects([entry for entry in value if entry["family"] == "v4"], context)


def redirect_ipv6(value: Any, context: Context) -> Verdict:
    entries = [entry for entry in value if entry["family"] == "v6"]
    if not entries:
        return not_applicable("the host has no IPv6 address")
    return _redirects(entries, context)


def redirect_no_loop(value: Any, context: Context) -> Verdict:
    """Following the redirects of a name over https must neither lead back to http nor come to the same address twice."""
    expected = "over https neither a redirect back to http nor one that comes round again"
    followed = [entry for entry in value if entry["then"]]
    if not followed:
        return unknown("no redirect could be followed", None, expected)
    shown = {entry["domain"]: entry["then"] for entry in followed}
    leads = {_https_target(entry, context): _followed(entry) for entry in followed}
    for entry in followed:
        location = entry["then"]["location"]
        if _followed(entry) and location.startswith("http://"):
            return failed(f"https://{entry['domain']} leads to {location}", shown, expected)
        seen, place = set(), _https_target(entry, context)
        while leads.get(place):
            if place in seen:
                return failed(f"https://{entry['domain']} leads to {location}", shown, expected)
            seen.add(place)
            place = _absolute(leads[place], place)
    return passed(shown, expected)


def _followed(entry: Mapping[str, Any]) -> str:
    """Where a redirect over https leads; nothing where the answer is none."""
    return str(entry["then"]["location"]) if 300 <= entry["then"]["status"] < 400 else ""


def _absolute(location: str, place: str) -> str:
    return "/".join(place.split("/")[:3]) + location if location.startswith("/") and not location.startswith("//") else location


def strangers(value: Any, context: Context) -> Verdict:
    expected = "no connection, or an error, for every name that is not served here"
    shown = {entry["case"]: entry["status"] or entry["outcome"] for entry in value}
    for entry in value:
        if entry["status"] is not None and entry["status"] < 400:
            where = f" to {entry['location']}" if entry["location"] else ""
            return failed(f"{entry['case']}: answered with {entry['status']}{where}", shown, expected)
    return passed(shown, expected)


def traversal(value: Any, context: Context) -> Verdict:
    """Red is: content of a file, or an answer that differs from an unknown address's in a way only a climb explains."""
    expected = "400 or 404 (403 for a hidden file), or what any unknown address gets"
    control, tries = value["control"], value["tries"]
    if not tries:
        return not_applicable("neither static nor media files have a prefix of their own on this site")
    shown = {entry["path"]: entry["status"] or entry["outcome"] for entry in tries}
    for entry in tries:
        status = entry["status"]
        if entry.get("passwd"):
            return failed(f"{entry['path']} returns the host's password file", shown, expected)
        if status is None:
            continue
        as_unknown = status == control["status"] and (status != 200 or entry["type"] == control["type"])
        hidden = status == 403 and not entry["path"].endswith("../")
        if not (status in (400, 404, 410) or hidden or as_unknown):
            return failed(f"{entry['path']} is answered with {status}, an unknown address with {control['status']}", shown, expected)
    return passed(shown, expected)


def _logged(value: Mapping[str, Any]) -> str:
    log = value["log"]
    if not log["found"]:
        return str(log["problem"])
    return "" if log["fields"] is not None else f"{log['file']} is not JSON, so its fields cannot be told apart"


def static_cached_long(value: Any, context: Context) -> Verdict:
    expected = "Cache-Control with max-age of at least a year and immutable, on a file with a hash in its name"
    if not value["hashed"]:
        return failed("no linked file has a hash in its name, so none may be cached for long", value["path"], expected)
    words = [word.strip().lower() for word in value["cache_control"].split(",")]
    age = next((word[8:] for word in words if word.startswith("max-age=")), "")
    if not age.isdigit() or int(age) < 31536000 or "immutable" not in words or "private" in words:
        return failed(f"{value['path']} has Cache-Control '{value['cache_control']}'", value["cache_control"], expected)
    return passed({"path": value["path"], "cache_control": value["cache_control"]}, expected)


def static_bypasses_app(value: Any, context: Context) -> Verdict:
    expected = "no upstream in the access log's line about a static file"
    problem = _logged(value)
    if problem:
        return unknown(problem, None, expected)
    fields = value["log"]["fields"]
    if "upstream_addr" not in fields:
        return unknown("the access log has no field upstream_addr", sorted(fields), expected)
    if fields["upstream_addr"] not in ("", "-", None):
        return failed(f"{value['path']} was passed to {fields['upstream_addr']}", fields["upstream_addr"], expected)
    return passed({"path": value["path"], "upstream_addr": fields["upstream_addr"]}, expected)


def _packed(text: Any) -> Verdict:
    expected = "encoded with gzip and smaller than plain"
    if text["gzip_encoding"] != "gzip":
        return failed(f"{text['path']} comes with encoding '{text['gzip_encoding']}' to a client that accepts gzip", text, expected)
    if text["gzip_size"] >= text["size"]:
        return failed(f"{text['path']} has {text['gzip_size']} bytes encoded and {text['size']} plain", text, expected)
    return passed(text, expected)


def gzip_compressed(value: Any, context: Context) -> Verdict:
    return _packed(value["text"])


def gzip_page(value: Any, context: Context) -> Verdict:
    if value["status"] != 200 or value["size"] <= 1024:
        return not_applicable(f"{value['path']} is answered with {value['status']} and {value['size']} bytes, which is no page above 1 kB")
    return _packed(value)


def gzip_image(value: Any, context: Context) -> Verdict:
    image, expected = value["image"], "an image without content encoding"
    if image is None:
        return not_applicable("no page of the site shows an image")
    if image["gzip_encoding"] != "none":
        return failed(f"{image['path']} is encoded with {image['gzip_encoding']} again", image, expected)
    return passed(image, expected)


def assets_load(value: Any, context: Context) -> Verdict:
    expected = "200 and the right type for every linked file"
    wanted = {"style sheet": ("text/css",), "script": ("javascript",), "image": ("image/",)}
    for entry in value:
        if entry["status"] != 200:
            return failed(f"{entry['path']} is answered with {entry['status'] or entry['problem']}", entry, expected)
        if entry.get("superseded"):
            return failed(
                f"{entry['path']} is not in this release; it is answered from the one before, and with the next it is gone", entry, expected
            )
        if not any(word in entry["type"] for word in wanted.get(entry["kind"], ("",))):
            return failed(f"{entry['path']} is a {entry['kind']} and served as '{entry['type']}'", entry, expected)
    return passed(f"{len(value)} files", expected)


def forged_headers(value: Any, context: Context) -> Verdict:
    """Made-up forwarding headers must change nothing: not the answer, not who the client is in the log."""
    expected = "the same answer with and without made-up forwarding headers, and the true client in the log"
    plain, forged = value["plain"], value["forged"]
    shown = {"plain": plain, "forged": forged, "source": value["source"]}
    if forged["evil"]:
        return failed("the made-up host or address appears in the answer", shown, expected)
    if (plain["status"], plain["location"]) != (forged["status"], forged["location"]):
        return failed(f"the answer becomes {forged['status']} {forged['location']}".strip(), shown, expected)
    fields = (value["log"].get("fields") or {}) if value["log"]["found"] else {}
    client = fields.get("remote_addr")
    if client and client != value["source"]:
        return failed(f"the access log says the client was {client}, it was {value['source']}", shown, expected)
    return passed(shown, expected)


def request_logged(value: Any, context: Context) -> Verdict:
    expected = "a line about a marked request within 2 s"
    log = value["log"]
    if log["found"]:
        return passed({"file": log["file"], "seconds": log["seconds"]}, expected)
    if log["problem"].startswith("needs root"):
        return unknown(log["problem"], None, expected)
    return failed(log["problem"], None, expected)


def log_fields(value: Any, context: Context) -> Verdict:
    expected = "status, request time, upstream time and the client's true address"
    problem = _logged(value)
    if problem:
        return unknown(problem, None, expected)
    fields = value["log"]["fields"]
    wanted = {
        "status": ("status",),
        "request time": ("request_time",),
        "upstream time": ("upstream_time", "upstream_response_time"),
        "client": ("remote_addr", "client_ip"),
    }
    found = {title: next((fields[name] for name in names if name in fields), None) for title, names in wanted.items()}
    missing = [title for title, content in found.items() if content is None]
    if missing:
        return failed(f"the line has no {', '.join(missing)}", found, expected)
    if str(found["status"]) != str(value["forged"]["status"]) or found["client"] != value["source"]:
        return failed(
            f"the line says {found['status']} for {found['client']}; it was {value['forged']['status']} for {value['source']}", found, expected
        )
    return passed(found, expected)


JUDGEMENTS = {
    function.__name__: function
    for function in (
        answers_ipv4,
        answers_ipv6,
        verified_https,
        http2_request,
        tls_protocols,
        tls_ciphers,
        tls_key_exchange,
        tls_certificate_key,
        redirect_same_address,
        redirect_ipv6,
        redirect_no_loop,
        strangers,
        traversal,
        static_cached_long,
        static_bypasses_app,
        gzip_compressed,
        gzip_page,
        gzip_image,
        assets_load,
        forged_headers,
        request_logged,
        log_fields,
    )
}
JUDGEMENTS.update(CONFIG_JUDGEMENTS)
JUDGEMENTS.update(HEADER_JUDGEMENTS)
JUDGEMENTS.update(PUBLIC_JUDGEMENTS)
