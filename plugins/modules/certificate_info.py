#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe a TLS certificate: as it lies in a file, and as a server shows it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Observe a TLS certificate, in its file and as served
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Makes a TLS handshake for each domain, reads the certificate and the mode of its key from disk, and looks for what renews it.
  - Nothing is served or read but public parts; of the key only owner, mode and whether it fits the certificate are returned.
options:
  name:
    description:
      - Name of the certificate, under which this host's renewal knows it.
    type: str
    default: ""
  domains:
    description:
      - Names to ask the server for, each with a handshake of its own.
    type: list
    elements: str
    default: []
  certificate_file:
    description:
      - The certificate with its chain, in PEM form.
    type: path
    required: true
  key_file:
    description:
      - The private key that belongs to it, in PEM form.
    type: path
    required: true
  address:
    description:
      - Address at which the server is asked.
    type: str
    default: 127.0.0.1
  port:
    description:
      - Port at which the server is asked.
    type: int
    default: 443
  protocol:
    description:
      - How the server is asked for TLS. With V(https) it speaks TLS from the first byte, with V(postgresql) it is asked as PostgreSQL is.
    type: str
    choices: [https, postgresql]
    default: https
  ca_file:
    description:
      - A further certificate authority to trust beside the system's trust store.
    type: path
  ask_server:
    description:
      - Whether to make handshakes with the server. Without, the files are tried in memory, and nothing needs to run.
    type: bool
    default: true
  rehearse:
    description:
      - Whether to rehearse the renewal of O(name), which asks its ACME server for a dry run. Without, and in check mode, what the host kept of
        its last rehearsal is read.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - It never changes anything; a rehearsal keeps nothing of what it got.
"""

EXAMPLES = r"""
- name: Look at the shop's certificate
  prodready.django.certificate_info:
    domains: [shop.example.org]
    certificate_file: /etc/prodready/tls/shop/fullchain.pem
    key_file: /etc/prodready/tls/shop/privkey.pem
  become: true
  register: certificate_observed
"""

RETURN = r"""
observations:
  description:
    - What was observed, by name. Each entry has either RV(ignore:value) or RV(ignore:error), and its seconds.
    - The names are V(file) and V(key), with O(ask_server=true) also V(served), V(timers) and V(rehearsal), without it
      V(accepted) and V(trusted).
  returned: always
  type: dict
  sample:
    key:
      seconds: 0.001
      value: {mode: "0600", uid: 0, matches: true}
observed_from:
  description: From where it was observed.
  returned: always
  type: str
  sample: host
