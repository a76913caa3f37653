# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each mistake is found, and its innocent look-alike is not."""

from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils._nginx import outline, parse
from ansible_collections.prodready.django.plugins.plugin_utils._nginx_lint import findings

HSTS = "add_header Strict-Transport-Security max-age=1 always;"


@pytest.mark.parametrize(
    ("name", "mistake", "look_alike"),
    [
        ("alias_traversal", "location /static { alias /srv/static/; }", "location /static/ { alias /srv/static/; }"),
        ("alias_traversal", "location ^~ /static { alias /srv/static; }", "location = /static { alias /srv/static; }"),
        ("http_splitting", "return 301 https://$host$uri;", "return 301 https://$host$request_uri;"),
        ("http_splitting", "location / { add_header X-Path ${uri}; }", "location / { add_header X-Path $uri_hash; }"),
        ("http_splitting", "rewrite ^ https://x$document_uri;", "rewrite ^/(a)$ https://x/$1;"),
        ("ssrf", "location / { proxy_pass http://$arg_to; }", "location / { internal; proxy_pass http://$arg_to; }"),
        ("ssrf", "location ~ /p/(.*) { proxy_pass http://$1; }", "location / { proxy_pass http://shop; }"),
        ("valid_referers", "location / { valid_referers none server_names; }", "location / { valid_referers server_names; }"),
        ("host_spoofing", "location / { proxy_set_header Host $http_host; }", "location / { proxy_set_header Host $host:8443; }"),
        ("add_header_redefinition", HSTS + "location / { add_header X-A b; }", HSTS + "location / { add_header X-A b; " + HSTS + " }"),
        ("add_header_redefinition", HSTS + "location / { add_header X-A b; }", "add_header X-B c; location / { add_header X-A b; }"),
        ("if_is_evil", "location / { if ($arg_a) { proxy_pass http://shop; } }", "location / { if ($arg_a) { return 404; } }"),
    ],
)
def test_a_mistake_is_found_and_its_look_alike_is_not(name, mistake, look_alike):
    wrap = "http {{ server {{ server_name shop.example.org; {0} }} }}".format
    found = findings(outline(parse(wrap(mistake))))
    assert [line.split(" ")[0] for line in found] == [name]
    assert "shop.example.org" in found[0]
    assert findings(outline(parse(wrap(look_alike)))) == []
