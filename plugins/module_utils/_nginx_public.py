# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One site, as a client at somebody else's address sees it: limits, the admin, maintenance, its names. PRIVATE to the collection.

A made-up address of 127.0.0.0/8 is a client of its own to a web server on this host. So nobody real is counted or locked out.
"""

from __future__ import annotations

import ipaddress
import os
import random
import time
import uuid

from ansible_collections.prodready.django.plugins.module_utils import _http2, _http3
from ansible_collections.prodready.django.plugins.module_utils._http_client import Endpoint, HttpError, read_response, request_bytes, tls_context
from ansible_collections.prodready.django.plugins.module_utils._nginx_site import FAILURES, Site, _wanted, reason
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

MOST_STREAMS = 120  # nginx takes 128 at once
CLAIMS = ("x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip")


def outside(networks, own=(), choose=random.randint):
    """An address of this host that is in none of the networks: a made-up one of loopback, or one of its own. "" where there is none."""
    known = [ipaddress.ip_network(network, strict=False) for network in networks]
    made_up = ["127.{0}.{1}.{2}".format(choose(1, 254), choose(0, 254), choose(1, 254)) for _try in range(4)]
    for address in made_up + list(own):
        given = ipaddress.ip_address(address)
        if not any(given.version == network.version and given in network for network in known):
            return address
    return ""


def variants(admin_path):
    """Spellings of the admin's address that nginx or an application may take for it."""
    bare = "/" + admin_path.strip("/")
    encoded = "/%{0:02x}{1}".format(ord(bare[1]), bare[2:])
    return [
        bare + "/",
        bare,
        bare + "/login/",
        "/" + bare + "/",
        encoded + "/",
        bare + "/x/../",
        "/x/.." + bare + "/",
        bare + "/?next=/",
        bare + "/../x",
    ]


def made_up(number):
    """Headers that claim an address which nobody has, another one for each number."""
    return [(name, "203.0.113.{0}".format(number)) for name in CLAIMS]


def question_of(limit, nonce):
    """Method and path with which a limit is tried: the path itself where it takes something, else one that does not exist below it."""
    methods = limit.get("methods") or []
    if methods and "GET" not in methods:
        return methods[0], limit["paths"][0]
    return "GET", "{0}prodready-{1}".format(limit["paths"][0], nonce)


def next_round(sent, burst, rate, seconds):
    """How many more requests to make at once: until twenty more than the limit may have let through by now, 0 where that is done."""
    number, _sep, unit = rate.partition("r/")
    let_through = burst + int(int(number) / (60 if unit == "m" else 1) * seconds)
    most = max(300, 2 * burst + MOST_STREAMS)
    return max(0, min(MOST_STREAMS, min(most, max(2 * burst, let_through) + 20) - sent))


