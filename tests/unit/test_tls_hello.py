# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Handshakes made by hand, answered by a real OpenSSL in memory; certificates read by hand, made by a real library."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _tls_hello as tls
from ansible_collections.prodready.django.plugins.module_utils import _tls_memory, _x509
from ansible_collections.prodready.django.plugins.modules import certificate_files

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402

NOW = datetime.datetime.now(datetime.timezone.utc)


def make(folder, name="leaf", *, domains=("shop.example.org",), key=None, issuer=None, begins=-1, ends=90, ca=False):
    """A certificate and its key as files; `issuer` is what this returned before."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer["subject"] if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=begins))
        .not_valid_after(NOW + datetime.timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if domains and not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains]), critical=False)
    if ca:
        usage = dict.fromkeys(
            ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"],
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    if issuer:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer["key"].public_key())
        builder = builder.add_extension(identifier, critical=False)
    certificate = builder.sign(issuer["key"] if issuer else key, hashes.SHA256())
    places = {"certificate": folder / f"{name}.pem", "key_file": folder / f"{name}.key"}
    places["certificate"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    places["key_file"].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return {"subject": subject, "key": key, "pem": str(places["certificate"]), "key_file": str(places["key_file"]), "x509": certificate}


def answer_of(context, hello):
    """What a server of this context says to a hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    with contextlib.suppress(ssl.SSLError):
        server.do_handshake()
    return tls.parse_answer(outgoing.read(), ended=True)


@pytest.fixture(name="context")
def server_context(tmp_path):
    files = make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["pem"], files["key_file"])
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA384")
    return context


@pytest.mark.parametrize(("version", "suite"), [("TLSv1.2", "ECDHE-ECDSA"), ("TLSv1.3", "TLS_")])
def test_a_server_accepts_what_is_offered_by_hand(context, version, suite):
    answer = answer_of(context, tls.client_hello(version, server_name="shop.example.org"))
    assert answer["accepted"], answer
    assert (answer["version"], answer["ephemeral"]) == (version, True)
    assert answer["suite"].startswith(suite)


@pytest.mark.parametrize("version", ["SSLv3", "TLSv1.0", "TLSv1.1"])
def test_a_refusal_is_an_alert_of_the_server(context, version):
    answer = answer_of(context, tls.client_hello(version))
    assert not answer["accepted"]
    assert answer["answer"].startswith("alert ")


def test_the_chain_and_the_group_are_seen_before_tls_13(context):
    answer = answer_of(context, tls.client_hello("TLSv1.2", groups=["prime256v1"]))
    assert answer["group"] == "prime256v1"
    assert _x509.read_certificate(answer["chain"][0])["names"] == ["shop.example.org"]


def test_every_accepted_suite_is_found_by_striking_out(context):
    def choose(rest):
        answer = answer_of(context, tls.client_hello("TLSv1.2", suites=rest))
        return answer["suite_number"] if answer["accepted"] else None

    found = {tls.suite_name(number) for number in tls.accepted_one_by_one(tls.LEGACY_SUITES, choose)}
    assert found == {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384"}


def test_a_retry_names_the_group_a_server_takes(context):
    def choose(rest):
        answer = answer_of(context, tls.client_hello("TLSv1.3", groups=rest, key_share=()))
        return answer["group"] if answer["accepted"] else None

    assert {"X25519", "prime256v1"} <= set(tls.accepted_one_by_one(tls.GROUPS, choose))


@pytest.mark.parametrize(
    ("data", "ended", "expected"),
    [
        (b"", False, None),
        (b"", True, "closed"),
        (b"HTTP/1.1 400 Bad Request\r\n", True, "not TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x46", False, "alert protocol_version"),
        (b"\x15\x03\x01\x00\x02\x02\x70", False, "alert unrecognized_name"),
    ],
)
def test_whatever_is_no_hello_is_a_refusal_with_a_name(data, ended, expected):
    answer = tls.parse_answer(data, ended)
    assert (answer and answer["answer"]) == expected


@pytest.mark.parametrize(
    ("make_key", "expected"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), {"type": "ec", "curve": "P-256"}),
        (lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048), {"type": "rsa", "bits": 2048}),
    ],
)
def test_a_certificate_reads_as_it_was_made(tmp_path, make_key, expected):
    made = make(tmp_path, domains=("shop.example.org", "*.example.org"), key=make_key())
    found = _x509.read_certificate(made["x509"].public_bytes(serialization.Encoding.DER))
    assert found["key"] == expected
    assert found["names"] == ["shop.example.org", "*.example.org"]
    assert found["serial"] == f"{made['x509'].serial_number:x}"
    assert datetime.datetime.fromisoformat(found["not_after"]) == NOW.replace(microsecond=0) + datetime.timedelta(days=90)
    assert found["signature"] in ("sha256-ecdsa", "sha256-rsa")
    assert (found["subject"], found["self_signed"], found["ca"]) == ("leaf", True, False)


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x82\x01\x00abc", b"no certificate at all"])
def test_bytes_that_are_no_certificate_are_an_error(data):
    with pytest.raises(_x509.CertificateError):
        _x509.read_certificate(data)


