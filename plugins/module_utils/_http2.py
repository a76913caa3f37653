# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Just enough HTTP/2 (RFC 9113, RFC 7541) for one real GET. PRIVATE to the collection."""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x7, 0x8, 0x9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

# The seven values of :status in HPACK's static table, and its Huffman codes of the ten digits.
_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_DIGITS = {
    "00000": "0",
    "00001": "1",
    "00010": "2",
    "011001": "3",
    "011010": "4",
    "011011": "5",
    "011100": "6",
    "011101": "7",
    "011110": "8",
    "011111": "9",
}


class Http2Error(Exception):
    """The peer does not speak HTTP/2 as it should."""


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def frames(data):
    """Complete frames as (kind, flags, stream, payload), and the bytes left over."""
    found = []
    while len(data) >= 9:
        size = struct.unpack("!I", b"\0" + data[:3])[0]
        if len(data) < 9 + size:
            break
        stream = struct.unpack("!I", data[5:9])[0] & 0x7FFFFFFF
        found.append((data[3], data[4], stream, data[9 : 9 + size]))
        data = data[9 + size :]
    return found, data


def _text(value):
    raw = value.encode("latin-1")
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, size = len(raw) - 127, b"\x7f"
    while rest >= 128:
        size, rest = size + bytes([rest % 128 + 128]), rest // 128
    return size + bytes([rest]) + raw


def encode_headers(fields):
    """A header block of literal fields without indexing, without Huffman."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


def get_request(authority, path, headers=()):
    """Everything a client sends for one GET on stream 1."""
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path)] + list(headers)
    block = encode_headers(fields)
    return PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS | END_STREAM, 1, block)


def _digits(raw, huffman):
    if not huffman:
        return raw.decode("ascii")
    bits, text, code = "".join("{0:08b}".format(byte) for byte in raw), "", ""
    for bit in bits:
        code += bit
        if code in _DIGITS:
            text, code = text + _DIGITS[code], ""
    return text


def status_of(payload, flags=0):
    """`:status` of a HEADERS payload. It is a response's first field, so nothing before it needs decoding."""
    if flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    if flags & PRIORITY:
        payload = payload[5:]
    while payload and payload[0] & 0xE0 == 0x20:  # a change of the table's size comes first
        more = payload[0] & 0x1F == 0x1F
        payload = payload[1:]
        while more:
            more, payload = payload[0] & 0x80, payload[1:]
    if not payload:
        raise Http2Error("the response has no headers")
    first = payload[0]
    if first & 0x80:
        if first & 0x7F in _STATUS:
            return _STATUS[first & 0x7F]
        raise Http2Error("the response does not begin with :status")
    index = first & (0x3F if first & 0x40 else 0x0F)
    if index not in _STATUS:
        raise Http2Error("the response does not begin with :status")
    size, value = payload[1] & 0x7F, payload[2:]
    digits = _digits(value[:size], bool(payload[1] & 0x80))[:3]
    if not digits.isdigit():
        raise Http2Error("the response's status is not a number")
    return int(digits)


def get_status(sock, authority, path, headers=()):
    """Send a GET over a connection that negotiated h2, and return the status of the answer."""
    sock.sendall(get_request(authority, path, headers))
    data = b""
    while True:
        block = sock.recv(65536)
        if not block:
            raise Http2Error("the connection was closed before an answer")
        arrived, data = frames(data + block)
        for kind, flags, stream, payload in arrived:
            if kind == SETTINGS and not flags & ACK:
                sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == GOAWAY:
                raise Http2Error("the server ended the connection (GOAWAY {0})".format(struct.unpack("!I", payload[4:8])[0]))
            elif kind == RST_STREAM and stream == 1:
                raise Http2Error("the server reset the request ({0})".format(struct.unpack("!I", payload[:4])[0]))
            elif kind == HEADERS and stream == 1:
                return status_of(payload, flags)


def burst(sock, method, authority, path, headers):
    """Send a request for each of `headers` at once, and return the status of each in that order; None where the server gave none.

    All of them arrive before the first is answered. So a limit is reached however slow the application is.
    """
    fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
    blocks = {1 + 2 * number: encode_headers(fields + list(further)) for number, further in enumerate(headers)}
    room = frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1 << 30))  # for the bodies of all answers
    asked = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream, block in blocks.items())
    sock.sendall(PREFACE + frame(SETTINGS, 0, 0) + room + asked)
    found: dict = {}
    data = b""
    while len(found) < len(blocks):
        arrived, data = frames(data + (sock.recv(65536) or _ended()))
        for kind, flags, stream, payload in arrived:
            if kind == SETTINGS and not flags & ACK:
                sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == GOAWAY:
                raise Http2Error("the server ended the connection (GOAWAY {0})".format(struct.unpack("!I", payload[4:8])[0]))
            elif kind == RST_STREAM:
                found.setdefault(stream, None)
            elif kind == HEADERS and stream not in found:  # a second block of headers would be a trailer
                found[stream] = status_of(payload, flags)
    return [found[stream] for stream in blocks]


def _ended():
    raise Http2Error("the connection was closed before every answer")
