# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx prints, and how it is read."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _http3, _nginx, _nginx_config, _nginx_daemon, _nginx_public, _nginx_site

DEBIAN_12 = """nginx version: nginx/1.22.1
built with OpenSSL 3.0.9 30 May 2023 (running with OpenSSL 3.0.22 25 Aug 2026)
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --with-http_v2_module
"""
DEBIAN_13 = """nginx version: nginx/1.26.3
built with OpenSSL 3.5.1 1 Jul 2025
TLS SNI support enabled
configure arguments: --conf-path=/etc/nginx/nginx.conf --with-http_v2_module --with-http_v3_module
"""

DUMP = r"""# configuration file /etc/nginx/nginx.conf:
# Managed by prodready.django: changes made by hand are lost.
user www-data;
worker_rlimit_nofile 8192;
pid /run/nginx.pid;
events {
    worker_connections 2048;
}
http {
    include mime.types;
    map $http_x_request_id $id {
        default $request_id;
        "~^[A-Za-z0-9-]{8,64}$" $http_x_request_id;
    }
    log_format json escape=json '{"a":"$remote_addr",'
        '"b":"$status"}';
    include sites/*.conf;
}

# configuration file /etc/nginx/mime.types:
types {
    text/html html;
}

# configuration file /etc/nginx/sites/shop.conf:
server {
    listen 443 ssl;
    server_name shop.example.org;
    ssl_certificate /etc/tls/shop.pem;
    ssl_certificate_key /etc/tls/$ssl_server_name.key;
    location / { proxy_pass http://shop; proxy_set_header Authorization "Basic c2VjcmV0"; proxy_set_header Host $host; }
    location ~* "\.(png|css){1,2}$" { root /srv; }
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEBIAN_12, {"nginx": "1.22.1", "openssl": "3.0.22", "http3": False}),
        (DEBIAN_13, {"nginx": "1.26.3", "openssl": "3.5.1", "http3": True}),
    ],
)
def test_the_openssl_that_counts_is_the_one_it_runs_with(text, expected):
    assert _nginx.parse_version(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file x test is successful\n", []),
        (
            "2026/11/23 [warn] 1#1: conflicting server name\nnginx: configuration file x test is successful\n",
            ["2026/11/23 [warn] 1#1: conflicting server name"],
        ),
    ],
)
def test_only_the_two_sentences_of_success_are_silence(text, expected):
    assert _nginx.test_messages(text) == expected


def test_includes_are_replaced_by_what_they_brought_in():
    files = _nginx.split_files(DUMP)
    assert list(files) == ["/etc/nginx/nginx.conf", "/etc/nginx/mime.types", "/etc/nginx/sites/shop.conf"]
    tree = _nginx.merged(files, "/etc/nginx/nginx.conf")
    assert _nginx.facts(tree) == {
        "worker_connections": 2048,
        "worker_rlimit_nofile": 8192,
        "servers": 1,
        "default_site": False,
        "server_names": ["shop.example.org"],
    }
    assert _nginx.certificate_files(tree) == ["/etc/tls/shop.pem"]
    assert ["~*", r"\.(png|css){1,2}$"] in _nginx.arguments(tree, "location")


def test_no_credential_leaves_the_host():
    shown = _nginx.outline(_nginx.merged(_nginx.split_files(DUMP), "/etc/nginx/nginx.conf"))
    assert "c2VjcmV0" not in repr(shown)
    assert ["proxy_set_header", ["Authorization", "(hidden)"], None] in [directive for directive, _parents in _nginx.walk(shown)]
    assert ["proxy_set_header", ["Host", "$host"], None] in [directive for directive, _parents in _nginx.walk(shown)]


@pytest.mark.parametrize("text", ["server {", "}", "{ a; }"])
def test_what_is_no_configuration_is_said_to_be_none(text):
    with pytest.raises(_nginx.NginxSyntaxError):
        _nginx.parse(text)


@pytest.mark.parametrize(
    ("text", "digest", "expected"),
    [
        ("# Managed by prodready.django: x\n", "1", "managed"),
        ("user x;", "1", "package"),
        ("user y;", "2", "package_edited"),
    ],
)
def test_a_file_belongs_to_who_wrote_it(text, digest, expected):
    assert _nginx.origin(text, digest, {"/etc/nginx/nginx.conf": "1"}, "/etc/nginx/nginx.conf") == expected
    assert _nginx.origin("server {}", "3", {}, "/etc/nginx/conf.d/x.conf") == "other"


DEFAULT_SITE = "http { server { listen 80 default_server; root /var/www/html; server_name _; } }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(DEFAULT_SITE, True), (DEFAULT_SITE.replace("_;", "shop.example.org;"), False), (DEFAULT_SITE.replace("/var/www/html", "/srv"), False)],
)
def test_the_default_site_is_known_by_root_and_name(text, expected):
    assert _nginx.facts(_nginx.parse(text))["default_site"] is expected


MANAGED = "# Managed by prodready.django: x\n"


@pytest.mark.parametrize(
    ("before", "delivered", "expected"),
    [
        ({}, (), (["nginx.conf", "prodready/a.conf"], [], [])),
        ({"nginx.conf": MANAGED + "new\n", "prodready/a.conf": "a\n"}, (), ([], [], [])),
        ({"nginx.conf": "user me;\n", "prodready/a.conf": "a\n"}, (), (["nginx.conf"], [], ["nginx.conf"])),
        ({"nginx.conf": "user me;\n", "prodready/a.conf": "a\n"}, ("nginx.conf",), (["nginx.conf"], [], [])),
        ({"nginx.conf": "user me;\n", "nginx.conf.before-prodready": "x", "prodready/a.conf": "a\n"}, (), (["nginx.conf"], [], [])),
        (
            {"nginx.conf": MANAGED + "new\n", "prodready/a.conf": "a\n", "prodready/old.conf": "o\n", "sites-enabled/default": "d"},
            (),
            ([], ["prodready/old.conf", "sites-enabled/default"], []),
        ),
    ],
)
def test_what_is_not_ours_is_kept_and_what_is_stale_goes(before, delivered, expected):
    wanted = {"nginx.conf": MANAGED + "new", "prodready/a.conf": "a\n"}
    plan = _nginx_config.plan(before, wanted, owned="prodready", unwanted=["sites-enabled/default"], delivered=delivered)
    assert (sorted(plan.write), plan.remove, plan.keep) == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (['nginx: [emerg] cannot load certificate "/x": BIO_new_file() failed (No such file or directory)'], True),
        (['nginx: [emerg] cannot load certificate "/x": No such file', 'nginx: [emerg] unknown directive "foo"'], False),
        ([], False),
    ],
)
def test_check_mode_forgives_a_certificate_to_come_and_nothing_else(messages, expected):
    assert _nginx_config.only_missing_certificate(messages) is expected


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("80 default_server", ["80"]),
        ("0.0.0.0:443 ssl default_server", ["443"]),
        ("*:8080 default", ["8080"]),
        ("[::]:443 ssl http2 default_server ipv6only=on", ["[::]:443"]),
        ("[::] default_server", ["[::]:80"]),
        ("192.0.2.7 default_server", ["192.0.2.7:80"]),
        ("443 ssl", []),
        ("unix:/run/x.sock default_server", []),
    ],
)
def test_who_answers_unknown_names_is_read_from_listen(listen, expected):
    assert _nginx.default_listens(f"server {{ listen {listen}; server_name a; }}") == expected


def test_a_file_that_is_no_configuration_answers_no_unknown_names():
    assert _nginx.default_listens("server {") == []


UDP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  314: 00000000:01BB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 101 2 0000000000000000 0
  315: 0100007F:0044 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 102 2 0000000000000000 0
"""