@pytest.mark.parametrize(
    ("domain", "names", "expected"),
    [
        ("shop.example.org", ["shop.example.org"], True),
        ("SHOP.example.org", ["shop.example.org"], True),
        ("shop.example.org", ["*.example.org"], True),
        ("a.shop.example.org", ["*.example.org"], False),
        ("example.org", ["*.example.org"], False),
        ("shop.example.org", ["example.org"], False),
    ],
)
def test_a_star_stands_for_one_label(domain, names, expected):
    assert _x509.name_matches(domain, names) is expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, ""),
        ({"domains": ("blog.example.org",)}, "Hostname mismatch"),
        ({"begins": -90, "ends": -1}, "expired"),
        ({"begins": 1}, "not yet valid"),
        ({"issuer": None}, "self-signed"),
    ],
)
def test_files_are_judged_as_clients_judge_them(tmp_path, case, expected):
    authority = make(tmp_path, "authority", ca=True)
    leaf = make(tmp_path, **dict({"issuer": authority}, **case))
    said = _tls_memory.client_says(leaf["pem"], leaf["key_file"], "shop.example.org", _tls_memory.client_context(authority["pem"]))
    assert expected in said.replace("self signed", "self-signed")
    assert bool(said) is bool(expected)


def test_a_foreign_key_is_a_mismatch(tmp_path):
    leaf, other = make(tmp_path), make(tmp_path, "other")
    with pytest.raises(_tls_memory.KeyMismatch):
        _tls_memory.client_says(leaf["pem"], other["key_file"], "shop.example.org", _tls_memory.client_context())


def test_an_authority_that_the_host_is_about_to_trust_is_trusted(tmp_path):
    authority = make(tmp_path, "authority", ca=True)
    leaf = make(tmp_path, issuer=authority)
    with open(authority["pem"], encoding="ascii") as stream:
        text = stream.read()
    assert _tls_memory.client_says(leaf["pem"], leaf["key_file"], "shop.example.org", _tls_memory.client_context()) != ""
    assert _tls_memory.client_says(leaf["pem"], leaf["key_file"], "shop.example.org", _tls_memory.client_context(authorities=text)) == ""


@pytest.mark.parametrize(
    ("domain", "lenient", "refused"),
    [("shop.example.org", True, ""), ("shop.example.org", False, "does not lead to a certificate"), ("blog.example.org", True, "for the domain")],
)
def test_where_nobody_is_trusted_yet_the_issuer_alone_is_left_open(tmp_path, domain, lenient, refused):
    leaf = make(tmp_path, issuer=make(tmp_path, "authority", ca=True))
    texts = {}
    for kind, file in (("certificate", leaf["pem"]), ("key", leaf["key_file"])):
        with open(file, encoding="ascii") as stream:
            texts[kind] = stream.read()
    folder = tmp_path / "judged"
    folder.mkdir()
    if refused:
        with pytest.raises(certificate_files.Refused, match=refused):
            certificate_files.judge(texts, [domain], str(folder), lenient=lenient)
    else:
        assert certificate_files.judge(texts, [domain], str(folder), lenient=lenient)["names"] == ["shop.example.org"]


@pytest.mark.parametrize(("address", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("2001:db8::5", "2001:db8::5")])
def test_an_address_in_a_certificate_reads_as_people_write_it(address, shown):
    assert _x509._address(ipaddress.ip_address(address).packed) == shown
