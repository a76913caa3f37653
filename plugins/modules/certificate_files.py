#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a certificate and its key in place, if clients would accept them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_files
short_description: Put a certificate and its key in place, if clients would accept them
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Makes a TLS handshake with the files in memory, judged by the host's trust store, once for each domain. A key that does not match, a domain
    that is not named, a date that is over or a chain that does not end in the trust store is refused, and nothing is touched.
  - The certificate is readable for all, the key for root alone.
options:
  name:
    description:
      - Name of the certificate, and of its directory.
    type: str
    required: true
  domains:
    description:
      - Names for which clients must accept it.
    type: list
    elements: str
    required: true
  certificate:
    description:
      - The certificate with its chain, in PEM form. Either this or O(certificate_file).
    type: str
  key:
    description:
      - The private key, in PEM form. Either this or O(key_file).
    type: str
  certificate_file:
    description:
      - The same as a file on the target.
    type: path
  key_file:
    description:
      - The same as a file on the target.
    type: path
  directory:
    description:
      - Where certificates lie, each in a directory of its own.
    type: path
    default: /etc/prodready/tls
  authorities:
    description: Further authorities in PEM form that the host is about to trust, as C(host_extra_ca_certificates) names them.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
"""

EXAMPLES = r"""
- name: Put the shop's certificate in place
  prodready.django.certificate_files:
    name: shop
    domains: [shop.example.org]
    certificate: "{{ lookup('ansible.builtin.file', 'shop.pem') }}"
    key: "{{ lookup('ansible.builtin.file', 'shop.key') }}"
  become: true
  no_log: true
"""

RETURN = r"""
not_after:
  description: When the certificate expires.
  returned: success
  type: str
  sample: "2027-02-21T10:00:00+00:00"
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _files, _tls_memory, _x509


class Refused(Exception):
    """The files would not work; the sentence says why and which option to change."""


def text_of(params, kind):
    """One of the two PEM texts, from the argument or the file on the target."""
    path, text = params[kind + "_file"], params[kind]
    if path and not text:
        try:
            with open(path, encoding="ascii") as handle:
                text = handle.read()
        except (OSError, ValueError) as error:
            raise Refused(f"{kind}_file {path} cannot be read: {error}") from None
    if not text:
        raise Refused(f"{kind}_file is not given")
    return text.strip() + "\n"


def of_unknown_issuer(said):
    """Whether a library complains of who issued a certificate."""
    return any(word in said for word in ("issuer", "self-signed", "self signed"))


def explain(said, domain, certificate):
    """A library's words as a sentence that names the option."""
    if "expired" in said:
        return f"certificate_file expired on {certificate['not_after']}"
    if "not yet valid" in said:
        return f"certificate_file is valid only from {certificate['not_before']}"
    if "Hostname mismatch" in said:
        return f"certificate_file is for {', '.join(certificate['names']) or 'no name'}, and not for the domain {domain}"
    if of_unknown_issuer(said):
        return (
            "the chain in certificate_file does not lead to a certificate this host trusts "
            f"(issued by '{certificate['issuer']}', {said}); add the intermediate certificates, or the authority to host_extra_ca_certificates"
        )
    return f"clients refuse certificate_file for {domain}: {said}"


def judge(texts, domains, folder, authorities="", lenient=False):
    """The certificate's fields, or Refused. The files lie in a private directory for as long as it takes. `lenient`: whoever issued it."""
    blocks = _x509.pem_blocks(texts["certificate"])
    if not blocks:
        raise Refused("certificate_file holds no certificate in PEM form")
    certificate = _x509.read_certificate(blocks[0])
    places = {kind: os.path.join(folder, kind) for kind in texts}
    for kind, place in places.items():
        with open(place, "w", encoding="ascii") as handle:
            handle.write(texts[kind])
    client = _tls_memory.client_context(authorities=authorities)
    for domain in domains:
        try:
            said = _tls_memory.client_says(places["certificate"], places["key"], domain, client)
        except _tls_memory.KeyMismatch:
            raise Refused("key_file does not belong to certificate_file") from None
        except ValueError as error:
            raise Refused(f"key_file or certificate_file cannot be used: {error}") from None
        if lenient and of_unknown_issuer(said):
            said = "" if _x509.name_matches(domain, certificate["names"]) else "Hostname mismatch"
        if said:
            raise Refused(explain(said, domain, certificate))
    return certificate


def place(module, texts, directory):
    """Write what differs, with its mode; return whether anything did."""
    changed = False
    if not os.path.isdir(directory) and not module.check_mode:
        os.makedirs(directory, mode=0o755)
    for kind, name, mode in (("key", "privkey.pem", 0o600), ("certificate", "fullchain.pem", 0o644)):
        target = os.path.join(directory, name)
        try:
            with open(target, encoding="ascii") as handle:
                same = handle.read() == texts[kind]
        except (OSError, ValueError):
            same = False
        if not same:
            changed = True
            if not module.check_mode:
                _files.replace(target, texts[kind].encode("ascii"), 0, 0, mode)
        if os.path.exists(target):
            changed = module.set_owner_if_different(target, "root", changed)
            changed = module.set_mode_if_different(target, mode, changed)
    return changed


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "domains": {"type": "list", "elements": "str", "required": True},
            "certificate": {"type": "str"},
            "key": {"type": "str", "no_log": True},
            "certificate_file": {"type": "path"},
            "key_file": {"type": "path", "no_log": False},
            "directory": {"type": "path", "default": "/etc/prodready/tls"},
            "authorities": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    folder = tempfile.mkdtemp(dir=module.tmpdir)
    # Whom a bare host will trust is known once role host ran; a look before that leaves it open.
    lenient = module.check_mode and _tls_memory.trusts_nobody()
    try:
        texts = {kind: text_of(params, kind) for kind in ("certificate", "key")}
        certificate = judge(texts, params["domains"], folder, params["authorities"], lenient)
    except (Refused, _x509.CertificateError) as error:
        module.fail_json(
            msg=f"certificate of {params['name']} in prodready_apps (its entry in certificate_certificates): {error}. Nothing was changed."
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    changed = place(module, texts, os.path.join(params["directory"], params["name"]))
    module.exit_json(changed=changed, not_after=certificate["not_after"])


if __name__ == "__main__":
    main()
