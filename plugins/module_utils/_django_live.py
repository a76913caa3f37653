# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a running Django site answers, straight on its socket and through its web server. PRIVATE to the collection."""

from __future__ import annotations

import os
import socket
import time

from ansible_collections.prodready.django.plugins.module_utils import _http_client as client
from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot, ObservationError

#: What stands on Django's technical pages and on no page for users.
TECHNICAL = {
    "DEBUG = True": b"<code>DEBUG = True</code>",
    "URLconf": b"Using the URLconf defined in",
    "exception location": b"Exception Location:",
    "traceback": b"Traceback (most recent call last)",
    "settings": b"DJANGO_SETTINGS_MODULE",
}

STRANGER = "https://evil.invalid"


def technical_marks(body):
    """Which marks of a technical page stand in a body."""
    return sorted(name for name, mark in TECHNICAL.items() if mark in body)


def _with_accept(headers):
    """Pages are asked for unless something else is."""
    return list(headers) if any(name == "Accept" for name, _value in headers) else [("Accept", "text/html,*/*"), *headers]


class SocketEndpoint:
    """The application server below the web server: a Unix socket's path, or address:port."""

    def __init__(self, place, timeout=5.0):
        self.place, self.timeout = place, timeout

    def _open(self):
        if not self.place.startswith("/"):
            address, _colon, port = self.place.rpartition(":")
            return client.connect(address.strip("[]") or "127.0.0.1", int(port), self.timeout)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        try:
            sock.connect(self.place)
        except PermissionError:
            sock.close()
            raise NeedsRoot("{0} may not be opened by this account".format(self.place)) from None
        except OSError as error:
            sock.close()
            raise ObservationError("the application's socket {0} does not answer: {1}".format(self.place, error.strerror or error)) from None
        return sock

    def request(self, method, target, host, headers=(), body=b""):
        started = time.monotonic()
        with self._open() as sock:
            sock.sendall(client.request_bytes(method, target, host, headers, body))
            answer = client.read_response(sock, method)
        return client.Response(answer.status, answer.headers, answer.body, round(time.monotonic() - started, 4), len(answer.body))


def scheme_header(settings):
    """The header by which the application learns that the client used https."""
    name, value = (settings.get("SECURE_PROXY_SSL_HEADER") or ["HTTP_X_FORWARDED_PROTO", "https"])[:2]
    return (name[5:] if name.startswith("HTTP_") else name).replace("_", "-").title(), value


class Site:
    """One application, asked directly and through its web server."""

    def __init__(self, *, place, domains, https_port, settings, urls, timeout=5.0):
        self.domains, self.urls, self.settings = domains, urls, settings
        self.direct = SocketEndpoint(place, timeout)
        self.https_port, self.timeout = https_port, timeout
        self.headers = [("User-Agent", "prodready-verify")]
        self.forwarded = [scheme_header(settings), ("X-Forwarded-For", "127.0.0.1")]

    def below(self, method="GET", target="/", host=None, headers=(), body=b""):
        """A request as the web server would pass it on."""
        return self.direct.request(
            method, target, self.domains[0] if host is None else host, self.headers + self.forwarded + _with_accept(headers), body
        )

    def through(self, method="GET", target="/", domain=None, headers=(), body=b""):
        """A request over https to the loopback address. The certificate is looked at elsewhere."""
        domain = domain or self.domains[0]
        endpoint = client.Endpoint("127.0.0.1", self.https_port, client.tls_context(verify=False), domain, self.timeout)
        host = domain if self.https_port == 443 else "{0}:{1}".format(domain, self.https_port)
        try:
            return endpoint.request(method, target, host, self.headers + _with_accept(headers), body)
        except (OSError, client.HttpError) as error:
            raise ObservationError("https://{0} does not answer on this host: {1}".format(host, error)) from None


def random_path(end=""):
    return "/prodready-{0}{1}".format(os.urandom(8).hex(), end)


def _page(response):
    return {"status": response.status, "technical": technical_marks(response.body), "bytes": len(response.body)}


def not_found(site):
    """Addresses that do not exist, in several shapes, directly and through the web server."""
    return {
        "below": [_page(site.below(target=random_path(end))) for end in ("", "/", ".html")],
        "through": [_page(site.through(target=random_path(end))) for end in ("", "/")],
    }


