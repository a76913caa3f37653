# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first two messages of a PostgreSQL connection: what a server asks of whom, without a password. PRIVATE to the collection.

No log-in is made and no password is needed: the server's answer to a start-up message says which rule of pg_hba.conf took it.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct

PROTOCOL_3 = 196608
SSL_REQUEST = struct.pack("!ii", 8, 80877103)

#: What an authentication request asks for (protocol documentation, "Message Formats").
DEMANDS = {0: "trust", 3: "password", 5: "md5", 7: "gss", 9: "sspi", 10: "scram-sha-256"}


def startup_message(user, database):
    """The message that starts a session of protocol 3.0."""
    pairs = ("user", user, "database", database, "application_name", "prodready")
    body = struct.pack("!i", PROTOCOL_3) + b"".join(part.encode() + b"\0" for part in pairs) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def read_answer(kind, body):
    """An answer to the start-up message as `{"outcome", "sqlstate", "message"}`."""
    if kind == b"R" and len(body) >= 4:
        code = struct.unpack("!i", body[:4])[0]
        return {"outcome": DEMANDS.get(code, "authentication {0}".format(code)), "sqlstate": "", "message": ""}
    if kind == b"E":
        fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
        state = fields.get(b"C", "")
        outcome = "refused" if state == "28000" else "error"
        return {"outcome": outcome, "sqlstate": state, "message": fields.get(b"M", "")}
    return {"outcome": "error", "sqlstate": "", "message": "unexpected message {0!r}".format(kind)}


def _receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def certificate_hash(pem):
    """The SHA-256 of the first certificate of a PEM text."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = begin + pem.split(begin, 1)[1].split(end, 1)[0] + end
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def tls_context(ca_file="", minimum=None, maximum=None):
    """A client's TLS context; without `ca_file` the server's certificate is looked at, not verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context


def start_tls(connection, context, name="localhost"):
    """Ask for TLS on a fresh connection: the wrapped connection, or None when the server says no."""
    connection.sendall(SSL_REQUEST)
    answer = _receive(connection, 1)
    return context.wrap_socket(connection, server_hostname=name) if answer == b"S" else None


def handshake(address, port, *, user, database, source="", tls=False, timeout=3.0):
    """How the server answers the start of a connection: trust, md5, scram-sha-256, refused, no_tls, filtered or error."""
    try:
        connection = socket.create_connection((address, port), timeout, (source, 0) if source else None)
    except (socket.timeout, OSError) as error:
        return {"outcome": "filtered", "sqlstate": "", "message": str(error)}
    try:
        with connection:
            stream = start_tls(connection, tls_context()) if tls else connection
            if stream is None:
                return {"outcome": "no_tls", "sqlstate": "", "message": "the server does not offer TLS"}
            stream.sendall(startup_message(user, database))
            kind, length = struct.unpack("!ci", _receive(stream, 5))
            return read_answer(kind, _receive(stream, min(length - 4, 65536)))
    except (OSError, ConnectionError) as error:
        return {"outcome": "error", "sqlstate": "", "message": str(error)}


def look_at_tls(address, port, *, ca_file="", name="localhost", timeout=3.0):
    """What a client gets that asks for TLS: offered, version, cipher, hash of the certificate, and whether it verifies."""
    found = {"offered": False, "version": "", "cipher": "", "certificate": "", "verifies": None, "problem": "", "not_after": ""}
    with socket.create_connection((address, port), timeout) as connection:
        stream = start_tls(connection, tls_context(), name)
        if stream is None:
            return found
        found.update(
            offered=True,
            version=stream.version() or "",
            cipher=(stream.cipher() or ("",))[0],
            certificate=hashlib.sha256(stream.getpeercert(True) or b"").hexdigest(),
        )
        stream.close()
    if ca_file:
        context = tls_context(ca_file)
        try:
            with socket.create_connection((address, port), timeout) as connection:
                stream = start_tls(connection, context, name)
                found.update(verifies=True, not_after=(stream.getpeercert() or {}).get("notAfter", ""))
                stream.close()
        except ssl.SSLError as error:
            found.update(verifies=False, problem=getattr(error, "verify_message", "") or str(error))
    return found
