# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides items of the checklist by other means than the collection's probes: curl, openssl, psql, /proc, systemctl, nginx -T.

Nothing here imports or runs code of the collection. Each function below belongs to one item and yields claims; the item holds
when all of them do. `NOT_APPLICABLE` says so where the thing an item is about is not there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Claim = tuple[str, bool]
NOT_APPLICABLE = "not_applicable"
ORACLES: dict[str, Callable[[App], Iterator[Claim]]] = {}
#: Items whose oracle stops something for a moment; they come last.
ROUGH = ("web_server.reverse_proxy", "service_status.database_connections", "application_server.auto_restart")

#: What newsroom's models say, written down by hand.
TABLES = {
    "articles_article": "id bigint, title varchar(140), slug varchar(80), standfirst varchar(300), body text, cover varchar(100), cover_width integer, "
    "cover_height integer, cover_widths ARRAY, cover_alt varchar(160), status varchar(10), published_at timestamptz, created_at timestamptz, updated_at timestamptz, "
    "search_vector tsvector, author_id bigint, section_id bigint",
    "articles_comment": "id bigint, body text, is_visible boolean, created_at timestamptz, article_id bigint, author_id bigint",
    "articles_section": "id bigint, name varchar(40), slug varchar(40), description varchar(200), position smallint",
    "articles_tag": "id bigint, name varchar(40), slug varchar(40)",
    "articles_article_tags": "id bigint, article_id bigint, tag_id bigint",
}
INDEXES = ("article_front_page", "article_section_page", "article_desk", "article_search", "article_due", "comment_thread", "comment_newest")
INTERMEDIATE = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-CHACHA20-POLY1305",
}


def decides(item: str) -> Callable[[Callable[[App], Iterator[Claim]]], Callable[[App], Iterator[Claim]]]:
    def register(function: Callable[[App], Iterator[Claim]]) -> Callable[[App], Iterator[Claim]]:
        ORACLES[item] = function
        return function

    return register


@dataclass
class Answer:
    """One answer to a request by curl."""

    status: int
    headers: dict[str, list[str]]
    body: str
    protocol: str
    size: int
    seconds: float
    location: str

    def header(self, name: str) -> str:
        return ", ".join(self.headers.get(name, []))


@dataclass(frozen=True)
class Done:
    """What a command did."""

    rc: int
    stdout: str
    stderr: str