class PublicSite(Site):
    """The further questions, which are asked from other addresses."""

    def _from(self, source, domain=None, address=None):
        context = self._verified if self._trusted else self._unverified
        return Endpoint(address or self._address, self._p["https_port"], context, domain or self._canonical, source=source)

    def _own_v4(self):
        return [entry["address"] for entry in self._addresses if entry["family"] == "v4" and not entry["loopback"]]

    def _stranger(self, networks):
        if ":" in self._address:
            raise ObservationError("the site answers on IPv6 alone, where this host has no second address to ask from")
        found = outside(networks, self._own_v4())
        if not found:
            raise ObservationError("every address of this host belongs to {0}, so none can play a stranger".format(", ".join(networks)))
        return found

    def _ask(self, source, method, path, headers=()):
        agent = [("User-Agent", "prodready-probe/{0}".format(self._nonce))]
        length = [("Content-Length", "0")] if method not in ("GET", "HEAD") else []
        return self._from(source).request(method, path, self._canonical, agent + length + list(headers))

    # -- limits -------------------------------------------------------------------------------------------------------

    def _burst(self, source, method, path, limit):
        """Ask until 429, in as many rounds as it takes.

        The statuses, those of further requests that claim to come from elsewhere, and the seconds it took.
        """
        statuses: list = []
        spoofed: list = []
        burst, started, seconds = int(limit.get("burst") or 0), time.monotonic(), 0.0
        while 429 not in statuses:
            tries = next_round(len(statuses), burst, limit["rate"], seconds)
            if not tries:
                break
            found, spoofed = self._round(source, method, path, tries)
            seconds = round(time.monotonic() - started, 3)
            statuses += found
            if not found or found[-1] == 503:
                break
        return statuses, spoofed, seconds

    def _round(self, source, method, path, tries):
        """All at once over HTTP/2, or one after the other where there is none."""
        context = tls_context(ca_file=self._p["ca_file"], verify=self._trusted, alpn=("h2", "http/1.1"))
        endpoint = Endpoint(self._address, self._p["https_port"], context, self._canonical, source=source, timeout=15.0)
        agent = [("user-agent", "prodready-probe/{0}".format(self._nonce))]
        with endpoint.open() as sock:
            if sock.selected_alpn_protocol() == "h2":
                found = _http2.burst(sock, method, self._canonical, path, [agent] * tries + [agent + made_up(number) for number in range(5)])
                return [status for status in found[:tries] if status is not None], found[tries:]
        statuses = self._one_by_one(source, method, path, tries)
        return statuses, [self._ask(source, method, path, made_up(number)).status for number in range(5 if 429 in statuses else 0)]

    def _one_by_one(self, source, method, path, tries):
        length = [("Content-Length", "0")] if method not in ("GET", "HEAD") else []
        request = request_bytes(method, path, self._canonical, [("User-Agent", "prodready-probe/{0}".format(self._nonce))] + length, close=False)
        statuses: list = []
        sock, fresh = None, False
        try:
            while len(statuses) < tries:
                if sock is None:
                    sock, fresh = self._from(source).open(), True
                try:
                    sock.sendall(request)
                    last = read_response(sock, method)
                except (OSError, HttpError):
                    sock.close()
                    sock = None
                    if fresh:
                        raise
                    continue
                fresh = False
                statuses.append(last.status)
                if last.status in (429, 503):
                    break
                if last.first("connection").lower() == "close":
                    sock.close()
                    sock = None
        finally:
            if sock is not None:
                sock.close()
        return statuses

    def limits(self):
        """Each declared limit really reached, from a made-up address; then the same with other addresses made up, and from another one."""
        found = []
        for limit in self._p["rate_limits"]:
            method, path = question_of(limit, self._nonce[:8])
            source = self._stranger(())
            statuses, spoofed, seconds = self._burst(source, method, path, limit)
            entry = {
                "name": limit["name"],
                "rate": limit["rate"],
                "burst": int(limit.get("burst") or 0),
                "method": method,
                "path": path,
                "tries": len(statuses),
                "passed": len([status for status in statuses if status != 429]),
                "first": statuses[0] if statuses else None,
                "limited": 429 in statuses,
                "seconds": seconds,
            }
            if entry["limited"]:
                refusal = self._ask(source, method, path)
                entry.update(after=refusal.status, retry_after=refusal.first("retry-after"), headers=_wanted(refusal))
                # A fast limit may let one of these through; a header that resets the count lets all of them through.
                entry["spoofed"] = 429 if 429 in spoofed else next(iter(spoofed), None)
                entry["other"] = self._ask(outside([source + "/32"], ()), method, path).status
                rest = limit["paths"][1:] if path == limit["paths"][0] else []
                entry["others_of_limit"] = {other: self._ask(source, method, other).status for other in rest}
            found.append(entry)
        return found

    # -- the admin ----------------------------------------------------------------------------------------------------

    def admin(self):
        """What somebody outside the admin's networks gets at its address, in several spellings."""
        path = self._p["admin_path"]
        if not path.strip("/"):
            return {"source": "", "tries": []}
        source = self._stranger(self._p["admin_allow"])
        tries = []
        for target in variants(path):
            entry = {"path": target, "status": None, "location": "", "problem": ""}
            try:
                answer = self._ask(source, "GET", target)
                entry.update(status=answer.status, location=answer.first("location"))
            except FAILURES as error:
                entry["problem"] = reason(error)
            tries.append(entry)
        return {"source": source, "tries": tries}

    # -- maintenance --------------------------------------------------------------------------------------------------

    def maintenance(self):
        """What a stranger and what the host itself gets, and whether the switch is there."""
        source = self._stranger(self._p["maintenance_allow"])
        stranger, operator = self._ask(source, "GET", self._p["home_path"]), self.get(self._p["home_path"])
        return {
            "switch": bool(self._p["maintenance_file"]) and os.path.exists(self._p["maintenance_file"]),
            "source": source,
            "stranger": {"status": stranger.status, "retry_after": stranger.first("retry-after"), "headers": _wanted(stranger)},
            "operator": {"status": operator.status},
        }

    # -- names and protocols ------------------------------------------------------------------------------------------

    def names(self):
        """Where each further name of the site leads over https, with a path and a query."""
        target, found = "/prodready-{0}/a%20b?x=1&y=%2F".format(uuid.uuid4().hex[:8]), []
        for domain in self._domains[1:]:
            entry = {"domain": domain, "target": target, "status": None, "location": "", "headers": {}, "problem": ""}
            try:
                answer = self._endpoint(domain).request("GET", target, domain)
                entry.update(status=answer.status, location=answer.first("location"), headers=_wanted(answer))
            except FAILURES as error:
                entry["problem"] = reason(error)
            found.append(entry)
        return found

    def http3(self):
        """Whether HTTP/3 is announced, and what speaks QUIC at the port."""
        announced = self.get(self._p["home_path"]).first("alt-svc")
        found: dict = {"announced": announced, "port": _http3.announced_port(announced), "versions": [], "problem": ""}
        if found["port"]:
            try:
                found["versions"] = _http3.ask(self._address, self._p["https_port"])
            except (OSError, _http3.Http3Error) as error:
                found["problem"] = reason(error)
        return found