def test_a_udp_socket_that_waits_for_anybody_is_a_listener():
    assert _nginx_daemon.parse_udp_sockets(UDP) == {"101": "0.0.0.0:443"}


@pytest.mark.parametrize(
    ("networks", "own", "expected"),
    [
        ((), (), "127.7.7.7"),
        (("127.0.0.1/32", "10.0.0.0/8"), (), "127.7.7.7"),
        (("127.0.0.0/8",), ("172.17.0.2",), "172.17.0.2"),
        (("127.0.0.0/8", "172.16.0.0/12"), ("172.17.0.2",), ""),
        (("0.0.0.0/0",), ("172.17.0.2",), ""),
        (("::/0",), (), "127.7.7.7"),
    ],
)
def test_a_stranger_is_outside_every_network(networks, own, expected):
    assert _nginx_public.outside(networks, own, choose=lambda _low, _high: 7) == expected


def test_the_admin_is_spelt_in_every_way_that_may_mean_it():
    found = _nginx_public.variants("/admin/")
    assert {"/admin/", "/admin", "//admin/", "/%61dmin/", "/x/../admin/", "/admin/login/"} <= set(found)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"paths": ["/login/", "/x/"], "methods": ["POST"]}, ("POST", "/login/")),
        ({"paths": ["/api/"], "methods": []}, ("GET", "/api/prodready-n")),
        ({"paths": ["/api/"], "methods": ["GET", "POST"]}, ("GET", "/api/prodready-n")),
        ({"paths": ["/api/"]}, ("GET", "/api/prodready-n")),
    ],
)
def test_a_limit_on_reading_is_tried_where_nothing_is(limit, expected):
    assert _nginx_public.question_of(limit, "n") == expected