@dataclass(frozen=True, eq=False)
class App:
    """One app on one host, and ways to ask about it as root on that host."""

    host: Any
    host_name: str
    name: str
    domains: list[str]
    secrets: dict[str, Any]
    #: As the inventory gives it.
    options: dict[str, Any]

    # --- asking -----------------------------------------------------------------------------

    def run(self, script: str) -> Done:
        done = self.host.run("bash -c %s", f"set -o pipefail; export LC_ALL=C.UTF-8; {script}")
        # Bodies may be images and whatnot.
        return Done(done.rc, done.stdout_bytes.decode(errors="replace"), done.stderr_bytes.decode(errors="replace"))

    def say(self, script: str) -> str:
        """What a command printed; nothing when it failed."""
        return self.run(script).stdout.strip()

    def holds(self, script: str) -> bool:
        return self.run(script).rc == 0

    def show(self, unit: str, *names: str) -> dict[str, str]:
        lines = self.say(f"systemctl show {unit} {' '.join('-p ' + name for name in names)}").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @cached_property
    def address(self) -> str:
        return self.say("hostname -I").split()[0]

    @property
    def domain(self) -> str:
        return self.domains[0]

    @property
    def unit(self) -> str:
        return f"{self.name}.service"

    @property
    def pid(self) -> str:
        return self.show(self.unit, "MainPID")["MainPID"]

    @property
    def socket(self) -> str:
        return f"/run/{self.name}/gunicorn.sock"

    @cached_property
    def cluster(self) -> str:
        return self.say("systemctl list-units 'postgresql@*' --plain --no-legend | awk '{print $1; exit}'")

    def environment(self, name: str) -> str:
        """A variable of the running main process, which is not the one in the file when somebody edited that."""
        return self.say(f"tr '\\0' '\\n' < /proc/{self.pid}/environ | sed -n 's/^{name}=//p'")

    def curl(self, url: str, *options: str, at: str = "") -> Answer:
        """Ask the site at an address of the host; certificates are verified against the system's trust store."""
        at = at or self.address
        names = dict.fromkeys((re.sub(r"^https?://|[/:?].*$", "", url), self.domain))  # a redirect may lead to the canonical one
        place = at if ":" not in at else f"[{at}]"
        resolve = " ".join(f"--resolve {name}:{port}:{place}" for name in names for port in (80, 443))
        quoted = " ".join(shlex.quote(option) for option in options)
        wanted = r"\n%{http_code} %{http_version} %{size_download} %{time_total} %{redirect_url}"
        script = (
            f"f=$(mktemp); h=$(mktemp); curl -s --max-time 10 {resolve} -D $h -o $f -w {shlex.quote(wanted)} {quoted} {shlex.quote(url)}; "
            "printf '\\n'; cat $h; printf '\\n=====\\n'; head -c 200000 $f; rm -f $f $h"
        )
        return self._read(self.run(script).stdout)

    def below(self, path: str, host: str, *options: str) -> Answer:
        """Ask the application itself on its socket, with nothing in between."""
        quoted = " ".join(shlex.quote(option) for option in options)
        wanted = r"\n%{http_code} %{http_version} %{size_download} %{time_total} %{redirect_url}"
        script = (
            f"f=$(mktemp); h=$(mktemp); curl -s --max-time 10 --unix-socket {self.socket} -H 'Host: {host}' -D $h -o $f "
            f"-w {shlex.quote(wanted)} {quoted} http://localhost{path}; printf '\\n'; cat $h; printf '\\n=====\\n'; head -c 200000 $f; rm -f $f $h"
        )
        return self._read(self.run(script).stdout)

    @staticmethod
    def _read(told: str) -> Answer:
        told, _, body = told.partition("\n=====\n")
        lines = told.strip().splitlines()
        status, protocol, size, seconds, *rest = (lines[0] if lines else "0 0 0 0").split()
        headers: dict[str, list[str]] = {}
        for line in lines[1:]:
            if line.startswith("HTTP/"):
                headers = {}
            elif ":" in line:
                name, value = line.split(":", 1)
                headers.setdefault(name.strip().lower(), []).append(value.strip())
        return Answer(int(status), headers, body, protocol, int(size), float(seconds), rest[0] if rest else "")

    def tls(self, *options: str) -> str:
        """What openssl says of a handshake; it may use everything that is obsolete."""
        return self.run(f"openssl s_client -connect {self.address}:443 -servername {self.domain} {' '.join(options)} </dev/null 2>&1").stdout

    def psql(self, sql: str) -> str:
        """Ask the database over TCP and TLS, as the application's role with its password. The password stays off command lines."""
        script = (
            f"url=$(tr '\\0' '\\n' < /proc/{self.pid}/environ | sed -n 's/^DATABASE_URL=//p'); "
            "export PGPASSWORD=$(printf %s \"$url\" | python3 -c 'import sys, urllib.parse as u; print(u.unquote(u.urlsplit(sys.stdin.read()).password))'); "
            f"export PGSSLMODE=verify-full PGSSLROOTCERT=/etc/prodready/ca/ca.pem; printf %s {shlex.quote(sql)} | psql -h localhost -U {self.name}_app -d {self.name} -XAtq -v ON_ERROR_STOP=1"
        )
        return self.run(script).stdout.strip()

    @cached_property
    def nginx(self) -> str:
        return self.run("nginx -T 2>/dev/null").stdout

    @cached_property
    def style_sheet(self) -> str:
        return re.search(r'href="(/static/[^"]+\.css)"', self.curl(f"https://{self.domain}/").body)[1]  # type: ignore[index]

    @cached_property
    def upload(self) -> str:
        return self.say(f"cd /srv/{self.name}/media && find . -type f | head -1").lstrip(".")


def agrees(app: App, item: str) -> tuple[bool | str, list[str]]:
    """Whether an item holds for an app, and the claims that do not."""
    claims = list(ORACLES[item](app))
    if any(claim == NOT_APPLICABLE for claim, _holds in claims):
        return (NOT_APPLICABLE, [])
    return (bool(claims) and all(holds for _claim, holds in claims), [claim for claim, holds in claims if not holds])


def database_cache(app: App) -> Iterator[Claim]:
    """What `cache: database` promises an app. No item of the scenario's scope is about it, so it stands beside them."""
    front_page, ours = f"https://{app.domain}/", f"cache_key LIKE '{app.name}:1:oracle:%'"

    def fill(rows: int) -> int:
        """How many rows of ours are left after the app has stored a page beside that many."""
        app.psql(f"DELETE FROM prodready_cache WHERE {ours} OR cache_key LIKE '{app.name}:1:kept:%'")
        values = f"SELECT '{app.name}:1:oracle:' || n, '', now() + interval '1 hour' FROM generate_series(1, {rows}) n"
        app.psql(f"INSERT INTO prodready_cache (cache_key, value, expires) {values}")
        app.curl(front_page)
        return int(app.psql(f"SELECT count(*) FROM prodready_cache WHERE {ours}") or -1)

    yield "the process is told of the table", app.environment("CACHE_URL") == "dbcache://prodready_cache"
    owner = app.psql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.prodready_cache')")
    yield f"the table is there, and its owner's (found {owner or 'none'})", owner == f"{app.name}_owner"
    app.psql(f"DELETE FROM prodready_cache WHERE cache_key LIKE '{app.name}:1:kept:%'")
    page = app.curl(front_page)
    kept = app.psql(f"SELECT count(*) FROM prodready_cache WHERE cache_key LIKE '{app.name}:1:kept:%' AND expires > now()")
    yield f"a page that was asked for is a row ({kept})", page.status == 200 and int(kept or 0) >= 1
    strangers = app.psql(f"SELECT count(*) FROM prodready_cache WHERE cache_key NOT LIKE '{app.name}:%'")
    yield "every key is below the app's prefix", strangers == "0"
    try:
        yield "more rows stay than Django's 300", fill(1000) == 1000
        yield "beyond 10000 some are dropped, and not all", 0 < fill(10100) < 10100
    finally:
        app.psql(f"DELETE FROM prodready_cache WHERE {ours}")


