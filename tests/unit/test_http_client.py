# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP/1.1 and HTTP/2 as bytes."""

from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _http2 as h2
from ansible_collections.prodready.django.plugins.module_utils import _http_client as http

HEAD = b"HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nX-Frame-Options: SAMEORIGIN\r\n"


@pytest.mark.parametrize(
    ("data", "ended", "expected"),
    [
        (HEAD, False, None),
        (HEAD + b"Content-Length: 3\r\n\r\nab", False, None),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", False, b"abc"),
        (HEAD + b"Content-Length: 3\r\n\r\nabcd", False, b"abc"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", False, None),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", False, b"abcd"),
        (HEAD + b"\r\nabc", False, None),
        (HEAD + b"\r\nabc", True, b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n", False, b""),
    ],
)
def test_a_message_is_complete_when_its_own_words_say_so(data, ended, expected):
    answer = http.parse_response(data, ended=ended)
    assert (answer.body if answer else None) == expected


def test_a_repeated_header_is_seen_twice():
    answer = http.parse_response(HEAD + b"Content-Length: 0\r\n\r\n")
    assert answer.all("X-Frame-Options") == ["DENY", "SAMEORIGIN"]


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-x\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46", HEAD + b"Content-Length: 9\r\n\r\nabc"])
def test_what_ends_without_an_answer_is_an_error(data):
    with pytest.raises(http.HttpError):
        http.parse_response(data, ended=True)


def test_a_path_is_sent_as_it_is():
    sent = http.request_bytes("GET", "/static../%2e%2e/x", "shop.example.org", [("Accept", "*/*")])
    assert sent.startswith(b"GET /static../%2e%2e/x HTTP/1.1\r\nHost: shop.example.org\r\nAccept: */*\r\nConnection: close\r\n\r\n")


def test_a_connection_may_be_kept():
    assert b"Connection" not in http.request_bytes("GET", "/", "shop.example.org", close=False)


PAGE = """<link rel="stylesheet" href="/static/a.css"><link rel=canonical href="https://shop.example.org/">
<script src="https://shop.example.org/static/b.js?v=1"></script><script src="https://cdn.example.net/c.js"></script>
<img src="img/d.png"><img src="data:image/png;base64,AA"><img src="/static/a.css"><script>x</script>"""


def test_only_own_files_are_followed_each_once():
    found = http.asset_links(PAGE, "/news/", ["shop.example.org", "www.shop.example.org"])
    assert found == ["/static/a.css", "/static/b.js?v=1", "/news/img/d.png"]


def test_own_addresses_begin_with_loopback():
    from ansible_collections.prodready.django.plugins.module_utils._nginx_site import own_addresses

    loopback6 = "00000000000000000000000000000001 01 80 10 80       lo\n"
    assert own_addresses("")[0] == {"address": "127.0.0.1", "family": "v4", "loopback": True}
    assert {"address": "::1", "family": "v6", "loopback": True} in own_addresses(loopback6)
    assert not any(entry["address"] == "::1" for entry in own_addresses(""))


def test_frames_are_cut_and_the_rest_is_kept():
    data = h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x88") + b"\x00\x00\x05"
    assert h2.frames(data) == ([(h2.SETTINGS, 0, 0, b""), (h2.HEADERS, h2.END_HEADERS, 1, b"\x88")], b"\x00\x00\x05")


@pytest.mark.parametrize(
    ("payload", "flags", "expected"),
    [
        (b"\x88", 0, 200),
        (b"\x8d\x76\x03abc", 0, 404),
        (b"\x48\x03301", 0, 301),
        (b"\x08\x03502", 0, 502),
        (b"\x48\x82\x64\x02", 0, 302),  # Huffman, as RFC 7541 C.6.1 writes it
        (b"\x20\x88", 0, 200),  # the table is resized first, as nginx does
        (b"\x3f\xe1\x1f\x88", 0, 200),
        (b"\x02\x88\x00\x00", h2.PADDED, 200),
        (b"\x00\x00\x00\x00\x10\x88", h2.PRIORITY, 200),
    ],
)
def test_the_status_is_read_in_every_form(payload, flags, expected):
    assert h2.status_of(payload, flags) == expected


@pytest.mark.parametrize("payload", [b"", b"\x82", b"\x58\x03abc", b"\x48\x03abc"])
def test_headers_without_a_status_are_an_error(payload):
    with pytest.raises(h2.Http2Error):
        h2.status_of(payload)


def test_long_values_are_sent_whole():
    block = h2.encode_headers([("x", "a" * 300)])
    assert block == b"\x00\x01x\x7f\xad\x01" + b"a" * 300


class Peer:
    """A connection whose other end says what it was told to."""

    def __init__(self, data):
        self.data, self.sent = data, b""

    def sendall(self, data):
        self.sent += data

    def recv(self, size):
        block, self.data = self.data[:size], self.data[size:]
        return block


def answers(*pairs):
    return b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, payload) for stream, payload in pairs)


def test_a_burst_is_one_request_for_each_set_of_headers_and_keeps_their_order():
    peer = Peer(h2.frame(h2.SETTINGS, 0, 0) + answers((5, b"\x08\x03429"), (1, b"\x88"), (3, b"\x8d")) + h2.frame(h2.RST_STREAM, 0, 7, b"\0\0\0\7"))
    assert h2.burst(peer, "POST", "shop.example.org", "/login/", [[]] * 4) == [200, 404, 429, None]
    assert [stream for kind, _flags, stream, _payload in h2.frames(peer.sent[len(h2.PREFACE) :])[0] if kind == h2.HEADERS] == [1, 3, 5, 7]


@pytest.mark.parametrize("data", [b"", answers((1, b"\x88")), h2.frame(h2.GOAWAY, 0, 0, b"\0" * 8)])
def test_a_burst_that_is_not_answered_is_an_error(data):
    with pytest.raises(h2.Http2Error):
        h2.burst(Peer(data), "GET", "shop.example.org", "/", [[], []])
