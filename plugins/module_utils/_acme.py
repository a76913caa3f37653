# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is due, what an ACME client said, and what to do about it. PRIVATE to the collection.

The host's own renewal (roles/certificate/files/certificates.py) runs with a copy of this file: it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

#: Where everything lies; the role's variables name the same places.
TLS = "/etc/prodready/tls"
AUTHORITY = "/etc/prodready/ca"
SPECS = "/etc/prodready/certificates.d"
ACME = "/etc/prodready/acme"
WEBROOT = "/var/lib/prodready/acme"
RECORDS = "/var/lib/prodready/tls-renewal"
TIMER = "prodready-certificates.timer"
PROGRAM = "/usr/local/lib/prodready/certificates.py"

#: How the own authority's name begins; a certificate of provider acme with such an issuer is a stand-in.
OWN_AUTHORITY = "prodready own authority of "

LONGEST_BEFORE_END = timedelta(days=30)
REHEARSE_EVERY, RETRY_REHEARSAL = timedelta(days=7), timedelta(hours=20)

_PROBLEM = "urn:ietf:params:acme:error:"
_OPTION = re.compile(r"^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$")

#: Type of a problem (RFC 8555 6.7) or of a failure without one → what a person has to do.
ADVICE = {
    "connection": "let the ACME server reach port 80 of every domain from outside (firewall, port forwarding, load balancer)",
    "unauthorized": "see that every domain leads to this host and that nginx serves /.well-known/acme-challenge/ on port 80 (run the nginx role)",
    "dns": "give every domain an A or AAAA record that leads to this host",
    "caa": "allow this authority in the CAA records of the domain, or remove them",
    "rateLimited": "wait until the time the server names; do not repeat it by hand, since each try counts",
    "rejectedIdentifier": "use a domain this authority issues for, or another directory_url",
    "invalidContact": "change certificate.email of the app in prodready_apps (email in certificate_certificates)",
    "unsupportedContact": "change certificate.email of the app in prodready_apps (email in certificate_certificates)",
    "externalAccountRequired": "use another directory_url: this server wants an account made elsewhere, which is not supported",
    "userActionRequired": "agree to the server's new terms: run the certificate role again",
    "accountDoesNotExist": "run it again: the account the server forgot has been put aside, and a new one will be made",
    "unreachable": "see that this host reaches directory_url, and wait until the ACME server answers again",
    "distrusted": "give the authority of the ACME server's own certificate as certificate.directory_ca_file of the app in prodready_apps "
    "(in certificate_certificates)",
    "busy": "wait until the other certbot has ended",
    "timeout": "see why the ACME server takes so long, and run it again",
    "not_served": "run the nginx role, so that /.well-known/acme-challenge/ is served on port 80",
}
_OTHERWISE = "read the log named above"


def parse_renewal(text):
    """certbot's renewal configuration of one certificate: its top-level options and those of [renewalparams], no tables."""
    found = {}
    for line in text.splitlines():
        if line.strip().startswith("[["):
            break
        option = _OPTION.match(line)
        if option and not line.lstrip().startswith("#"):
            found[option.group(1)] = option.group(2)
    return found


def _json_objects(text):
    """Every JSON object that begins in a line of its own, as certbot's log holds the server's answers."""
    decoder, at = json.JSONDecoder(), 0
    while True:
        start = text.find("\n{", at)
        if start < 0:
            return
        try:
            value, at = decoder.raw_decode(text, start + 1)
            yield value
        except ValueError:
            at = start + 2


def parse_problems(log):
    """The problem documents (RFC 7807) of an ACME server in certbot's log, the last of each domain: [{type, detail, domain}]."""
    found = {}
    for answer in _json_objects("\n" + log):
        documents = [(answer, "")]
        if isinstance(answer.get("challenges"), list):
            domain = str((answer.get("identifier") or {}).get("value") or "")
            documents = [(challenge.get("error") or {}, domain) for challenge in answer["challenges"]]
        for problem in list(answer.get("subproblems") or []):
            documents.append((problem, str((problem.get("identifier") or {}).get("value") or "")))
        for document, domain in documents:
            kind = str(document.get("type") or "")
            if kind.startswith(_PROBLEM) and kind != _PROBLEM + "badNonce":  # clients repeat a request after badNonce by themselves
                found[domain] = {"type": kind[len(_PROBLEM) :], "detail": str(document.get("detail") or ""), "domain": domain}
    return list(found.values())