# --- Environment Variables --------------------------------------------------------------------


@decides("environment_variables.secret_key")
def secret_key(app: App) -> Iterator[Claim]:
    digest = app.say(f"tr '\\0' '\\n' < /proc/{app.pid}/environ | sed -n 's/^SECRET_KEY=//p' | tr -d '\\n' | sha256sum | cut -c1-64")
    yield "the process runs with the planted key", digest == hashlib.sha256(app.secrets["secret_key"].encode()).hexdigest()
    yield "the key is long and varied", len(app.secrets["secret_key"]) >= 50 and len(set(app.secrets["secret_key"])) > 20
    # The patterns come from the process itself, so that no command line holds them.
    keys = f"tr '\\0' '\\n' < /proc/{app.pid}/environ | sed -n 's/^SECRET_KEY[A-Z_]*=//p' | tr , '\\n' | grep ."
    yield "neither key nor fallback stands in the release", app.run(f"{keys} | grep -rqaFf - /srv/{app.name}/current/source").rc == 1


@decides("environment_variables.debug")
def debug(app: App) -> Iterator[Claim]:
    page = app.curl(f"https://{app.domain}/no-such-page-{time.time_ns()}/")
    yield "an unknown address is 404", page.status == 404
    yield "its page says nothing of settings", not re.search("DEBUG = True|URLconf|Traceback|Using the URL", page.body)
    yield "DEBUG is off in the process", app.environment("DEBUG").lower() in ("", "0", "false", "no", "off")
    bad = app.below("/", "bad host name.invalid")
    yield "a refusal is plain", bad.status == 400 and "Traceback" not in bad.body and "ALLOWED_HOSTS" not in bad.body


@decides("environment_variables.allowed_hosts")
def allowed_hosts(app: App) -> Iterator[Claim]:
    yield "the process has exactly the domains", sorted(app.environment("ALLOWED_HOSTS").split(",")) == sorted(app.domains)
    for stranger in ("evil.invalid", f"x.{app.domain}", f"{app.domain}.evil.invalid"):
        yield f"{stranger} is refused", app.below("/health/live", stranger).status == 400
    for domain in app.domains:
        yield f"{domain} is answered", app.below("/health/live", domain).status == 200


@decides("environment_variables.database_credentials")
def database_credentials(app: App) -> Iterator[Claim]:
    file = f"/etc/prodready/{app.name}/env"
    yield "the file is root's and the application's", app.say(f"stat -c '%a %U %G' {file}") == f"640 root {app.name}"
    yield "nobody else can read it", not app.holds(f"setpriv --reuid nobody --regid nogroup --clear-groups cat {file}")
    core = re.match(r"\w+", app.secrets["database_app_password"])[0]  # type: ignore[index]
    # Looked for by its random part, put together on the way so that this command does not hold it.
    pattern = f"printf '%s%s\\n' {core[:12]} {core[12:]}"
    yield "it is in the environment file, so that the search finds it where it is", app.holds(f"{pattern} | grep -qaFf - {file}")
    yield "the password is in no file of the release", app.run(f"{pattern} | grep -rqaFf - /srv/{app.name}/current/source").rc == 1
    # The apps of a host are asked side by side: each has a file of its own.
    lines = f"/run/lines-{app.name}"
    searches = {
        "it is on no command line": f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > {lines}",
        "it is not in the journal": f"journalctl --no-pager -a -o verbose > {lines}",
    }
    for claim, gather in searches.items():
        yield claim, app.run(f"{gather}; test -s {lines} || exit 9; {pattern} | grep -qaFf - {lines}").rc == 1
    app.run(f"rm -f {lines}")


