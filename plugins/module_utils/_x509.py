# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a certificate says, read with the standard library alone (DER, RFC 5280). PRIVATE to the collection.

Python shows the fields of a certificate only after it has verified it. A probe must also read an expired or foreign one.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from datetime import datetime, timezone

_NAMES = {
    "1.2.840.113549.1.1.5": "sha1-rsa",
    "1.2.840.113549.1.1.11": "sha256-rsa",
    "1.2.840.113549.1.1.12": "sha384-rsa",
    "1.2.840.113549.1.1.13": "sha512-rsa",
    "1.2.840.113549.1.1.10": "rsa-pss",
    "1.2.840.113549.1.1.4": "md5-rsa",
    "1.2.840.10045.4.1": "sha1-ecdsa",
    "1.2.840.10045.4.3.2": "sha256-ecdsa",
    "1.2.840.10045.4.3.3": "sha384-ecdsa",
    "1.2.840.10045.4.3.4": "sha512-ecdsa",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "1.2.840.113549.1.1.1": "rsa",
    "1.2.840.10045.2.1": "ec",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.132.0.10": "secp256k1",
    "1.3.132.0.33": "P-224",
    "1.2.840.10045.3.1.1": "P-192",
}
_SAN, _CONSTRAINTS, _COMMON_NAME = "2.5.29.17", "2.5.29.19", "2.5.4.3"
_PEM = re.compile("-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class CertificateError(ValueError):
    """The bytes are not a certificate."""


def pem_blocks(text):
    """The certificates of a PEM file as DER, in order."""
    return [base64.b64decode("".join(block.split())) for block in _PEM.findall(text)]


def _read(data, at=0):
    """One element: (tag, content, position after it)."""
    try:
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
    except IndexError:
        raise CertificateError("the certificate is cut off") from None
    if at + size > len(data):
        raise CertificateError("the certificate is cut off")
    return tag, data[at : at + size], at + size


def _parts(data):
    found, at = [], 0
    while at < len(data):
        tag, content, at = _read(data, at)
        found.append((tag, content))
    return found


def _oid(content):
    numbers, value = [content[0] // 40, content[0] % 40], 0
    for byte in content[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(str(number) for number in numbers)


def _time(tag, content):
    text = content.decode("ascii").rstrip("Z")
    if tag == 0x17:  # two digits of year, until 2049
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).isoformat()


def _common_name(content):
    for _tag, one in _parts(content):
        for _inner, pair in _parts(one):
            fields = _parts(pair)
            if _oid(fields[0][1]) == _COMMON_NAME:
                return fields[1][1].decode("utf-8", "replace")
    return ""


def _key(content):
    (_tag, algorithm), (_bits, key) = _parts(content)[:2]
    fields = _parts(algorithm)
    kind = _NAMES.get(_oid(fields[0][1]), _oid(fields[0][1]))
    if kind == "rsa":
        modulus = _parts(_read(key[1:])[1])[0][1]
        return {"type": "rsa", "bits": int.from_bytes(modulus, "big").bit_length()}
    if kind == "ec" and len(fields) > 1 and fields[1][0] == 0x06:
        curve = _oid(fields[1][1])
        return {"type": "ec", "curve": _NAMES.get(curve, curve)}
    return {"type": kind}


def _address(content):
    return str(ipaddress.ip_address(content)) if len(content) in (4, 16) else content.hex()


def _extensions(content):
    found = {}
    for _tag, extension in _parts(_read(content)[1]):
        fields = _parts(extension)
        found[_oid(fields[0][1])] = fields[-1][1]
    return found


def read_certificate(der):
    """A certificate's fields as plain values."""
    try:
        (_tag, body), (_alg, signature), _signature = _parts(_read(der)[1])[:3]
        fields = [part for part in _parts(body) if part[0] != 0xA0]
        serial, _algorithm, issuer, validity, subject, key = fields[:6]
        begins, ends = _parts(validity[1])[:2]
        extensions: dict = next((_extensions(content) for tag, content in fields[6:] if tag == 0xA3), {})
        names = [
            content.decode("ascii", "replace") if tag == 0x82 else _address(content)
            for tag, content in (_parts(_read(extensions[_SAN])[1]) if _SAN in extensions else [])
            if tag in (0x82, 0x87)
        ]
        constraints = _parts(_read(extensions[_CONSTRAINTS])[1]) if _CONSTRAINTS in extensions else []
        oid = _oid(_parts(signature)[0][1])
        return {
            "serial": "{0:x}".format(int.from_bytes(serial[1], "big")),
            "sha256": hashlib.sha256(der).hexdigest(),
            "issuer": _common_name(issuer[1]),
            "subject": _common_name(subject[1]),
            "self_signed": issuer[1] == subject[1],
            "not_before": _time(*begins),
            "not_after": _time(*ends),
            "names": names,
            "ca": any(tag == 0x01 and content != b"\x00" for tag, content in constraints),
            "key": _key(key[1]),
            "signature": _NAMES.get(oid, oid),
        }
    except (ValueError, IndexError, KeyError) as error:
        raise CertificateError("not a certificate: {0}".format(error)) from error


def name_matches(domain, names):
    """Whether a certificate with these names is one for `domain` (RFC 6125: a star stands for one whole first label)."""
    domain = domain.lower().rstrip(".")
    for name in [each.lower() for each in names]:
        if name == domain:
            return True
        if name.startswith("*.") and "." in domain and domain.split(".", 1)[1] == name[2:]:
            return True
    return False