OURS, THEIRS = b"12345678", b"abcdefgh"
ANSWER = b"\x80\0\0\0\0\x08" + OURS + b"\x08" + THEIRS + b"\0\0\0\x01\x7a\xba\xca\xda"


def test_a_quic_question_is_as_large_as_a_first_packet_must_be():
    sent = _http3.question(THEIRS, OURS)
    assert len(sent) == 1200
    assert sent[:6] == b"\xc0\x1a\x2a\x3a\x4a\x08"


def test_the_versions_are_those_that_exist():
    assert _http3.versions(ANSWER, THEIRS, OURS) == ["QUIC v1"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad", ANSWER.replace(OURS, b"x" * 8), ANSWER.replace(THEIRS, b"x" * 8), ANSWER[:12]])
def test_an_answer_that_repeats_no_ids_proves_nothing(answer):
    with pytest.raises(_http3.Http3Error):
        _http3.versions(answer, THEIRS, OURS)


@pytest.mark.parametrize(
    ("alt_svc", "expected"),
    [('h3=":443"; ma=86400', 443), ('h2=":8443", h3=":8444"', 8444), ('h3-29=":443"', None), ("clear", None), ("", None)],
)
def test_the_announced_port_is_that_of_http3(alt_svc, expected):
    assert _http3.announced_port(alt_svc) == expected


# Rounds


@pytest.mark.parametrize(
    ("burst", "rate", "let_through", "rounds"),
    [
        (10, "10r/m", 11, [40]),
        (40, "20r/s", 41, [100]),
        (118, "10r/m", 119, [120]),
        (119, "10r/m", 120, [120, 120]),
        (300, "10r/m", 301, [120, 120, 120]),
        (500, "20r/s", 501, [120, 120, 120, 120, 120]),
        (10, "10r/m", 10**6, [40]),  # there is no limit
        (500, "10r/m", 10**6, [120] * 8 + [60]),
    ],
)
def test_a_burst_is_tried_in_rounds_until_its_limit_is_seen(burst, rate, let_through, rounds):
    made, site = [], _nginx_public.PublicSite.__new__(_nginx_public.PublicSite)

    def once(source, method, path, tries):
        before = sum(made)
        made.append(tries)
        return [200 if before + number < let_through else 429 for number in range(tries)], [429 if sum(made) > let_through else 200]

    site._round = once
    statuses, spoofed, _seconds = site._burst("127.1.1.1", "POST", "/in/", {"burst": burst, "rate": rate})
    assert made == rounds
    assert (429 in statuses, spoofed == [429]) == (let_through < 10**6,) * 2


def test_rounds_go_on_while_the_limit_lets_more_through_and_end():
    assert _nginx_public.next_round(100, 40, "20r/s", 0.5) == 0
    assert _nginx_public.next_round(100, 40, "20r/s", 4.0) == 40
    assert _nginx_public.next_round(300, 40, "9999r/s", 60.0) == 0


# Files that pages link to


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("site.0123456789ab.css", True),  # Django
        ("admin/site.9a8b7c6d5e4f.js", True),
        ("main-5e88cf90.js", True),  # bundlers
        ("app.3f1c2a9b7d5e8f60a1b2.css", True),
        ("price-20240115.pdf", False),
        ("report.20240115123000.pdf", False),
        ("photo-1700000000.jpg", False),
        ("site.css", False),
        ("site-1.2.3.css", False),
    ],
)
def test_a_date_in_a_name_is_no_hash(name, hashed):
    conf = (Path(__file__).resolve().parents[2] / "roles/nginx/templates/nginx.conf.j2").read_text(encoding="utf-8")
    in_nginx = re.search(r'"~(.+)" "public, max-age=31536000, immutable"', conf).group(1)
    assert bool(re.search(in_nginx, "/static/" + name)) == bool(_nginx_site.HASHED.search("/static/" + name)) == hashed