def token(header: dict, key: bytes, **claims: object) -> str:
    """A token signed as the header says, by somebody who has this key."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, {"exp": int(time.time()) + 600, **claims})]
    signature = b"" if header["alg"] == "none" else hmac.new(key, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@decides("environment_variables.jwt_keys")
def jwt_keys(app: App) -> Iterator[Claim]:
    key = app.secrets["environment"]["JWT_SIGNING_KEY"]
    yield "the key is one of its own", key != app.secrets["secret_key"] and len(key) >= 32
    user = {"token_type": "access", "user_id": app.psql("SELECT id FROM accounts_user ORDER BY id LIMIT 1"), "jti": "0" * 32, "iat": int(time.time())}
    forged = {
        "without an algorithm": token({"alg": "none", "typ": "JWT"}, b"", **user),
        "with SECRET_KEY": token({"alg": "HS256", "typ": "JWT"}, app.secrets["secret_key"].encode(), **user),
        "with a guess": token({"alg": "HS256", "typ": "JWT"}, b"secret", **user),
    }
    for how, forgery in forged.items():
        answer = app.curl(f"https://{app.domain}/api/v1/me/", "-H", f"Authorization: Bearer {forgery}")
        yield f"a token forged {how} is refused", answer.status == 401


# --- Web Server -------------------------------------------------------------------------------


@decides("web_server.configured")
def configured(app: App) -> Iterator[Claim]:
    test = app.run("nginx -t")
    yield "nginx's test has no warning", test.rc == 0 and "[warn]" not in test.stderr
    owners = app.say("ps -o user:32=,args= -C nginx | awk '/worker process/ {print $1}' | sort -u")
    yield "workers are not root", bool(owners) and "root" not in owners.split()
    yield "the default site is gone", "/var/www/html" not in app.nginx and not app.holds("ls /etc/nginx/sites-enabled/default")
    for path in (
        "/static../source/newsroom/settings.py",
        "/static/../../etc/passwd",
        "/media../current/source/manage.py",
        "/static/%2e%2e/source/manage.py",
    ):
        answer = app.curl(f"https://{app.domain}{path}", "--path-as-is")
        yield f"{path} is refused", answer.status in (400, 403, 404) and "SECRET_KEY" not in answer.body
    newest = float(app.say("find /etc/nginx -type f -printf '%T@\\n' | sort -n | tail -1"))
    started = app.say("for pid in $(pgrep -f 'nginx: worker'); do stat -c %Z /proc/$pid; done | sort -n | head -1")
    yield "the workers are newer than the configuration", float(started or 0) + 2 >= newest
    stranger = app.run(f"openssl s_client -connect {app.address}:443 -servername stranger.invalid </dev/null 2>&1").stdout
    yield "a name that is not served is not served", "BEGIN CERTIFICATE" not in stranger or app.domain not in stranger


ECHO = """
import json, os, socket
path = "%s"
os.path.exists(path) and os.unlink(path)
s = socket.socket(socket.AF_UNIX); s.bind(path); os.chmod(path, 0o666); s.listen(1); s.settimeout(10)
print("ready", flush=True)
c, _ = s.accept()
told = c.recv(65536).decode().split("\\r\\n\\r\\n")[0].split("\\r\\n")[1:]
body = json.dumps([line.split(": ", 1) for line in told]).encode()
c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: " + str(len(body)).encode() + b"\\r\\n\\r\\n" + body)
c.close(); os.unlink(path)
"""


@decides("web_server.reverse_proxy")
def reverse_proxy(app: App) -> Iterator[Claim]:
    # Something else takes the application's place for one request and says what it was told.
    forged = (
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil.invalid",
        "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6;proto=http",
    )
    try:
        app.run(f"systemctl stop {app.name}.socket {app.unit}")
        app.run(
            f"(setsid timeout 15 python3 -c {shlex.quote(ECHO % app.socket)} > /run/echo.out 2>&1 &) ; for i in $(seq 50); do grep -q ready /run/echo.out && break; sleep 0.1; done"
        )
        answer = app.curl(f"https://{app.domain}/", *(word for line in forged for word in ("-H", line)))
    finally:
        app.run(f"rm -f /run/echo.out {app.socket}; systemctl start {app.name}.socket {app.unit}")
    told: dict[str, list[str]] = {}
    for name, value in json.loads(answer.body or "[]"):
        told.setdefault(name.lower(), []).append(value)
    yield "the scheme is https", told.get("x-forwarded-proto") == ["https"]
    yield "the address is the client's", told.get("x-forwarded-for") == [app.address]
    yield "the host is the one asked for", told.get("host") == [app.domain]
    yield "nothing that was made up arrives", "6.6.6.6" not in answer.body and "evil.invalid" not in answer.body and bool(told)
    yield "gunicorn listens on no network address", "gunicorn" not in app.say("ss -Hltnp")
    yield "the application is back", _eventually(lambda: app.below("/health/live", app.domain).status == 200)


def _eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.2)
    return False


@decides("web_server.static_files")
def static_files(app: App) -> Iterator[Claim]:
    url = f"https://{app.domain}{app.style_sheet}"
    answer = app.curl(url)
    cached = re.search(r"max-age=(\d+)", answer.header("cache-control"))
    # the release before is served too, so that an answer alone says nothing of this one
    yield "it is a file of the current release", app.holds(f"test -f /srv/{app.name}/current{app.style_sheet}")
    yield "the name holds a hash", bool(re.search(r"[.-][0-9a-f]{8,}\.css$", app.style_sheet))
    yield "it may be kept for a year", bool(cached) and int(cached[1]) >= 31536000 and "immutable" in answer.header("cache-control")  # type: ignore[index]
    yield "its ETag is enough", app.curl(url, "-H", f"If-None-Match: {answer.header('etag')}").status == 304 and bool(answer.header("etag"))
    tag = f"oracle-{time.time_ns()}"
    app.curl(f"{url}?{tag}")
    line = app.say(f"sleep 0.3; grep -h {tag} /var/log/nginx/*.log | tail -1")
    yield "the application was not asked", '"upstream_addr":""' in line


@decides("web_server.gzip")
def gzip(app: App) -> Iterator[Claim]:
    url = f"https://{app.domain}{app.style_sheet}"
    plain, packed = app.curl(url, "-H", "Accept-Encoding: identity"), app.curl(url, "-H", "Accept-Encoding: gzip")
    yield "who accepts gzip gets it, and less", packed.header("content-encoding") == "gzip" and 0 < packed.size < plain.size
    yield "who does not gets the plain file", plain.header("content-encoding") == "" and plain.size > 1024
    page, less = (app.curl(f"https://{app.domain}/", "-H", f"Accept-Encoding: {name}") for name in ("identity", "gzip"))
    yield "the front page comes packed, too", less.header("content-encoding") == "gzip" and 0 < less.size < page.size
    if app.upload:
        image = app.curl(f"https://{app.domain}/media{app.upload}", "-H", "Accept-Encoding: gzip")
        yield "images are left alone", image.status == 200 and image.header("content-encoding") == ""


@decides("web_server.http2")
def http2(app: App) -> Iterator[Claim]:
    answer = app.curl(f"https://{app.domain}/", "--http2")
    yield "curl speaks HTTP/2", answer.protocol == "2" and answer.status == 200
    yield "ALPN picks h2", "ALPN protocol: h2" in app.tls("-alpn", "h2,http/1.1")


@decides("web_server.tls_optimal")
def tls_optimal(app: App) -> Iterator[Claim]:
    obsolete = "-cipher ALL:@SECLEVEL=0"
    for version in ("-tls1", "-tls1_1"):
        told = app.tls(version, obsolete)
        # A client that cannot speak it would be refused by itself: the alert has to be the server's.
        yield f"{version} is refused by the server", "alert protocol version" in told
    for version in ("-tls1_2", "-tls1_3"):
        yield f"{version} is accepted", "Verification: OK" in app.tls(version)
    names = app.say("openssl ciphers -tls1_2 -s 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'").split(":")
    weak = [name for name in names if name not in INTERMEDIATE and not name.startswith("TLS_")]
    told = app.tls("-tls1_2", "-cipher", f"'{':'.join(weak)}:@SECLEVEL=0'")
    yield f"none of {len(weak)} other suites is accepted", len(weak) > 20 and "handshake failure" in told
    text = app.say(f"openssl s_client -connect {app.address}:443 -servername {app.domain} </dev/null 2>/dev/null | openssl x509 -noout -text")
    bits = re.search(r"Public-Key: \((\d+) bit\)", text)
    strong = bool(bits) and (int(bits[1]) >= 2048 or ("id-ecPublicKey" in text and int(bits[1]) >= 256))  # type: ignore[index]
    yield "the key is strong", strong
    yield "the signature is strong", bool(re.search(r"Signature Algorithm: (ecdsa-with-SHA(256|384)|sha(256|384)WithRSAEncryption)", text))


# --- Application Server -----------------------------------------------------------------------


@decides("application_server.workers")
def workers(app: App) -> Iterator[Claim]:
    config = app.say(f"cat $(tr '\\0' '\\n' < /proc/{app.pid}/cmdline | grep -A1 -- --config | tail -1)")
    said = dict(re.findall(r"(?m)^(\w+) = (\d+)$", config))
    alive = len(app.say(f"pgrep -P {app.pid}").split())
    cores = int(app.say("nproc"))
    yield f"{alive} workers live, as configured", alive == int(said.get("workers", 0))
    yield "their number is sane", 2 <= alive <= 2 * cores + 1
    yield "they are recycled", int(said.get("max_requests", 0)) > 0 and int(said.get("max_requests_jitter", 0)) > 0
    yield "a stuck one is ended", 0 < int(said.get("timeout", 0)) <= 300
    slots = int(app.psql("SHOW max_connections") or 0) - 3
    yield "the database has a slot for each thread", alive * int(said.get("threads", 1)) <= slots


@decides("application_server.systemd")
def systemd(app: App) -> Iterator[Claim]:
    yield "active", app.say(f"systemctl is-active {app.unit}") == "active"
    yield "enabled", app.say(f"systemctl is-enabled {app.unit}") == "enabled"
    shown = app.show(app.unit, "User", "Type", "NeedDaemonReload")
    yield "an own user", shown["User"] == app.name
    yield "it says itself when it is ready", shown["Type"] in ("notify", "notify-reload")
    yield "its unit is loaded", shown["NeedDaemonReload"] == "no"
    status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", app.say(f"cat /proc/{app.pid}/status")))
    for path in ("/etc", "/run/lock"):
        yield f"{path} is read-only inside", "Read-only" in app.say(f"nsenter -t {app.pid} -m touch {path}/prodready-oracle 2>&1 || true")
    yield "the process is not root", "0" not in status["Uid"].split()
    yield "it has no capabilities", int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0
    yield "it gains none and its calls are filtered", status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    started = float(app.say(f"stat -c %Z /proc/{app.pid}") or 0)
    files = f"/etc/prodready/{app.name}/env $(systemctl show -p FragmentPath --value {app.unit})"
    newest = max(float(line) for line in app.say(f"stat -c %Y {files}").splitlines())
    yield "it is newer than its files", started + 2 >= newest
    running, current = app.say(f"readlink /proc/{app.pid}/cwd"), app.say(f"readlink -f /srv/{app.name}/current/source")
    yield "it runs the current release", bool(current) and running == current


@decides("application_server.auto_restart")
def auto_restart(app: App) -> Iterator[Claim]:
    # The socket alone would start it at the next request; that is no restart.
    yield "systemd restarts it by itself", app.show(app.unit, "Restart")["Restart"] in ("always", "on-failure")
    before = app.pid
    app.run(f"kill -9 {before}")
    yield "the application answers within 10 s after a kill", _eventually(lambda: app.below("/health/live", app.domain).status == 200)
    yield "by another process", app.pid not in (before, "0")


@decides("application_server.resource_limits")
def resource_limits(app: App) -> Iterator[Claim]:
    group = app.show(app.unit, "ControlGroup")["ControlGroup"]
    values = {}
    for name, files in {
        "memory": (f"/sys/fs/cgroup{group}/memory.max", f"/sys/fs/cgroup/memory{group}/memory.limit_in_bytes"),
        "tasks": (f"/sys/fs/cgroup{group}/pids.max", f"/sys/fs/cgroup/pids{group}/pids.max"),
        "cpu": (
            f"/sys/fs/cgroup{group}/cpu.max",
            f"/sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_quota_us",
            f"/sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us",
        ),
    }.items():
        # A container may see its own tree below the machine's: the process knows which group it is in.
        values[name] = app.say(f"cat {' '.join(files)} 2>/dev/null | head -1")
        if not values[name]:
            part = {"memory": "memory", "tasks": "pids", "cpu": "cpu"}[name]
            path = app.say(f"grep -E '(^0::|[:,]{part}[,:])' /proc/{app.pid}/cgroup | cut -d: -f3 | head -1")
            leaf = files[-1].rsplit("/", 1)[1]
            values[name] = app.say(f"cat /sys/fs/cgroup/{part}*{path}/{leaf} /sys/fs/cgroup{path}/{files[0].rsplit('/', 1)[1]} 2>/dev/null | head -1")
    yield f"memory is limited ({values['memory']})", values["memory"].isdigit() and int(values["memory"]) < 2**40
    yield f"processes are limited ({values['tasks']})", values["tasks"].isdigit()
    yield f"processor time is limited ({values['cpu']})", values["cpu"].split(" ")[0] not in ("", "max", "-1")
    opened = re.search(r"Max open files\s+(\d+)", app.say(f"cat /proc/{app.pid}/limits"))
    yield "open files are limited, and enough", bool(opened) and 256 <= int(opened[1]) <= 1_000_000  # type: ignore[index]
    connections = int(re.search(r"worker_connections\s+(\d+)", app.nginx)[1])  # type: ignore[index]
    worker = re.search(r"Max open files\s+(\d+)", app.say("cat /proc/$(pgrep -f 'nginx: worker' | head -1)/limits"))
    yield "nginx may open two files for each connection", bool(worker) and int(worker[1]) >= 2 * connections  # type: ignore[index]


# --- PostgreSQL Setup -------------------------------------------------------------------------


@decides("postgresql_setup.version")
def version(app: App) -> Iterator[Claim]:
    number = int(app.psql("SHOW server_version_num") or 0)
    yield f"the server is 15 or newer ({number})", number >= 150000
    packaged = app.say(f"dpkg-query -W -f '${{Version}}' postgresql-{number // 10000}")
    yield f"it is the one installed ({packaged})", packaged.startswith(f"{number // 10000}.{number % 10000}")
    waiting = app.psql("SELECT string_agg(name, ',') FROM pg_settings WHERE pending_restart")
    yield f"no setting waits for a restart ({waiting or 'none'})", waiting == ""


@decides("postgresql_setup.encoding")
def encoding(app: App) -> Iterator[Claim]:
    yield "the encoding is UTF8", app.psql("SHOW server_encoding") == "UTF8"
    collation = app.psql("SELECT datcollate || ' ' || datctype FROM pg_database WHERE datname = current_database()")
    yield f"the locale agrees ({collation})", len(re.findall(r"utf-?8", collation.lower())) == 2
    yield "a four-byte character comes back", app.psql("SELECT chr(128640) || length('🚀')::text || octet_length('🚀')::text") == "🚀14"
    version = app.psql(
        "SELECT coalesce(datcollversion, '') = coalesce(pg_database_collation_actual_version(oid), '') FROM pg_database WHERE datname = current_database()"
    )
    yield "the collation's version is the system's", version == "t"


@decides("postgresql_setup.connection_pooling")
def connection_pooling(app: App) -> Iterator[Claim]:
    console = "cd / && runuser -u postgres -- psql -XAt -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -c"
    config = dict(line.split("|")[:2] for line in app.say(f"{console} 'SHOW CONFIG'").splitlines() if "|" in line)
    yield f"it pools by transaction ({config.get('pool_mode')})", config.get("pool_mode") == "transaction"
    yield "its limits are finite", 0 < int(config.get("max_client_conn", 0)) < 10000 and int(config.get("query_wait_timeout", 0)) > 0
    url = app.say(f"tr '\\0' '\\n' < /proc/{app.pid}/environ | sed -n 's/^DATABASE_URL=//p' | sed 's/.*@//'")
    yield f"the application's database is at the pooler's port ({url})", url.startswith("localhost:6432/")
    app.curl(f"https://{app.domain}/health/ready")
    ours = app.psql(
        f"SELECT string_agg(DISTINCT client_port::text, ',') FROM pg_stat_activity WHERE usename = '{app.name}_app' AND pid <> pg_backend_pid()"
    )
    theirs = set(re.findall(r"(?m)^.*$", app.say("ss -Htnp | grep pgbouncer")))
    ports = {port for port in ours.split(",") if port}
    yield f"its sessions are the pooler's ({ours})", bool(ports) and all(any(f":{port} " in line for line in theirs) for port in ports)


@decides("postgresql_setup.indexes")
def indexes(app: App) -> Iterator[Claim]:
    names = app.psql("SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid AND i.indisready").splitlines()
    yield "the models' indexes are there and valid", set(INDEXES) - {"article_search"} <= set(names)
    yield "no index is invalid", app.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0"
    bare = app.psql(
        "SELECT conrelid::regclass || '.' || a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
        "WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS "
        "(SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1] AND i.indpred IS NULL)"
    )
    yield f"each foreign key has an index ({bare or 'all'})", bare == ""
    yield "there are foreign keys at all", int(app.psql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") or 0) > 5


@decides("postgresql_setup.full_text_search")
def full_text_search(app: App) -> Iterator[Claim]:
    made = app.psql("SELECT indexdef FROM pg_indexes WHERE indexname = 'article_search'")
    yield "a GIN index stands on the vector", "USING gin (search_vector)" in made
    query = "SET enable_seqscan = off; EXPLAIN SELECT 1 FROM articles_article WHERE search_vector @@ to_tsquery('english', 'paper')"
    yield "a search uses it", "article_search" in app.psql(query)
    expression = app.psql(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'articles_article'::regclass "
        "AND pg_get_expr(adbin, adrelid) LIKE '%tsvector%'"
    )
    yield "its language is English", "'english'::regconfig" in expression
    word = app.psql(
        "SELECT split_part(title, ' ', 1) FROM articles_article WHERE status = 'published' AND split_part(title, ' ', 1) ~ '^[A-Za-z]{5,}$' LIMIT 1"
    )
    yield (
        "another form of a word finds",
        app.psql("SELECT to_tsvector('english', 'the printers were printing') @@ to_tsquery('english', 'print')") == "t",
    )
    if word:
        page = app.curl(f"https://{app.domain}/search/?q={word.lower()}")
        yield f"the site's search for {word.lower()} finds", page.status == 200 and word.lower() in page.body.lower() and "/articles/" in page.body


@decides("postgresql_setup.migrations")
def migrations(app: App) -> Iterator[Claim]:
    short = {"character varying": "varchar", "timestamp with time zone": "timestamptz"}
    for table, expected in TABLES.items():
        rows = app.psql(
            "SELECT column_name || '|' || data_type || '|' || coalesce(character_maximum_length::text, '') FROM information_schema.columns "
            f"WHERE table_schema = 'public' AND table_name = '{table}'"
        ).splitlines()
        found = set()
        for row in rows:
            name, kind, length = row.split("|")
            found.add(f"{name} {short.get(kind, kind)}" + (f"({length})" if length else ""))
        wanted = set(expected.split(", "))
        yield f"{table} is as the models say (differs: {sorted(found ^ wanted)})", found == wanted
    plan = app.psql("SELECT count(*) FROM django_migrations WHERE app IN ('articles', 'accounts', 'outbox')")
    written = app.say(f"ls /srv/{app.name}/current/source/{{articles,accounts,outbox}}/migrations/0*.py | wc -l")
    yield "every migration that was written was applied", plan == written


# --- Service Status ---------------------------------------------------------------------------


@decides("database_optimization.connection_limits")
def connection_limits(app: App) -> Iterator[Claim]:
    limit = int(app.psql(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{app.name}_app'") or -1)
    yield f"its role has a limit ({limit})", 0 < limit < 100
    settings = app.psql(
        f"SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = '{app.name}_app'::regrole AND setdatabase IN (0, "
        "(SELECT oid FROM pg_database WHERE datname = current_database())) ORDER BY setdatabase <> 0"
    )
    found = dict(line.split("=", 1) for line in settings.splitlines())
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        yield f"{name} has an end ({found.get(name)})", found.get(name, "0") not in ("0", "-1")


@decides("service_status.services")
def services(app: App) -> Iterator[Claim]:
    extra = [f"{app.name}-outbox.service", f"{app.name}-scheduler.service", "redis-server.service"] if app.name == "newsroom" else []
    for unit in (app.unit, f"{app.name}.socket", "nginx.service", "pgbouncer.service", app.cluster, *extra):
        yield f"{unit} is active", app.say(f"systemctl is-active {unit}") == "active"
    failed = app.say("systemctl list-units --failed --plain --no-legend | awk '{print $1}' | grep -v -x systemd-modules-load.service || true")
    yield f"no unit failed ({failed or 'none'})", failed == ""
    started = app.show(app.unit, "NRestarts", "MainPID")
    time.sleep(3)
    yield "nothing restarts meanwhile", app.show(app.unit, "NRestarts", "MainPID") == started


@decides("service_status.database_connections")
def database_connections(app: App) -> Iterator[Claim]:
    yield "ready", app.curl(f"https://{app.domain}/health/ready").status == 200
    try:
        app.run(f"systemctl stop {app.cluster}")
        # the pooler lets a query wait for a server that may be restarting, 20 seconds at most
        yield "not ready without a database", app.curl(f"https://{app.domain}/health/ready", "--max-time", "28").status == 503
    finally:
        app.run(f"systemctl start {app.cluster}")
    yield "ready again", _eventually(lambda: app.curl(f"https://{app.domain}/health/ready").status == 200)


def let_recover(apps: list[App]) -> None:
    """What one app's oracle stopped, the others of its host use, too; their pooler waits a second before it tries again."""
    for app in apps:
        _eventually(lambda app=app: app.curl(f"https://{app.domain}/health/ready").status == 200, seconds=20)


