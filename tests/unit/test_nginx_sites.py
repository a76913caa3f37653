"""What a site cannot have is refused by sentences that name the site, what was found and what to change."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.prodready.django.plugins.plugin_utils._app_options import sites
from ansible_collections.prodready.django.plugins.plugin_utils._apps import resolve_apps
from ansible_collections.prodready.django.plugins.plugin_utils._nginx_sites import site_problems

VARS = Path(__file__).resolve().parents[2] / "roles" / "nginx" / "vars" / "main.yml"
DEFAULTS = yaml.safe_load(VARS.read_text(encoding="utf-8"))["__nginx_site_defaults"]
SHOP = {**DEFAULTS, "name": "shop", "domains": ["shop.example.org"]}


def limit(**changes):
    return {"rate_limits": [{"name": "login", "paths": ["/login/"], "rate": "10r/m", **changes}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"client_max_body_size": "1k"},
        {"client_max_body_size": "10G"},
        {"client_max_body_size": 1024},
        {"proxy_read_timeout": 3600, "upstream_timeout": 3600},
        {"hsts_max_age": 0},
        {"hsts_preload": "no", "hsts_max_age": 0},
        {"hsts_preload": True, "hsts_include_subdomains": "yes", "hsts_max_age": 31536000},
        {"rate_limits": []},
        limit(methods=["POST"], burst=500),
        limit(rate="999999r/s", burst=None, methods=None),
        {"admin_path": "", "admin_allow": []},
        {"admin_allow": ["192.0.2.7", "10.1.2.3/8", "0.0.0.0/0", "2001:db8::/32", "::1"]},
        {"maintenance_open_paths": ["/", "/health/?full=1"]},
    ],
)
def test_what_nginx_accepts_is_let_through(changes):
    assert site_problems([{**SHOP, **changes}]) == []


def test_what_the_inventory_makes_of_an_app_is_let_through():
    app = {"domains": ["a.example.org"], "source": {"type": "tree", "path": "/p"}, "settings_module": "a.settings"}
    assert site_problems([{**DEFAULTS, **site} for site in sites(resolve_apps({"shop": app}))]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_max_body_size": "0"}, "found '0' at the site shop, expected a size from 1k to 10g"),
        ({"client_max_body_size": "1023"}, "'1023'"),
        ({"client_max_body_size": "11g"}, "'11g'"),
        ({"client_max_body_size": "10 m"}, "Change client_max_body_size_mb of shop in prodready_apps (client_max_body_size in nginx_sites)."),
        ({"client_max_body_size": "10m\n"}, "client_max_body_size"),
        ({"proxy_read_timeout": 0}, "proxy_read_timeout 0 and upstream_timeout 30"),
        ({"proxy_read_timeout": 29}, "not less than upstream_timeout"),
        ({"proxy_read_timeout": 3601}, "1 to 3600 seconds"),
        ({"proxy_read_timeout": "soon"}, "proxy_read_timeout soon"),
        ({"hsts_max_age": -1}, "found -1 at the site shop, expected seconds"),
        ({"hsts_preload": True}, "found hsts_preload with hsts_include_subdomains False and hsts_max_age"),
        ({"hsts_preload": True, "hsts_include_subdomains": True, "hsts_max_age": 31535999}, "expected true and at least 31536000 beside it"),
        (limit(name="Login"), "the names Login"),
        ({"rate_limits": limit()["rate_limits"] * 2}, "the names login, login"),
        (limit(rate="0r/s"), "the rates 0r/s"),
        (limit(rate="10r/h"), "20r/s or 10r/m"),
        (limit(burst=501), "the bursts 501"),
        (limit(burst=-1), "0 to 500 requests, as many as a verification"),
        (limit(burst="many"), "the bursts many"),
        (limit(paths=[]), "the paths (none)"),
        (limit(paths=["login/"]), "the paths login/"),
        (limit(paths=["/a b"]), "without blanks"),
        (limit(paths=["/a;b"]), "paths in rate_limits"),
        (limit(methods=["post"]), "the methods post"),
        ({"admin_path": "", "admin_allow": ["192.0.2.7"]}, "admin_path '' with addresses in admin_allow"),
        ({"admin_path": "//", "admin_allow": ["192.0.2.7"]}, "a path below '/'"),
        ({"admin_path": "/a$b/", "admin_allow": ["192.0.2.7"]}, "admin_path '/a$b/'"),
        ({"maintenance_open_paths": ["health"]}, "found health at the site shop"),
        ({"admin_allow": ["256.0.0.1"]}, "found 256.0.0.1"),
        ({"admin_allow": ["192.0.2.0/33"]}, "192.0.2.0/33"),
        ({"admin_allow": ["192.0.2.0/255.255.255.0"]}, "192.0.2.0/255.255.255.0"),
        ({"admin_allow": ["fe80::1%eth0"]}, "fe80::1%eth0"),
        ({"admin_allow": ["office"], "maintenance_allow": ["10.0.0.0/8", "home"]}, "found office, home at"),
    ],
)
def test_what_nginx_would_not_accept_is_refused(changes, words):
    problems = site_problems([{**SHOP, **changes}, {**SHOP, "name": "news"}])
    assert len(problems) == 1
    assert words in problems[0]


def test_every_problem_of_every_site_is_said():
    problems = site_problems([{**SHOP, "hsts_max_age": -1, "client_max_body_size": "0"}, {**SHOP, "name": "news", "hsts_max_age": -2}])
    assert ["at the site shop" in problem for problem in problems] == [True, True, False]