def site(answers, **params):
    """A site that answers each path with (status, type, body); a path it does not know with a JSON 404."""
    made = _nginx_site.Site.__new__(_nginx_site.Site)
    given = {"pages": ["/"], "home_path": "/", "asset_paths": [], "static_url": "/static/", "media_url": "/media/"}
    made._p = {**given, "static_root": None, "static_previous_root": None, **params}
    made._domains, made._assets = ["shop.test"], None

    def get(target, headers=(), method="GET", host=None):
        status, kind, body = answers.get(target.split("?")[0], (404, "application/json", "{}"))
        return SimpleNamespace(status=status, body=body.encode(), encoded_size=len(body), first=lambda name: kind if name == "content-type" else "")

    made.get = get
    made._log_line = lambda token: {}
    return made


HTML = "text/html"
LINK = '<link rel="stylesheet" href="{0}">'


@pytest.mark.parametrize(
    "answers",
    [{"/": (200, "application/json", "{}")}, {"/": (404, HTML, "no")}, {"/": (401, "application/json", "{}")}, {"/": (200, HTML, "<p>hello")}],
)
def test_a_site_that_links_no_file_is_observed_as_that(answers):
    assert site(answers).assets() == []
    assert site(answers).static()["path"] == ""
    found = site(answers).gzip()
    assert found["text"] == {"path": "", "reason": "no style sheet or script above 1 kB is linked from /"}
    assert found["image"] is None
    assert found["page"]["status"] == answers["/"][0]


@pytest.mark.parametrize("answers", [{"/": (502, HTML, "")}, {"/": (301, HTML, "")}, {"/": (400, HTML, "")}])
def test_a_page_that_fails_is_no_site_without_files(answers):
    for name in ("assets", "static", "gzip"):
        with pytest.raises(_nginx_site.ObservationError, match="is linked from / "):
            getattr(site(answers), name)()


def test_a_declared_log_in_that_is_not_there_is_no_site_without_files():
    with pytest.raises(_nginx_site.ObservationError, match="/in/: 404"):
        site({"/": (200, "application/json", "{}")}, pages=["/", "/in/"]).assets()


@pytest.mark.parametrize(
    ("link", "answer", "problem"),
    [("/static/a.css", (404, HTML, ""), "no file below /static/"), ("/assets/a.css", (200, "text/css", "x" * 2000), "no file below /static/")],
)
def test_linked_files_that_are_not_served_as_static_ones_are_not_forgiven(link, answer, problem):
    found = site({"/": (200, HTML, LINK.format(link)), link: answer})
    with pytest.raises(_nginx_site.ObservationError, match=problem):
        found.static()


def test_a_style_sheet_that_is_too_small_is_not_expected_to_be_packed():
    found = site({"/": (200, HTML, LINK.format("/static/a.css")), "/static/a.css": (200, "text/css", "a{}")})
    assert found.gzip()["text"]["path"] == ""
    missing = site({"/": (200, HTML, LINK.format("/static/a.css"))})
    with pytest.raises(_nginx_site.ObservationError, match="above 1 kB that loads"):
        missing.gzip()


@pytest.mark.parametrize(
    ("path", "known", "expected"),
    [
        ("/static/old.0123abcd.css", True, True),
        ("/static/new.0123abcd.css", True, False),
        ("/static/both.css", True, False),
        ("/static/neither.css", True, False),
        ("/static/a%20b.css", True, True),
        ("/media/old.0123abcd.css", True, False),
        ("/static/old.0123abcd.css", False, False),
    ],
    ids=["of the release before", "new", "unchanged", "nowhere", "an encoded name", "no static file", "nothing is said of a release before"],
)
def test_a_file_of_the_release_before_alone_is_superseded(tmp_path, path, known, expected):
    for folder, names in {"now": ["new.0123abcd.css", "both.css"], "before": ["old.0123abcd.css", "both.css", "a b.css"]}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    previous = str(tmp_path / "before") if known else None
    assert _nginx_site.is_superseded(path, "/static/", str(tmp_path / "now"), previous) is expected