@decides("service_status.web_server")
def web_server(app: App) -> Iterator[Claim]:
    for at in ("127.0.0.1", app.address, *(["::1"] if app.holds("grep -q . /proc/net/if_inet6") else [])):
        answer = app.curl(f"https://{app.domain}/", at=at)
        yield f"answered at {at} within a second", answer.status == 200 and answer.seconds < 1


@decides("service_status.application_server")
def application_server(app: App) -> Iterator[Claim]:
    for number in range(5):
        answer = app.below("/health/live", app.domain)
        yield f"answer {number + 1} on the socket", answer.status == 200 and '"ok"' in answer.body


# --- Security Verification --------------------------------------------------------------------


@decides("security_verification.https")
def https(app: App) -> Iterator[Claim]:
    for domain in app.domains:
        # another domain than the first leads there; both certificates are verified on the way
        yield f"{domain} is answered, its certificate verified", app.curl(f"https://{domain}/", "-L", "--max-redirs", "1").status == 200
        told = app.run(
            f"openssl s_client -connect {app.address}:443 -servername {domain} -verify_hostname {domain} -verify_return_error </dev/null 2>&1"
        ).stdout
        yield f"openssl verifies {domain}", "Verify return code: 0 (ok)" in told


@decides("security_verification.redirect")
def redirect(app: App) -> Iterator[Claim]:
    for domain in app.domains:
        answer = app.curl(f"http://{domain}/articles/x/?q=1&r=a%20b")
        yield (
            f"{domain} redirects for good to the same place",
            answer.status in (301, 308) and answer.location == f"https://{app.domain}/articles/x/?q=1&r=a%20b",
        )
    if app.holds("grep -q . /proc/net/if_inet6"):
        answer = app.curl(f"http://{app.domain}/a?b=c", at="::1")
        yield "over IPv6 too", answer.status in (301, 308) and answer.location == f"https://{app.domain}/a?b=c"
    yield "it ends at a page", app.curl(f"http://{app.domain}/", "-L", "--max-redirs", "3").status == 200