"""

import glob
import json
import os
import socket
import ssl
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _acme, _http_client, _tls_memory, _x509
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, Observer, command_output
from ansible_collections.prodready.django.plugins.module_utils._postgresql_handshake import start_tls

#: X509_V_FLAG_NO_CHECK_TIME; Python has no name for it.
IGNORE_DATES = 0x200000

#: Timers of renewal clients, by a part of their names.
RENEWERS = ("certbot", "acme", "lego", "dehydrated", _acme.TIMER)
CERTBOT = "/etc/letsencrypt"


def connect(address, port, context, domain, protocol):
    """A connection to the server that speaks TLS."""
    if protocol == "https":
        return _http_client.Endpoint(address, port, context, domain).open()
    connection = socket.create_connection((address, port), timeout=5)
    try:
        stream = start_tls(connection, context, domain)
    except (OSError, ValueError):
        connection.close()
        raise
    if stream is None:
        connection.close()
        raise OSError("the server does not offer TLS")
    return stream


def served(domains, address, port, ca_file, protocol="https"):
    """For each domain what the server shows for it, and whether its chain leads to this host's trust store.

    Names and dates are other questions: they are returned, and take no part in the answer about the chain.
    """
    if not domains:
        raise ObservationError("no domain was given to ask for")
    chain = _http_client.tls_context(ca_file=ca_file)
    chain.check_hostname = False
    chain.verify_flags |= IGNORE_DATES
    shown, found = _http_client.tls_context(verify=False), []
    for domain in domains:
        entry = {"domain": domain, "address": f"{address}:{port}", "answered": False, "chain": False, "problem": ""}
        try:
            with connect(address, port, shown, domain, protocol) as sock:
                certificate = _x509.read_certificate(sock.getpeercert(binary_form=True))
                entry.update(certificate, answered=True, names_domain=_x509.name_matches(domain, certificate["names"]))
            with connect(address, port, chain, domain, protocol):
                entry["chain"] = True
        except (OSError, ValueError) as error:
            entry["problem"] = _short(error)
        found.append(entry)
    return found


def _short(error):
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return str(error)


def blocks_of(path):
    with open(path, encoding="ascii", errors="replace") as handle:
        blocks = _x509.pem_blocks(handle.read())
    if not blocks:
        raise ObservationError(f"{path} holds no certificate")
    return blocks


def in_file(path):
    """The first certificate of a file, and how many there are."""
    blocks = blocks_of(path)
    return dict(_x509.read_certificate(blocks[0]), path=path, chain_length=len(blocks))


def key_of(key_file, certificate_file):
    """Owner, mode and fit of the private key. The key itself is only loaded, never shown."""
    entry = os.stat(key_file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate_file, key_file, password="")
        matches = True
    except ssl.SSLError as error:
        if error.reason != "KEY_VALUES_MISMATCH":
            raise ObservationError(f"{key_file} cannot be loaded: {error.reason or error}") from None
        matches = False
    return {"path": key_file, "mode": f"{entry.st_mode & 0o7777:04o}", "uid": entry.st_uid, "matches": matches}


def accepted(params):
    """For how many more days clients accept the files for exactly these domains; 0 days with the problems."""
    certificate = in_file(params["certificate_file"])
    client, problems = _tls_memory.client_context(params["ca_file"]), []
    for domain in params["domains"]:
        said = _tls_memory.client_says(params["certificate_file"], params["key_file"], domain, client)
        if said:
            problems.append(f"{domain}: {said}")
    if sorted(certificate["names"]) != sorted(params["domains"]):
        problems.append(f"the certificate is for {', '.join(certificate['names']) or 'no name'}")
    left = datetime.fromisoformat(certificate["not_after"]) - datetime.now(timezone.utc)
    return {"days": 0 if problems else max(0, left.days), "problems": problems}


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def json_of(path):
    """A file's JSON object; an empty one where there is no file."""
    found = json.loads(text_of(path) or "{}")
    if not isinstance(found, dict):
        raise ObservationError("{0} holds no JSON object".format(path))
    return found


def certbot_knows(domains):
    """The configurations in certbot's own place whose certificate names one of the domains."""
    known = []
    for path in sorted(glob.glob(CERTBOT + "/renewal/*.conf")):
        blocks = _x509.pem_blocks(text_of(_acme.parse_renewal(text_of(path)).get("fullchain", "")))
        names = _x509.read_certificate(blocks[0])["names"] if blocks else []
        if any(_x509.name_matches(domain, names) for domain in domains):
            known.append(os.path.basename(path)[: -len(".conf")])
    return known


def renews(timer, params):
    """Whether a timer's program knows this certificate; of programs we do not know it is taken as said."""
    if timer == _acme.TIMER:
        return sorted(json_of(os.path.join(_acme.SPECS, params["name"] + ".json")).get("domains", [])) == sorted(params["domains"])
    return bool(certbot_knows(params["domains"])) if "certbot" in timer else True


