# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether somebody speaks QUIC at a UDP port, asked with one datagram. PRIVATE to the collection.

A server answers a version it does not know with the list of those it does (RFC 9000, 6.1). That takes no cryptography, and nothing
but a QUIC server can make the answer up, because it repeats the connection ids of the question.
"""

from __future__ import annotations

import os
import re
import socket
import struct

#: A version that RFC 9000 reserves so that nobody ever implements it (0x?a?a?a?a).
RESERVED = 0x1A2A3A4A
NAMES = {1: "QUIC v1", 0x6B3343CF: "QUIC v2"}


class Http3Error(Exception):
    """The answer is not QUIC's."""


def question(destination, source):
    """A long-header packet of a version nobody has, as large as a first packet has to be."""
    head = b"\xc0" + struct.pack("!I", RESERVED) + bytes([len(destination)]) + destination + bytes([len(source)]) + source
    return head + b"\0" * (1200 - len(head))


def versions(answer, destination, source):
    """The versions in a version negotiation packet that answers exactly our question."""
    if len(answer) < 7 or not answer[0] & 0x80 or answer[1:5] != b"\0\0\0\0":
        raise Http3Error("the answer is no version negotiation")
    size = answer[5]
    theirs, rest = answer[6 : 6 + size], answer[6 + size :]
    if not rest or theirs != source or rest[1 : 1 + rest[0]] != destination:
        raise Http3Error("the answer belongs to another question")
    listed = rest[1 + rest[0] :]
    numbers = [struct.unpack("!I", listed[at : at + 4])[0] for at in range(0, len(listed) - 3, 4)]
    return [NAMES.get(number, "0x{0:08x}".format(number)) for number in numbers if number & 0x0F0F0F0F != 0x0A0A0A0A]


def ask(address, port, timeout=1.0, tries=2):
    """The QUIC versions a port speaks. A datagram may get lost, so it is sent again once."""
    destination, source = os.urandom(8), os.urandom(8)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address, port))
        for attempt in range(tries):
            sock.send(question(destination, source))
            try:
                return versions(sock.recv(2048), destination, source)
            except socket.timeout:
                if attempt == tries - 1:
                    raise
    return []


def announced_port(alt_svc):
    """The port of this host that an Alt-Svc header announces HTTP/3 on, or None."""
    found = re.search(r'\bh3="(?:[^":]*):(\d+)"', alt_svc)
    return int(found.group(1)) if found else None