def parse_failure(output, log="", returncode=1):
    """What went wrong when certbot failed: {kind, said, problems}. `output` is what it printed, `log` that run's log."""
    problems = parse_problems(log)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("Saving debug log", "Ask for help", "An unexpected error", "- - -"))]
    errors = [line.split(" with error: ", 1)[-1] for line in lines if re.search(r"(Error|error|failed|already running|Requesting \S+: )", line)]
    said = re.sub(r"^[\w.]+Error: ", "", (errors or lines or ["no message"])[0])
    if problems:
        shown = ["{type}: {detail}{0}".format(" (" + one["domain"] + ")" if one["domain"] else "", **one) for one in problems]
        return {"kind": problems[0]["type"], "said": "; ".join(shown), "problems": problems}
    if returncode == 124:
        return {"kind": "timeout", "said": "it did not end in time", "problems": []}
    for kind, pattern in (
        ("busy", "Another instance of Certbot is already running"),
        ("distrusted", "CERTIFICATE_VERIFY_FAILED"),
        ("unreachable", r"Requesting \S+: |ConnectionError|Max retries exceeded|Connection refused|Name or service not known|timed out"),
    ):
        if re.search(pattern, output):
            return {"kind": kind, "said": said, "problems": []}
    return {"kind": "other", "said": said, "problems": []}


def failure_sentence(spec, failure, stays):
    """The whole message: what failed, what the server said, what still serves, what to do."""
    return "certificate {0} ({1}): not issued by the ACME server {2}: {3}. {4}. What to do: {5}.".format(
        spec["name"],
        ", ".join(spec["domains"]),
        spec["directory_url"],
        failure["said"].rstrip("."),
        "What was served before is served on, until " + stays if stays else "There is no certificate yet",
        ADVICE.get(failure["kind"], _OTHERWISE),
    )


def before_end(not_before, not_after):
    """How long before its end a certificate is renewed: 30 days, but never in the first half of its life."""
    return min(LONGEST_BEFORE_END, (_time(not_after) - _time(not_before)) / 2)


def _time(text):
    return datetime.fromisoformat(text)


def _same_names(spec, certificate):
    return sorted(spec["domains"]) == sorted(certificate["names"])


def acme_due(spec, lineage, certificate, now):
    """Why a certificate has to be got from its ACME server; empty when it need not. `lineage` is certbot's renewal configuration."""
    if not lineage or not certificate:
        return "there is none of {0} yet".format(spec["directory_url"])
    if lineage.get("server") != spec["directory_url"]:
        return "it is of {0}".format(lineage.get("server") or "no known server")
    if not _same_names(spec, certificate):
        return "it is for {0}".format(", ".join(certificate["names"]) or "no name")
    if _time(certificate["not_after"]) - now < before_end(certificate["not_before"], certificate["not_after"]):
        return "it ends on {0}".format(certificate["not_after"])
    return ""


def own_due(spec, certificate, authority, now):
    """The same of the own authority's certificates; `authority` is the authority's own certificate."""
    if not certificate:
        return "there is none yet"
    if certificate["issuer"] != authority["subject"]:
        return "it is of {0}".format(certificate["issuer"] or "an unnamed issuer")
    if not _same_names(spec, certificate):
        return "it is for {0}".format(", ".join(certificate["names"]) or "no name")
    return "it ends on {0}".format(certificate["not_after"]) if _time(certificate["not_after"]) - now < LONGEST_BEFORE_END else ""


def rehearsal_due(record, now):
    """Whether a dry run is due: a week after one that went well, a day after one that did not."""
    last = record.get("rehearsed") or {}
    return not last or now - _time(last["at"]) > (REHEARSE_EVERY if last.get("ok") else RETRY_REHEARSAL)


def foreign_addresses(found, own):
    """Which of a domain's addresses are not this host's. Loopback is: a host often knows its own name from /etc/hosts."""
    return [one for one in found if one not in own and not one.startswith("127.") and one != "::1"]