def timers(run_command, params):
    """Timers of renewal clients: whether they renew this certificate, are enabled and due, and how their last run ended."""
    listed = command_output(run_command, ["systemctl", "list-timers", "--all", "--no-legend", "--no-pager", "--plain"])
    next_run = {_acme.TIMER: False}  # a stopped and disabled one is not listed
    for line in listed.splitlines():
        name = next((word for word in line.split() if word.endswith(".timer")), "")
        if any(renewer in name for renewer in RENEWERS):
            next_run[name] = not line.lstrip().startswith(("-", "n/a"))
    found = []
    for name, scheduled in next_run.items():
        asked = ["systemctl", "show", "--no-pager", "--property=LoadState,UnitFileState,ActiveState,Unit", name]
        unit = dict(line.partition("=")[::2] for line in command_output(run_command, asked).splitlines())
        if unit.get("LoadState") != "loaded":
            continue
        asked = ["systemctl", "show", "--no-pager", "--property=Result", "--value", unit.get("Unit") or name.replace(".timer", ".service")]
        found.append(
            {
                "timer": name,
                "scheduled": scheduled,
                "enabled": unit.get("UnitFileState", "").startswith(("enabled", "static", "generated")),
                "active": unit.get("ActiveState") == "active",
                "last_result": command_output(run_command, asked).strip(),
                "renews": renews(name, params),
                "explained": name != _acme.TIMER or any(json_of(path).get("failed") for path in glob.glob(_acme.RECORDS + "/*.json")),
                "failed": (json_of(os.path.join(_acme.RECORDS, params["name"] + ".json")).get("failed") or {}) if name == _acme.TIMER else {},
            }
        )
    return found


def rehearsal(run_command, params, now):
    """How the last rehearsal of the renewal ended, made now if asked for: {at, ok, message}, or nothing where none was made."""
    name = params["name"]
    if not params["rehearse"]:
        return json_of(os.path.join(_acme.RECORDS, name + ".json")).get("rehearsed")
    if os.path.exists(os.path.join(_acme.SPECS, name + ".json")):
        rc, out, err = run_command(["python3", "-E", "-s", "-B", _acme.PROGRAM, "rehearse", name])
        return {"at": now.isoformat(timespec="seconds"), "ok": rc == 0, "message": err.strip() or out.strip()}
    known = certbot_knows(params["domains"])
    if not known:
        raise ObservationError(
            "nothing on this host is known to renew this certificate: no {0}/{1}.json, nothing in {2}".format(_acme.SPECS, name, CERTBOT)
        )
    argv = ["certbot", "renew", "--dry-run", "--non-interactive", "--no-random-sleep-on-renew", "--cert-name", known[0]]
    server = _acme.parse_renewal(text_of("{0}/renewal/{1}.conf".format(CERTBOT, known[0]))).get("server", "")
    rc, out, err = run_command(argv + (["--server", server] if server and ".letsencrypt.org/" not in server else []))
    return {"at": now.isoformat(timespec="seconds"), "ok": rc == 0, "message": _acme.parse_failure(out + "\n" + err)["said"] if rc else "dry run"}


def look(params, run_command):
    observer = Observer()
    if params["ask_server"]:
        observer.observe("served", served, params["domains"], params["address"], params["port"], params["ca_file"], params["protocol"])
    observer.observe("file", in_file, params["certificate_file"])
    observer.observe("key", key_of, params["key_file"], params["certificate_file"])
    if not params["ask_server"]:
        observer.observe("accepted", accepted, params)
        observer.observe("trusted", lambda: _tls_memory.in_trust_store(blocks_of(params["certificate_file"])[0]))
    else:
        observer.observe("timers", timers, run_command, params)
        observer.observe("rehearsal", rehearsal, run_command, params, datetime.now(timezone.utc))
    return observer.result()


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": ""},
            "domains": {"type": "list", "elements": "str", "default": []},
            "certificate_file": {"type": "path", "required": True},
            "key_file": {"type": "path", "required": True, "no_log": False},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 443},
            "protocol": {"type": "str", "choices": ["https", "postgresql"], "default": "https"},
            "ca_file": {"type": "path"},
            "ask_server": {"type": "bool", "default": True},
            "rehearse": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = dict(module.params, rehearse=module.params["rehearse"] and not module.check_mode)
    module.exit_json(**look(params, module.run_command))


if __name__ == "__main__":
    main()