def bad_request(site):
    """A host name that cannot be one: refused by Django whatever ALLOWED_HOSTS says."""
    return _page(site.below(host="prodready_malformed!", target="/"))


def debug_pages(site):
    """The debug toolbar's addresses beside an address that does not exist."""
    nowhere = site.below(target="/__prodready-nowhere__/").status
    return {path: {"status": site.below(target=path).status, "nowhere": nowhere} for path in ("/__debug__/", "/__debug__/render_panel/", "/silk/")}


def hosts(site):
    """Who the application says it is: strangers' names, names below its own, and its own."""

    def status(host):
        return site.below(host=host).status

    return {
        "foreign": {host: status(host) for host in ("evil.invalid", site.domains[0] + ".evil.invalid")},
        "subdomains": {"prodready-probe." + domain: status("prodready-probe." + domain) for domain in site.domains},
        "domains": {domain: status(domain) for domain in site.domains},
    }


def ask_readiness(site, path):
    """One reading of the readiness address."""
    response = site.below(target=path)
    return {"status": response.status, "seconds": response.seconds}


def forged_cookie(site, forgery):
    """Whether a messages cookie signed with a known key is believed. The control, signed with the real key, must be."""
    if not forgery.get("possible"):
        return forgery
    marker = forgery["marker"].encode()
    pages = [path for path in dict.fromkeys((site.urls.get("login"), site.urls.get("admin_login"), "/")) if path]
    found: dict = {"possible": True, "pages": pages, "page": None, "control_believed": False, "tried": 0, "believed": 0}

    def believed(path, value):
        return marker in site.below(target=path, headers=[("Cookie", "{0}={1}".format(forgery["name"], value))]).body

    for path in pages:
        if believed(path, forgery["control"]):
            found.update(page=path, control_believed=True)
            for value in forgery["forged"]:
                found["tried"] += 1
                found["believed"] += believed(path, value)
            break
    return found


def _cors(response):
    return {
        "status": response.status,
        "origin": response.first("access-control-allow-origin") or None,
        "credentials": response.first("access-control-allow-credentials") or None,
    }


def cors(site, path, origins):
    """What a stranger's page and each allowed one are told."""

    def preflight(origin):
        return [("Origin", origin), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "content-type")]

    strangers = {}
    for name, ask in (("below", site.below), ("through", site.through)):
        strangers[name + " preflight"] = _cors(ask("OPTIONS", path, headers=preflight(STRANGER)))
        strangers[name + " request"] = _cors(ask("GET", path, headers=[("Origin", STRANGER)]))
    allowed = {origin: _cors(site.below("OPTIONS", path, headers=preflight(origin))) for origin in origins}
    return {
        "path": path,
        "strangers": strangers,
        "allowed": allowed,
        "sent": any(answer["origin"] for answer in list(strangers.values()) + list(allowed.values())),
    }


def csrf(site):
    """A log-in without a token, empty-handed: a form that is not protected would answer that fields are missing."""
    path = site.urls.get("login")
    if not path:
        raise ObservationError("no log-in address is known; set login_path in the application's contract")
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", "19"), ("Origin", "https://" + site.domains[0])]
    response = site.below("POST", path, headers=headers, body=b"username=&password=")
    return {"path": path, "status": response.status}


HEADERS = (
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "content-security-policy",
    "strict-transport-security",
)


def adds_slash(path, status, location):
    """Whether an answer only sends to the same address with a slash at its end."""
    return status in (301, 302, 307, 308) and (location or "").endswith(path + "/")


def headers(site):
    """Security headers the application itself sends, on a page and on an error."""
    found = {}
    for path in dict.fromkeys((site.urls.get("login") or "/", random_path())):
        response = site.below(target=path)
        if adds_slash(path, response.status, response.first("location")):
            response = site.below(target=path + "/")  # the error is what comes then
        name = "error" if path.startswith("/prodready-") else "page"
        found[name] = {"status": response.status, "headers": {header: response.first(header) or None for header in HEADERS}}
    return found


def tokens(site, path, given):
    """Whether forged tokens are let in. The control, signed with the real key for a real user, must be."""

    def status(token=None):
        given_headers = [("Accept", "application/json")] + ([("Authorization", "Bearer " + token)] if token else [])
        return site.below(target=path, headers=given_headers).status

    return {
        "path": path,
        "without": status(),
        "control": status(given["control"]) if given.get("control") else None,
        "forged": {name: status(token) for name, token in given["forged"].items()},
    }
