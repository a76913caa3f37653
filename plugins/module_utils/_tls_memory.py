# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a client would say to a certificate and key, asked before any server serves them. PRIVATE to the collection.

Both ends of a TLS handshake run in this process. So key, names, dates and chain are judged by the library that clients use.
"""

from __future__ import annotations

import os
import ssl

from ansible_collections.prodready.django.plugins.module_utils import _x509

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class KeyMismatch(ValueError):
    """The private key does not belong to the certificate."""


def _server(certificate_file, key_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate_file, key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise KeyMismatch("the private key does not belong to the certificate") from None
        raise ValueError("certificate or key cannot be loaded: {0}".format(error.reason or error)) from None
    return context


def client_context(ca_file=None, authorities=""):
    """A client of this host: its trust store, `ca_file`, and authorities in PEM form. Loading the store is slow; one context serves many questions."""
    context = ssl.create_default_context()
    if ca_file or authorities:
        context.load_verify_locations(cafile=ca_file, cadata=authorities or None)
    return context


def client_says(certificate_file, key_file, domain, client):
    """Nothing when the client accepts the files for `domain`, else its reason."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = _server(certificate_file, key_file).wrap_bio(to_server, to_client, server_side=True)
    ends = [client.wrap_bio(to_client, to_server, server_hostname=domain), server]
    for _round in range(10):
        waiting = []
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(end)
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return error.reason or str(error)
        if not waiting:
            return ""
    return "the handshake did not end"


def trusts_nobody(bundle=BUNDLE):
    """Whether this host has no trust store yet, as a bare one without the package ca-certificates."""
    return not os.path.exists(bundle)


def in_trust_store(der, bundle=BUNDLE):
    """Whether a certificate is itself one of those this host trusts."""
    try:
        with open(bundle, encoding="ascii", errors="replace") as handle:
            return der in _x509.pem_blocks(handle.read())
    except FileNotFoundError:
        return der in ssl.create_default_context().get_ca_certs(binary_form=True)
