# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The encrypted port of a Redis, as a client meets it. PRIVATE to the collection."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.module_utils import _http_client, _proc, _redis, _x509

#: A packet that a firewall drops is not answered at all; the kernel alone would try for two minutes.
_PATIENCE = 3
_EVERYWHERE = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "-::*": "::1", "::*": "::1", "::": "::1"}


def addresses(bind):
    """Where a server with this `bind` can be asked; a dash before an address says that it may be missing."""
    return [_EVERYWHERE.get(word) or word.lstrip("-") for word in str(bind).split()]


def served(address, port):
    """The certificate that a client is shown, as DER, whoever vouches for it."""
    context = _http_client.tls_context(verify=False, alpn=())
    with _http_client.Endpoint(address, port, context, address, timeout=_PATIENCE).open() as sock:
        return sock.getpeercert(binary_form=True)


def in_file(path):
    """The first certificate of a file, as DER."""
    return _x509.pem_blocks(_proc.read_text(path))[0]


def serves(settings, bind):
    """Whether the certificate served is the one in the file; it is compared, so nothing else has to vouch for it."""
    try:
        return served(addresses(bind)[0], int(settings["tls-port"])) == in_file(settings["tls-cert-file"])
    except (OSError, ValueError, IndexError):
        return False


def answers_plain(address, port):
    """Whether a client that does not encrypt is spoken to, be it to refuse it."""
    try:
        with _http_client.Endpoint(address, port, timeout=_PATIENCE).open() as sock:
            sock.sendall(_redis.encode(["PING"]))
            return sock.recv(1) in (b"+", b"-")
    except OSError:
        return False


def look(running, listeners, certificate_file=""):
    """What the port is like, by the settings of the running server and the addresses it listens on."""
    port = int(running.get("tls-port") or 0)
    found: dict[str, object] = {"used": port > 0, "port": port, "places": [], "expected_sha256": ""}
    found["unencrypted"] = sorted(address for address in listeners if not port or not address.endswith(":{0}".format(port)))
    if not port:
        return found
    if certificate_file:
        found["expected_sha256"] = _x509.read_certificate(in_file(certificate_file))["sha256"]
    found["places"] = [_place(address, port) for address in addresses(running["bind"])]
    return found


def _place(address, port):
    place = {"address": address, "answered": False, "problem": "", "plain": answers_plain(address, port)}
    try:
        certificate = _x509.read_certificate(served(address, port))
        place.update({name: certificate[name] for name in ("not_before", "not_after", "sha256")}, answered=True)
    except (OSError, ValueError) as error:
        place["problem"] = str(error)
    return place
