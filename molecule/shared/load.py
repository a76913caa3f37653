# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A steady, mixed load on one site, open loop: requests start on time whether or not the earlier ones were answered.

    with Load(address, "newsroom.test", shots, rate=200) as load:
        ...                                  # what must not lose a request
    load.outcome                             # what became of each

What a sound HTTP client does is done here and nothing beyond it: an idempotent request that finds its *reused* connection closed before
any byte of an answer is sent once more on a new connection (RFC 9112, 9.3.1); the number of those is reported. Everything else that is
not the expected answer within `timeout` seconds is a failed request.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

IDEMPOTENT = ("GET", "HEAD")


class Browser:
    """Somebody who is logged in: asks one thing after another, and keeps the cookies that are given out.

    One after another, because Django gives a session another name when its key was rotated, and the old name ends with that.
    """

    def __init__(self, cookies: dict[str, str], domain: str) -> None:
        self.cookies, self.domain = cookies, domain
        self.turn = asyncio.Lock()

    def headers(self) -> tuple[tuple[str, str], ...]:
        return session(self.cookies, self.domain)

    def take(self, given: list[str]) -> None:
        for line in given:
            name, _equals, rest = line.partition("=")
            self.cookies[name.strip()] = rest.split(";")[0]


@dataclass(frozen=True)
class Shot:
    """One kind of request, how often it comes, and what answer is expected."""

    name: str
    weight: int
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    expect: tuple[int, ...] = (200,)
    contains: bytes = b""
    browser: Browser | None = None

    def encoded(self, domain: str) -> bytes:
        head = [f"{self.method} {self.path} HTTP/1.1", f"Host: {domain}", "User-Agent: prodready-load", "Accept-Encoding: identity"]
        head += [f"{name}: {value}" for name, value in (*self.headers, *(self.browser.headers() if self.browser else ()))]
        if self.body or self.method not in IDEMPOTENT:
            head.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.body


class StaleError(Exception):
    """A reused connection was closed before any byte of an answer."""


@dataclass
class Outcome:
    """What became of all requests."""

    sent: int = 0
    ok: int = 0
    again: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    by_name: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def line(self) -> str:
        rate = self.sent / self.seconds if self.seconds else 0
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.by_name.items()))
        return (
            f"{len(self.failures)} failed of {self.sent} ({rate:.0f}/s; {kinds}); {self.again} sent again on a stale connection; "
            f"p50 {1000 * self.percentile(0.5):.0f} ms, p99 {1000 * self.percentile(0.99):.0f} ms, slowest {self.percentile(1):.1f} s"
        )


class Load:
    """Starts with the block, ends with it, and waits for the last answers."""

    def __init__(self, address: str, domain: str, shots: list[Shot], *, rate: int = 200, port: int = 443, timeout: float = 20.0) -> None:
        self.address, self.domain, self.shots, self.rate, self.port, self.timeout = address, domain, shots, rate, port, timeout
        self.outcome = Outcome()
        self._context = ssl.create_default_context()
        self._context.check_hostname = False  # the certificate is looked at elsewhere
        self._context.verify_mode = ssl.CERT_NONE
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._random = random.Random(0)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        names = [shot for shot in self.shots for _ in range(shot.weight)]
        started, running = time.monotonic(), set()
        while not self._stop.is_set():
            due = started + self.outcome.sent / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._shoot(self._random.choice(names), due))
            running.add(task)
            task.add_done_callback(running.discard)
            self.outcome.sent += 1
        self.outcome.seconds = time.monotonic() - started
        if running:
            await asyncio.wait(set(running))
        for _reader, writer in self._idle:
            writer.close()

    async def _shoot(self, shot: Shot, due: float) -> None:
        self.outcome.by_name[shot.name] += 1
        if not shot.browser:
            return await self._count(shot, due)
        async with shot.browser.turn:  # whoever waits for an answer has not asked the next thing yet
            return await self._count(shot, time.monotonic())

    async def _count(self, shot: Shot, due: float) -> None:
        try:
            async with asyncio.timeout(self.timeout):
                try:
                    status, body = await self._ask(shot, fresh=shot.method not in IDEMPOTENT)
                except StaleError:
                    self.outcome.again += 1
                    status, body = await self._ask(shot, fresh=True)
            if status not in shot.expect:
                raise ConnectionError(f"{status}, expected {shot.expect[0]}: {body[:120]!r}")
            if shot.contains not in body:
                raise ConnectionError(f"{status} without {shot.contains!r}")
        except (OSError, ssl.SSLError, EOFError, TimeoutError, ValueError) as error:
            reason = f"no answer within {self.timeout:g} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            self.outcome.failures.append(f"{time.strftime('%H:%M:%S')} {shot.name} {shot.path}: {reason}")
            return
        self.outcome.ok += 1
        self.outcome.latencies.append(time.monotonic() - due)

    async def _ask(self, shot: Shot, *, fresh: bool) -> tuple[int, bytes]:
        reused = bool(self._idle) and not fresh
        if reused:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self.address, self.port, ssl=self._context, server_hostname=self.domain, limit=1 << 20)
        try:
            writer.write(shot.encoded(self.domain))
            try:
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError) as error:
                if reused and not getattr(error, "partial", b""):
                    raise StaleError from error
                raise
            lines = head.decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
            if shot.browser:
                shot.browser.take([line.partition(":")[2] for line in lines[1:] if line.lower().startswith("set-cookie:")])
            body = await self._body(reader, fields)
        except BaseException:
            writer.close()
            raise
        if fields.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(lines[0].split(" ")[1]), body

    @staticmethod
    async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
            return body
        return await reader.readexactly(int(fields.get("content-length", "0")))


def log_in(address: str, domain: str, path: str, username: str, password: str, *, port: int = 443) -> dict[str, str]:
    """Log in by Django's form; the cookies of the session."""
    cookies: dict[str, str] = {}

    async def ask(shot: Shot) -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=domain)
        writer.write(shot.encoded(domain))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        writer.close()
        for line in head.split("\r\n"):
            name, _colon, value = line.partition(":")
            if name.lower() == "set-cookie":
                key, _equals, rest = value.strip().partition("=")
                cookies[key] = rest.split(";")[0]
        return int(head.split(" ")[1])

    asyncio.run(ask(Shot("form", 1, path)))
    form = urlencode({"username": username, "password": password, "csrfmiddlewaretoken": cookies["csrftoken"]}).encode()
    headers = (*session(cookies, domain), ("Content-Type", "application/x-www-form-urlencoded"))
    status = asyncio.run(ask(Shot("log in", 1, path, "POST", headers, form)))
    if status != 302 or not any("session" in name for name in cookies):
        raise ConnectionError(f"{username} cannot log in at {path}: {status}")
    return cookies


def session(cookies: dict[str, str], domain: str) -> tuple[tuple[str, str], ...]:
    """The headers of a request within a session, also of one that writes."""
    return (
        ("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())),
        ("Referer", f"https://{domain}/"),
        ("X-CSRFToken", cookies.get("csrftoken", "")),
    )
