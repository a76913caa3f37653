# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small HTTP/1.1 client that sends what it is told and shows what came back, byte for byte. PRIVATE to the collection.

Ready-made clients tidy up paths, merge headers that came twice and follow redirects. A probe has to see all of that.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

LIMIT = 4 * 1024 * 1024


class HttpError(Exception):
    """The answer is not HTTP, or there is none."""


@dataclass(frozen=True)
class Response:
    """One answer. `headers` keeps the order and every repetition."""

    status: int
    headers: tuple = ()
    body: bytes = b""
    seconds: float = 0.0
    encoded_size: int = field(default=0)

    def all(self, name):
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key == name.lower()]

    def first(self, name, default=""):
        values = self.all(name)
        return values[0] if values else default


def request_bytes(method, target, host, headers=(), body=b"", close=True):
    """A request exactly as given; `Connection: close` is ours, the rest is the caller's. No host sends no Host."""
    lines = ["{0} {1} HTTP/1.1".format(method, target)]
    if host:
        lines.append("Host: {0}".format(host))
    lines += ["{0}: {1}".format(name, value) for name, value in headers]
    lines += (["Connection: close"] if close else []) + ["", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _dechunk(data):
    """The body of a chunked message, or None while the last chunk is missing."""
    body = b""
    while True:
        head, separator, data = data.partition(b"\r\n")
        if not separator:
            return None
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return body
        if len(data) < size + 2:
            return None
        body, data = body + data[:size], data[size + 2 :]


def parse_response(data, method="GET", ended=False):
    """A complete message as a Response; None while bytes are missing. `ended` says that no more will come."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        if ended:
            raise HttpError("the connection was closed without an answer" if not data else "the answer is not HTTP")
        return None
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
        raise HttpError("the answer is not HTTP: {0!r}".format(lines[0][:60]))
    status = int(parts[1])
    if 100 <= status < 200:
        return parse_response(rest, method, ended)
    headers = []
    for line in lines[1:]:
        name, _colon, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    fields = dict(headers)
    if method == "HEAD" or status in (204, 304):
        body: bytes | None = b""
    elif "chunked" in fields.get("transfer-encoding", "").lower():
        body = _dechunk(rest)
    elif fields.get("content-length", "").isdigit():
        size = int(fields["content-length"])
        body = rest[:size] if len(rest) >= size else None
    else:
        body = rest if ended else None
    if body is None:
        if not ended:
            return None
        raise HttpError("the connection was closed in the middle of the answer")
    return Response(status=status, headers=tuple(headers), body=body, encoded_size=len(body))


def connect(address, port, timeout=5.0, source=""):
    """A TCP connection to exactly this address, from `source` where one is given; names are not looked up by anybody."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        if source:
            sock.bind((source, 0))
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def read_response(sock, method="GET", limit=LIMIT):
    """Read one answer from a socket."""
    data = b""
    while True:
        try:
            block = sock.recv(65536)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError):
            block = b""
        data += block
        response = parse_response(data, method, ended=not block)
        if response is not None:
            return response
        if len(data) > limit:
            raise HttpError("the answer is larger than {0} bytes".format(limit))


def tls_context(*, ca_file=None, verify=True, alpn=("http/1.1",)):
    """The target's own trust store, as a client on that host would use it, plus one file where asked.

    Loading the store takes a tenth of a second: make one context and keep it. Without verification none is loaded.
    """
    if verify:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    context.set_alpn_protocols(list(alpn))
    return context


@dataclass(frozen=True)
class Endpoint:
    """Where requests go: an address and port, and a TLS context and server name where it speaks TLS."""

    address: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str = ""
    timeout: float = 5.0
    source: str = ""

    def open(self):
        sock = connect(self.address, self.port, self.timeout, self.source)
        if self.context is None:
            return sock
        try:
            return self.context.wrap_socket(sock, server_hostname=self.server_name or None)
        except BaseException:
            sock.close()
            raise

    def request(self, method, target, host, headers=(), body=b""):
        """One request on a connection of its own."""
        started = time.monotonic()
        sock = self.open()
        try:
            sock.sendall(request_bytes(method, target, host, headers, body))
            answer = read_response(sock, method)
        finally:
            sock.close()
        return Response(answer.status, answer.headers, answer.body, round(time.monotonic() - started, 4), len(answer.body))


class _Links(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        rel = (given.get("rel") or "").lower().split()
        if tag == "link" and given.get("href") and ("stylesheet" in rel or "icon" in rel or "preload" in rel):
            self.found.append(given["href"])
        elif tag in ("script", "img") and given.get("src"):
            self.found.append(given["src"])


def asset_links(html, page, domains):
    """Paths (with query) of the style sheets, scripts and images a page takes from its own domains, each once, in order."""
    parser = _Links()
    parser.feed(html)
    paths = []
    for link in parser.found:
        parts = urlsplit(urljoin("https://{0}{1}".format(domains[0], page), link))
        if parts.scheme != "https" or parts.hostname not in domains:
            continue
        path = parts.path + ("?" + parts.query if parts.query else "")
        if path not in paths:
            paths.append(path)
    return paths
