# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS ClientHellos made by hand, and what a server answers to them. PRIVATE to the collection.

The local OpenSSL refuses to offer what is old. Then a refusal would be ours, not the server's: green for the wrong reason.
"""

from __future__ import annotations

import os
import struct

VERSIONS = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_VERSION_NAMES = {number: name for name, number in VERSIONS.items()}

#: Everything a server of any age may still accept, by number: RSA, DH(E), ECDH(E), PSK, anonymous, export, NULL.
LEGACY_SUITES = tuple(list(range(0x0001, 0x006E)) + list(range(0x0084, 0x00C6)) + list(range(0xC001, 0xC0B0)) + list(range(0xCCA8, 0xCCAF)))
#: Those of them with ECDH(E), where the server's key exchange names a group.
ELLIPTIC_SUITES = tuple(number for number in LEGACY_SUITES if number >= 0xC000 and number != 0xCCAA)
TLS13_SUITES = (0x1301, 0x1302, 0x1303, 0x1304, 0x1305)

SUITE_NAMES = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0x009E: "DHE-RSA-AES128-GCM-SHA256",
    0x009F: "DHE-RSA-AES256-GCM-SHA384",
    0xCCAA: "DHE-RSA-CHACHA20-POLY1305",
    0x009C: "AES128-GCM-SHA256",
    0x009D: "AES256-GCM-SHA384",
    0x002F: "AES128-SHA",
    0x0035: "AES256-SHA",
    0x003C: "AES128-SHA256",
    0x003D: "AES256-SHA256",
    0x000A: "DES-CBC3-SHA",
    0x0005: "RC4-SHA",
    0x0033: "DHE-RSA-AES128-SHA",
    0x0039: "DHE-RSA-AES256-SHA",
    0x0067: "DHE-RSA-AES128-SHA256",
    0x006B: "DHE-RSA-AES256-SHA256",
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA",
    0xC014: "ECDHE-RSA-AES256-SHA",
    0xC023: "ECDHE-ECDSA-AES128-SHA256",
    0xC024: "ECDHE-ECDSA-AES256-SHA384",
    0xC027: "ECDHE-RSA-AES128-SHA256",
    0xC028: "ECDHE-RSA-AES256-SHA384",
    0xC0AC: "ECDHE-ECDSA-AES128-CCM",
    0xC0AD: "ECDHE-ECDSA-AES256-CCM",
    0xC0AE: "ECDHE-ECDSA-AES128-CCM8",
    0xC0AF: "ECDHE-ECDSA-AES256-CCM8",
}

#: Named groups: classic curves, finite fields (RFC 7919), the hybrid ones.
GROUPS = {
    "secp192r1": 19,
    "secp224r1": 21,
    "secp256k1": 22,
    "prime256v1": 23,
    "secp384r1": 24,
    "secp521r1": 25,
    "brainpoolP256r1": 26,
    "brainpoolP384r1": 27,
    "brainpoolP512r1": 28,
    "X25519": 29,
    "X448": 30,
    "ffdhe2048": 256,
    "ffdhe3072": 257,
    "ffdhe4096": 258,
    "ffdhe6144": 259,
    "ffdhe8192": 260,
    "SecP256r1MLKEM768": 4587,
    "X25519MLKEM768": 4588,
    "SecP384r1MLKEM1024": 4589,
}
_GROUP_NAMES = {number: name for name, number in GROUPS.items()}

#: Signature algorithms, wide on purpose: a server must not refuse because of them.
_SIGNATURES = (
    0x0403,
    0x0503,
    0x0603,
    0x0807,
    0x0808,
    0x0804,
    0x0805,
    0x0806,
    0x0809,
    0x080A,
    0x080B,
    0x0401,
    0x0501,
    0x0601,
    0x0303,
    0x0301,
    0x0203,
    0x0201,
    0x0202,
)

#: A ServerHello with this random is a HelloRetryRequest (RFC 8446, 4.1.3).
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    40: "handshake_failure",
    42: "bad_certificate",
    47: "illegal_parameter",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    109: "missing_extension",
    112: "unrecognized_name",
    120: "no_application_protocol",
}


def suite_name(number):
    return SUITE_NAMES.get(number, "0x{0:04X}".format(number))


def _u16(*numbers):
    return b"".join(struct.pack("!H", number) for number in numbers)


def _sized(payload, width=2):
    return struct.pack("!I", len(payload))[4 - width :] + payload


def _extension(kind, payload):
    return _u16(kind) + _sized(payload)


def client_hello(version, *, suites=None, server_name="", groups=None, key_share=("X25519",), random=None):
    """One ClientHello record that offers exactly `version` (a name of VERSIONS) and these suites and groups."""
    number = VERSIONS[version]
    is_13 = number == 0x0304
    suites = list(suites if suites is not None else (TLS13_SUITES if is_13 else LEGACY_SUITES))
    offered = [GROUPS[name] for name in (groups or GROUPS)]
    extensions = b""
    if number > 0x0300:
        if server_name:
            extensions += _extension(0, _sized(b"\x00" + _sized(server_name.encode("idna"))))
        extensions += _extension(10, _sized(_u16(*offered))) + _extension(11, b"\x01\x00")
        if number >= 0x0303:
            extensions += _extension(13, _sized(_u16(*_SIGNATURES)))
        if is_13:
            shares = b"".join(_u16(GROUPS[name]) + _sized(os.urandom(32)) for name in key_share if name == "X25519")
            extensions += _extension(43, b"\x02" + _u16(number)) + _extension(51, _sized(shares)) + _extension(45, b"\x01\x01")
    if not is_13:
        suites = suites + [0x00FF]  # "I know secure renegotiation", in a form that SSL 3 has too
    body = _u16(min(number, 0x0303)) + (random or os.urandom(32)) + _sized(os.urandom(32) if is_13 else b"", 1) + _sized(_u16(*suites)) + b"\x01\x00"
    if extensions:
        body += _sized(extensions)
    return b"\x16" + _u16(0x0300 if number == 0x0300 else 0x0301) + _sized(b"\x01" + _sized(body, 3))


def _records(data):
    while len(data) >= 5:
        size = struct.unpack("!H", data[3:5])[0]
        if len(data) < 5 + size:
            return
        yield data[0], data[5 : 5 + size]
        data = data[5 + size :]


def _messages(data):
    """Complete handshake messages as {type: body}."""
    found: dict = {}
    while len(data) >= 4:
        size = struct.unpack("!I", b"\0" + data[1:4])[0]
        if len(data) < 4 + size:
            break
        found.setdefault(data[0], data[4 : 4 + size])
        data = data[4 + size :]
    return found


def _server_hello(body):
    version, suite_at = struct.unpack("!H", body[:2])[0], 35 + body[34]
    suite = struct.unpack("!H", body[suite_at : suite_at + 2])[0]
    answer = {"suite": suite_name(suite), "suite_number": suite, "group": None, "ephemeral": True}
    rest = body[suite_at + 5 :]
    while len(rest) >= 4:
        kind, size = struct.unpack("!HH", rest[:4])
        payload, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == 43 and size == 2:
            version = struct.unpack("!H", payload)[0]
        elif kind == 51 and size >= 2:
            number = struct.unpack("!H", payload[:2])[0]
            answer["group"] = _GROUP_NAMES.get(number, str(number))
    answer["version"] = _VERSION_NAMES.get(version, "0x{0:04X}".format(version))
    answer["retry"] = body[2:34] == _RETRY
    return answer


def _certificates(body):
    size = struct.unpack("!I", b"\0" + body[:3])[0]
    rest, chain = body[3 : 3 + size], []
    while len(rest) >= 3:
        size = struct.unpack("!I", b"\0" + rest[:3])[0]
        chain.append(rest[3 : 3 + size])
        rest = rest[3 + size :]
    return chain


def parse_answer(data, ended=False):
    """What a server said to a hello: `{"accepted": bool, …}`, or None while it may go on.

    Accepted are version, suite, group and, where the protocol shows it (up to TLS 1.2), the certificate chain.
    """
    handshake = b""
    for kind, payload in _records(data):
        if kind == 0x15 and len(payload) == 2 and not handshake:
            return {"accepted": False, "answer": "alert {0}".format(ALERTS.get(payload[1], payload[1]))}
        if kind == 0x16:
            handshake += payload
    messages = _messages(handshake)
    if 2 not in messages:
        if not ended:
            return None
        return {"accepted": False, "answer": "closed" if not data else "not TLS"}
    answer = dict(_server_hello(messages[2]), accepted=True, answer="hello", chain=[])
    if answer["version"] == "TLSv1.3":
        return answer
    if 14 not in messages and not ended:
        return None
    answer["chain"] = _certificates(messages[11]) if 11 in messages else []
    exchange = messages.get(12, b"")  # without this message the secret travels under the certificate's own key
    answer["ephemeral"] = bool(exchange)
    elliptic = answer["suite_number"] >= 0xC000 and answer["suite_number"] != 0xCCAA
    if elliptic and len(exchange) >= 3 and exchange[0] == 3:
        number = struct.unpack("!H", exchange[1:3])[0]
        answer["group"] = _GROUP_NAMES.get(number, str(number))
    elif not elliptic and len(exchange) >= 2:
        answer["group"] = "dh{0}".format(struct.unpack("!H", exchange[:2])[0] * 8)
    return answer


def ask(sock, hello):
    """Send a hello over a fresh connection and read the answer."""
    sock.sendall(hello)
    data = b""
    while True:
        try:
            block = sock.recv(16384)
        except (ConnectionResetError, BrokenPipeError):
            block = b""
        data += block
        answer = parse_answer(data, ended=not block)
        if answer is not None:
            return answer


def accepted_one_by_one(offer, choose):
    """What a server accepts of an offer: let it choose, strike out its choice, ask again until it refuses.

    `choose(rest)` returns the member the server chose, or None when it refused.
    """
    rest, found = list(offer), []
    while rest:
        chosen = choose(tuple(rest))
        if chosen not in rest:
            break
        found.append(chosen)
        rest.remove(chosen)
    return found