@decides("security_verification.security_headers")
def security_headers(app: App) -> Iterator[Claim]:
    site = f"https://{app.domain}"
    answers = {
        "a page": (app.curl(f"{site}/"), 200),
        "a redirect": (app.curl(f"{site}/admin/"), 302),
        "404": (app.curl(f"{site}/no-such-page/"), 404),
        "413": (app.curl(f"{site}/", "--http1.1", "-X", "POST", "-H", "Content-Length: 99999999999"), 413),
        "static": (app.curl(f"{site}{app.style_sheet}"), 200),
        "static 404": (app.curl(f"{site}/static/no-such-file.css"), 404),
    }
    if app.upload:
        answers["media"] = (app.curl(f"{site}/media{app.upload}"), 200)
    for what, (answer, status) in answers.items():
        yield f"{what} is answered with {status}, found {answer.status}", answer.status == status
        lasting = re.search(r"max-age=(\d+)", answer.header("strict-transport-security"))
        yield (
            f"HSTS of a year, once, on {what}",
            bool(lasting) and int(lasting[1]) >= 31536000 and len(answer.headers["strict-transport-security"]) == 1,
        )  # type: ignore[index]
        yield f"nosniff, once, on {what}", answer.headers.get("x-content-type-options") == ["nosniff"]
        yield f"framing, once, on {what}", answer.header("x-frame-options").upper() in ("DENY", "SAMEORIGIN")
        yield (
            f"referrer, once, on {what}",
            answer.header("referrer-policy") in ("same-origin", "no-referrer", "strict-origin-when-cross-origin", "strict-origin"),
        )


@decides("security_verification.cors")
def cors(app: App) -> Iterator[Claim]:
    for origin, allowed in (("https://app.newsroom.test", True), ("https://evil.invalid", False), ("https://app.newsroom.test.evil.invalid", False)):
        asked = ("-X", "OPTIONS", "-H", f"Origin: {origin}", "-H", "Access-Control-Request-Method: GET")
        answer = app.curl(f"https://{app.domain}/api/v1/articles/", *asked)
        echoed = answer.headers.get("access-control-allow-origin", [])
        yield f"{origin} is {'allowed' if allowed else 'not allowed'} ({echoed})", echoed == ([origin] if allowed else [])
