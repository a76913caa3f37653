# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx prints, and how it is read."""

from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _nginx, _nginx_config

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
