# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One site, as a client of it sees it: TLS, redirects, headers, static files, its refusals. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import time
import uuid
from urllib.parse import unquote

from ansible_collections.prodready.django.plugins.module_utils import _access_log, _http2, _tls_hello, _x509
from ansible_collections.prodready.django.plugins.module_utils._http_client import (
    Endpoint,
    HttpError,
    asset_links,
    connect,
    tls_context,
)
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

HEADERS = ("strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy", "server", "x-powered-by")
HASHED = re.compile(r"[.-](?=[0-9]*[a-f])[0-9a-f]{8,}\.[A-Za-z0-9]+$")  # digits alone may be a date
TYPES = {
    ".css": "style sheet",
    ".js": "script",
    ".mjs": "script",
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".webp": "image",
    ".gif": "image",
    ".avif": "image",
}
UNKNOWN = "unknown.invalid"
FAILURES = (OSError, HttpError, _http2.Http2Error, ValueError)


def reason(error):
    """An exception as a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate: {0}".format(error.verify_message)
    if isinstance(error, ssl.SSLError):
        return "TLS: {0}".format(error.reason or error)
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def is_superseded(path, prefix, root, previous_root):
    """Whether a static file is one of the release before and none of this one: it is answered, and the next deployment takes it away."""
    if not (root and previous_root and path.startswith(prefix)):
        return False
    name = unquote(path[len(prefix) :]).lstrip("/")
    return os.path.isfile(os.path.join(previous_root, name)) and not os.path.isfile(os.path.join(root, name))


def own_addresses(inet6):
    """Loopback and the host's own addresses, v4 and v6. `inet6` is the text of /proc/net/if_inet6. Nothing is sent."""
    found = [{"address": "127.0.0.1", "family": "v4", "loopback": True}]
    for family, target, word in ((socket.AF_INET, "192.0.2.1", "v4"), (socket.AF_INET6, "2001:db8::1", "v6")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((target, 9))
                address = sock.getsockname()[0]
        except OSError:
            continue
        if address not in ("127.0.0.1", "::1"):
            found.append({"address": address, "family": word, "loopback": False})
    if any(line.startswith("0" * 31 + "1 ") for line in inet6.splitlines()):
        found.append({"address": "::1", "family": "v6", "loopback": True})
    return found


def shows_nothing(status, home):
    """Whether an answer that is no page is one of a site without pages: an API's, or at home a refusal. Errors and redirects are neither."""
    return status == 200 or (home and status in (204, 401, 403, 404, 405, 406))


class Site:
    """Asks one site many small questions. Everything later uses the first address that answered."""

    def __init__(self, params, inet6=""):
        self._p = params
        self._domains = params["domains"]
        self._canonical = params["domains"][0]
        self._addresses = own_addresses(inet6)
        self._verified = tls_context(ca_file=params["ca_file"])
        self._unverified = tls_context(verify=False)
        self._trusted = True
        self._address = "127.0.0.1"
        self._assets = None
        self._nonce = uuid.uuid4().hex

    # -- how to reach it ----------------------------------------------------------------------------------------------

    def _endpoint(self, domain=None, address=None):
        context = self._verified if self._trusted else self._unverified
        return Endpoint(address or self._address, self._p["https_port"], context, domain or self._canonical)

    def get(self, target, headers=(), method="GET", host=None):
        """One request to the site over TLS, on its first answering address."""
        agent = [("User-Agent", "prodready-probe/{0}".format(self._nonce))]
        return self._endpoint().request(method, target, host or self._canonical, agent + list(headers))

    def _reach(self, scheme, domain, where):
        entry = dict(where, scheme=scheme, domain=domain, status=None, verified=False, seconds=None, problem="")
        contexts = [self._verified, self._unverified] if scheme == "https" else [None]
        for context in contexts:
            port = self._p["https_port"] if context else self._p["http_port"]
            started = time.monotonic()
            try:
                answer = Endpoint(where["address"], port, context, domain).request("GET", self._p["home_path"], domain)
                entry.update(status=answer.status, verified=context is self._verified)
                break
            except ssl.SSLCertVerificationError as error:  # one finding; it must not hide whether there is an answer
                entry["problem"] = reason(error)
            except FAILURES as error:
                entry["problem"] = entry["problem"] or reason(error)
                break
            finally:
                entry["seconds"] = round(time.monotonic() - started, 4)
        return entry

    def listeners(self):
        """A verified GET for each domain at each address of the host, and a plain one for the first domain."""
        found = []
        for where in self._addresses:
            found += [self._reach("https", domain, where) for domain in self._domains]
            found.append(self._reach("http", self._canonical, where))
        secure = [entry for entry in found if entry["scheme"] == "https" and entry["domain"] == self._canonical]
        best = next((entry for entry in secure if entry["status"]), None)
        if best:
            self._address, self._trusted = best["address"], best["verified"]
        return found

    # -- protocols ----------------------------------------------------------------------------------------------------

    def http2(self):
        context = tls_context(ca_file=self._p["ca_file"], verify=self._trusted, alpn=("h2", "http/1.1"))
        with Endpoint(self._address, self._p["https_port"], context, self._canonical).open() as sock:
            protocol = sock.selected_alpn_protocol()
            if protocol != "h2":
                return {"protocol": protocol or "none", "status": None}
            headers = [("user-agent", "prodready-probe/{0}".format(self._nonce))]
            return {"protocol": protocol, "status": _http2.get_status(sock, self._canonical, self._p["home_path"], headers)}

    def _hello(self, version, **offer):
        hello = _tls_hello.client_hello(version, server_name=self._canonical, **offer)
        sock = connect(self._address, self._p["https_port"])
        try:
            return _tls_hello.ask(sock, hello)
        finally:
            sock.close()

    def _suites(self, version):
        """Names of the suites accepted, and of those among them that have no forward secrecy."""
        lasting = []

        def choose(rest):
            answer = self._hello(version, suites=rest)
            if not answer["accepted"] or answer["version"] != version:
                return None
            if not answer["ephemeral"]:
                lasting.append(answer["suite"])
            return answer["suite_number"]

        offer = _tls_hello.TLS13_SUITES if version == "TLSv1.3" else _tls_hello.LEGACY_SUITES
        taken = _tls_hello.accepted_one_by_one(offer, choose)
        return [_tls_hello.suite_name(number) for number in taken], lasting

    def _groups(self, version):
        """Before TLS 1.3 the curve of an ECDSA certificate has to stay in every offer, so it comes last in each."""
        kept = () if version == "TLSv1.3" else ("secp384r1", "prime256v1")
        fixed = {"key_share": ()} if version == "TLSv1.3" else {"suites": _tls_hello.ELLIPTIC_SUITES}

        def choose(rest):
            offer = [name for name in rest if name not in kept] + list(kept)
            answer = self._hello(version, groups=offer, **fixed)
            return answer["group"] if answer["accepted"] and answer["version"] == version else None

        return _tls_hello.accepted_one_by_one(_tls_hello.GROUPS, choose)

    def tls(self):
        """Each protocol version really tried; then, for those accepted, every suite and group the server takes."""
        versions = {}
        for version in _tls_hello.VERSIONS:
            answer = self._hello(version)
            accepted = answer["accepted"] and answer["version"] == version
            versions[version] = {"accepted": accepted, "answer": answer["version"] if answer["accepted"] else answer["answer"]}
        taken = [version for version, entry in versions.items() if entry["accepted"]]
        suites = {version: self._suites(version) for version in taken}
        return {
            "versions": versions,
            "suites": {version: names for version, (names, _lasting) in suites.items()},
            "without_forward_secrecy": sorted({name for _names, lasting in suites.values() for name in lasting}),
            "groups": {version: self._groups(version) for version in taken},
        }

    def certificate(self):
        with Endpoint(self._address, self._p["https_port"], self._unverified, self._canonical).open() as sock:
            return _x509.read_certificate(sock.getpeercert(binary_form=True))

    # -- redirects and strangers --------------------------------------------------------------------------------------

    def redirects(self):
        """Plain HTTP for each domain at each address: where it sends a path with a query, and where that leads."""
        target, found = "/prodready-{0}/a%20b?x=1&y=%2F".format(self._nonce[:8]), []
        for where in self._addresses:
            for domain in self._domains:
                entry = dict(where, domain=domain, target=target, status=None, location="", then=None, problem="")
                try:
                    answer = Endpoint(where["address"], self._p["http_port"]).request("GET", target, domain)
                    entry.update(status=answer.status, location=answer.first("location"))
                    if where["loopback"] and where["family"] == "v4":
                        after = self._endpoint(domain, where["address"]).request("GET", target, domain)
                        entry["then"] = {"status": after.status, "location": after.first("location")}
                except FAILURES as error:
                    entry["problem"] = reason(error)
                found.append(entry)
        return found

    def strangers(self):
        """What somebody gets who asks for a name that is not served here, by name indication and by Host."""
        cases = [
            ("TLS name {0}".format(UNKNOWN), True, UNKNOWN, UNKNOWN),
            ("TLS without a name", True, "", UNKNOWN),
            ("Host {0} on the site's TLS name".format(UNKNOWN), True, self._canonical, UNKNOWN),
            ("Host {0} over plain HTTP".format(UNKNOWN), False, "", UNKNOWN),
        ]
        found = []
        for title, secure, name, host in cases:
            entry = {"case": title, "outcome": "", "status": None, "location": ""}
            port = self._p["https_port"] if secure else self._p["http_port"]
            try:
                context = self._unverified if secure else None
                answer = Endpoint(self._address, port, context, name).request("GET", "/", host)
                entry.update(outcome="answered", status=answer.status, location=answer.first("location"))
            except HttpError as error:
                entry["outcome"] = str(error)
            except OSError as error:
                entry["outcome"] = "refused: {0}".format(reason(error))
            found.append(entry)
        return found

    # -- pages and files ----------------------------------------------------------------------------------------------

    def _collect(self):
        """Files the declared pages link to, each fetched once."""
        if self._assets is not None:
            return self._assets
        links, problems = list(self._p["asset_paths"]), {}
        for page in self._p["pages"]:
            try:
                answer = self.get(page)
            except FAILURES as error:
                problems[page] = reason(error)
                continue
            if answer.status == 200 and "html" in answer.first("content-type"):
                links += [link for link in asset_links(answer.body.decode("utf-8", "replace"), page, self._domains) if link not in links]
            elif not shows_nothing(answer.status, page == self._p["home_path"]):
                problems[page] = answer.status
        if not links and problems:
            said = "; ".join("{0}: {1}".format(page, problem) for page, problem in problems.items())
            raise ObservationError("no style sheet, script or image is linked from {0} ({1})".format(", ".join(self._p["pages"]), said))
        self._assets = [self._fetch(link) for link in links[:40]]
        return self._assets

    def _fetch(self, link):
        path = link.split("?")[0]
        entry = {
            "path": link,
            "kind": TYPES.get(os.path.splitext(path)[1].lower(), "other"),
            "hashed": bool(HASHED.search(path)),
            "static": path.startswith(self._p["static_url"]),
            "superseded": is_superseded(path, self._p["static_url"], self._p["static_root"], self._p["static_previous_root"]),
            "status": None,
            "type": "",
            "size": 0,
            "problem": "",
        }
        try:
            answer = self.get(link)
            entry.update(status=answer.status, type=answer.first("content-type"), size=len(answer.body))
        except FAILURES as error:
            entry["problem"] = reason(error)
        return entry

    def assets(self):
        """Every file that the declared pages link to; none where they are no HTML, or HTML that links none."""
        return self._collect()

    def _static_file(self):
        """The file that stands for all static ones; None where no file at all is linked, or uploaded ones alone are."""
        linked = [entry for entry in self._collect() if not entry["path"].startswith(self._p["media_url"] or "//")]
        if not linked:
            return None
        good = [entry for entry in linked if entry["status"] == 200 and entry["static"]]
        if not good:
            raise ObservationError("no file below {0} that the pages link to is answered with 200".format(self._p["static_url"]))
        return next((entry for entry in good if entry["hashed"]), good[0])

    def static(self):
        """One static file: its caching, its revalidation, and whether the application was asked."""
        entry, token = self._static_file(), uuid.uuid4().hex
        if entry is None:
            return {"path": "", "reason": self._nothing_linked("static file")}
        answer = self.get(entry["path"])
        etag = answer.first("etag")
        again = self.get(entry["path"], [("If-None-Match", etag)]) if etag else None
        tagged = "{0}{1}prodready={2}".format(entry["path"], "&" if "?" in entry["path"] else "?", token)
        self.get(tagged, [("X-Request-ID", token)])
        return {
            "path": entry["path"],
            "hashed": entry["hashed"],
            "status": answer.status,
            "etag": etag,
            "cache_control": answer.first("cache-control"),
            "type": answer.first("content-type"),
            "revalidated": again.status if again else None,
            "log": self._log_line(token),
        }

    def _nothing_linked(self, kind):
        return "no {0} is linked from {1}".format(kind, ", ".join(self._p["pages"]))

    def gzip(self):
        """The first text file above 1 kB with and without gzip, the home page, and an image; an empty path where no such text file is linked."""
        files = [entry for entry in self._collect() if entry["status"] == 200]
        text = [entry for entry in self._collect() if entry["kind"] in ("style sheet", "script")]
        large = [entry for entry in text if entry["status"] == 200 and entry["size"] > 1024]
        if not large and any(entry["status"] != 200 for entry in text):
            raise ObservationError(self._nothing_linked("style sheet or script above 1 kB that loads"))
        large.sort(key=lambda entry: entry["kind"] != "style sheet")
        image = next((entry for entry in files if entry["kind"] == "image"), None)
        none = {"path": "", "reason": self._nothing_linked("style sheet or script above 1 kB")}
        return {
            "text": self._encodings(large[0]["path"]) if large else none,
            "page": self._encodings(self._p["home_path"]),
            "image": self._encodings(image["path"]) if image else None,
        }

    def _encodings(self, path):
        plain = self.get(path, [("Accept-Encoding", "identity")])
        packed = self.get(path, [("Accept-Encoding", "gzip")])
        return {
            "path": path,
            "status": plain.status,
            "size": plain.encoded_size,
            "plain_encoding": plain.first("content-encoding") or "none",
            "gzip_size": packed.encoded_size,
            "gzip_encoding": packed.first("content-encoding") or "none",
        }

    def traversal(self):
        """Addresses that climb out of the file directories, sent as they are, and what a harmless unknown one gets."""
        control = self.get("/prodready-{0}".format(uuid.uuid4().hex))
        found: dict = {"control": {"status": control.status, "type": control.first("content-type")}, "tries": []}
        asset = next((e["path"].split("?")[0] for e in (self._assets or []) if e["status"] == 200 and e["static"]), "")
        for prefix in (self._p["static_url"], self._p["media_url"]):
            if not prefix.startswith("/") or prefix == "/":
                continue
            bare = prefix.rstrip("/")
            paths = [
                bare + "../",
                bare + "../.env",
                bare + "../manage.py",
                bare + "../.git/HEAD",
                bare + "/../../../../../../etc/passwd",
                bare + "/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
                bare + "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            ]
            if asset.startswith(prefix):  # round trip through the directory above: only a climb can answer it
                paths += ["{0}../{1}/{2}".format(bare, bare.rsplit("/", 1)[-1], asset[len(prefix) :])]
            for path in paths:
                entry = {"path": path, "status": None, "type": "", "outcome": ""}
                try:
                    answer = self.get(path)
                    entry.update(
                        status=answer.status,
                        type=answer.first("content-type"),
                        passwd=b"root:" in answer.body[:4096] and b":/root" in answer.body[:4096],
                    )
                except FAILURES as error:
                    entry["outcome"] = reason(error)
                found["tries"].append(entry)
        return found

    # -- headers on every kind of answer ------------------------------------------------------------------------------

    def headers(self):
        """The protecting headers on one answer of each kind; every value, so that a repetition shows."""
        unknown = "prodready-{0}".format(self._nonce)
        kinds: list = [
            ("page", "GET", self._p["home_path"], ()),
            ("page not found", "GET", "/" + unknown, ()),
            ("static not found", "GET", self._p["static_url"] + unknown, ()),
            ("media not found", "GET", self._p["media_url"] + unknown, ()),
            ("too large", "POST", "/", (("Content-Length", str(1 << 50)), ("Content-Type", "application/octet-stream"))),
            ("bad request", "GET", "/%zz", ()),
            ("method refused", "TRACE", "/", ()),
        ]
        kinds += [("redirect of the application", "GET", path, ()) for path in self._p["redirect_paths"][:1]]
        kinds += [("media", "GET", path, ()) for path in self._p["media_paths"][:1]]
        with contextlib.suppress(ObservationError):
            kinds += [("static", "GET", entry["path"], ()) for entry in [self._static_file()] if entry]
        found = []
        for kind, method, path, headers in kinds:
            if not path.startswith("/") or "://" in path:
                continue
            entry = {"kind": kind, "path": path, "secure": True, "status": None, "headers": {}, "problem": ""}
            try:
                answer = self.get(path, headers, method)
                entry.update(status=answer.status, headers=_wanted(answer))
            except FAILURES as error:
                entry["problem"] = reason(error)
            found.append(entry)
        entry = {"kind": "redirect to https", "path": "/", "secure": False, "status": None, "headers": {}, "problem": ""}
        try:
            answer = Endpoint(self._address, self._p["http_port"]).request("GET", "/", self._canonical)
            entry.update(status=answer.status, headers=_wanted(answer))
        except FAILURES as error:
            entry["problem"] = reason(error)
        return found + [entry]

    # -- what passes through ------------------------------------------------------------------------------------------

    def forwarding(self):
        """The same page asked plainly and with forwarding headers made up, and the access log's line about the latter."""
        token = uuid.uuid4().hex
        path = "/prodready-{0}".format(token)
        plain, forged, source = self.get(path), None, None
        made_up = [
            ("X-Forwarded-For", "203.0.113.66"),
            ("X-Real-IP", "203.0.113.66"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "evil.invalid"),
            ("X-Forwarded-Port", "1"),
            ("Forwarded", "for=203.0.113.66;proto=http;host=evil.invalid"),
            ("X-Request-ID", token),
            ("User-Agent", "prodready-probe/{0}".format(token)),
        ]
        endpoint = self._endpoint()
        sock = endpoint.open()
        try:
            source = sock.getsockname()[0]
        finally:
            sock.close()
        forged = endpoint.request("GET", path, self._canonical, made_up)
        return {
            "plain": {"status": plain.status, "location": plain.first("location")},
            "forged": {
                "status": forged.status,
                "location": forged.first("location"),
                "evil": b"evil.invalid" in forged.body or b"203.0.113.66" in forged.body,
            },
            "source": source,
            "log": self._log_line(token),
            "request_id": forged.first("x-request-id"),
            "sent_request_id": token,
        }

    def _log_line(self, token):
        return _access_log.line_about(token, self._p["access_logs"])


def _wanted(answer):
    return {name: answer.all(name) for name in HEADERS if answer.all(name)}
