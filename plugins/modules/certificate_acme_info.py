#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe what a certificate of an ACME server would need: whether it is due, the server, and where its domains lead."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_acme_info
short_description: Observe whether a certificate of an ACME server is due, and what stands in the way
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Says whether a certificate has to be got from its ACME server, and why. It reads what this collection's renewal keeps on the host.
  - If it is due, it asks the directory of the ACME server, as its client on this host would, and resolves the domains. No account is made and no
    certificate asked for.
options:
  name:
    description:
      - Name of the certificate.
    type: str
    required: true
  domains:
    description:
      - Names it is for.
    type: list
    elements: str
    required: true
  directory_url:
    description:
      - Directory of the ACME server.
    type: str
    required: true
  directory_ca:
    description:
      - The authority of the ACME server's own certificate, in PEM form. Empty means the host's trust store.
    type: str
    default: ""
  directory_ca_file:
    description:
      - The same as a file on the target.
    type: path
  addresses:
    description:
      - Addresses that lead to this host beside its own, as those of a load balancer do.
    type: list
    elements: str
    default: []
  ask:
    description:
      - Whether to ask the ACME server and resolve the domains if the certificate is due.
    type: bool
    default: true
  authorities:
    description: Further authorities in PEM form that the host is about to trust, as C(host_extra_ca_certificates) names them.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - It never changes anything.
"""

EXAMPLES = r"""
- name: Look what stands in the way of the shop's certificate
  prodready.django.certificate_acme_info:
    name: shop
    domains: [shop.example.org]
    directory_url: https://acme-v02.api.letsencrypt.org/directory
  become: true
  register: acme_observed
"""

RETURN = r"""
observations:
  description:
    - What was observed, by name. Each entry has either RV(ignore:value) or RV(ignore:error), and its seconds.
    - V(state) says why it is V(due), which is empty if it is not, and whether what was issued is V(installed). If it is due, V(directory) tells
      of the ACME server and V(domains) where they lead; V(elsewhere) are addresses that are not this host's.
  returned: always
  type: dict
  sample:
    state:
      seconds: 0.001
      value: {due: "it ends on 2026-12-01T00:00:00+00:00", installed: true}
observed_from:
  description: From where it was observed.
  returned: always
  type: str
  sample: host
"""

import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _acme, _tls_memory, _x509
from ansible_collections.prodready.django.plugins.module_utils._observe import Observer, command_output


def text_of(path):
    """A file's text; nothing where there is none. Not being allowed to look is another matter."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def certificate_in(text):
    try:
        return _x509.read_certificate(_x509.pem_blocks(text)[0])
    except (ValueError, IndexError):
        return None


def state(params):
    """Why the certificate is due, or nothing; and whether what was issued is in place."""
    renewal = _acme.parse_renewal(text_of(os.path.join(_acme.ACME, "renewal", params["name"] + ".conf")))
    issued = text_of(os.path.join(_acme.ACME, "live", params["name"], "fullchain.pem"))
    in_place = text_of(os.path.join(_acme.TLS, params["name"], "fullchain.pem"))
    due = _acme.acme_due(params, renewal, certificate_in(issued), datetime.now(timezone.utc))
    return {"due": due, "installed": bool(issued) and issued == in_place}


def directory(url, authority, authority_file, authorities=""):
    """Whether the ACME server's directory is one, as seen from here."""
    entry = {"url": url, "answered": False, "problem": "", "distrusted": False, "unjudged": False}
    try:
        context = ssl.create_default_context(cafile=authority_file or None, cadata=authority or None)
        if authorities:
            context.load_verify_locations(cadata=authorities)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        with opener.open(url, timeout=10) as answer:
            listed = json.loads(answer.read(1000000).decode("utf-8"))
        entry["answered"] = isinstance(listed, dict) and "newOrder" in listed
        entry["problem"] = "" if entry["answered"] else "the answer is not the directory of an ACME server"
    except (json.JSONDecodeError, UnicodeDecodeError):
        entry["problem"] = "the answer is not the directory of an ACME server"
    except urllib.error.HTTPError as error:
        entry["problem"] = "status {0}".format(error.code)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        entry["distrusted"] = isinstance(reason, ssl.SSLCertVerificationError)
        # Whom this host will trust, only role host decides.
        entry["unjudged"] = entry["distrusted"] and _tls_memory.trusts_nobody()
        entry["problem"] = getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or str(reason)
    return entry


def lead(domain, own):
    """Where a domain leads, by this host's resolver."""
    entry = {"domain": domain, "addresses": [], "elsewhere": [], "problem": ""}
    try:
        found = socket.getaddrinfo(domain, 80, type=socket.SOCK_STREAM)
        entry["addresses"] = sorted({one[4][0] for one in found})
        entry["elsewhere"] = _acme.foreign_addresses(entry["addresses"], own)
    except (OSError, UnicodeError) as error:
        entry["problem"] = getattr(error, "strerror", None) or str(error)
    return entry


def look(params, run_command):
    observer = Observer()
    found = observer.observe("state", state, params)
    if params["ask"] and found and found["due"]:
        observer.observe("directory", directory, params["directory_url"], params["directory_ca"], params["directory_ca_file"], params["authorities"])
        own = observer.observe("addresses", lambda: command_output(run_command, ["hostname", "-I"]).split()) or []
        observer.observe("domains", lambda: [lead(domain, own + params["addresses"]) for domain in params["domains"]])
    return observer.result()


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "domains": {"type": "list", "elements": "str", "required": True},
            "directory_url": {"type": "str", "required": True},
            "directory_ca": {"type": "str", "default": ""},
            "directory_ca_file": {"type": "path"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "authorities": {"type": "str", "default": ""},
            "ask": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    module.exit_json(**look(module.params, module.run_command))


if __name__ == "__main__":
    main()
