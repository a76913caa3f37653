# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of a site: static files of this release first, then those of the release before, otherwise the same."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible.plugins.test.core import TestModule as CoreTests
from ansible_collections.prodready.django.plugins.module_utils._nginx import outline, parse, walk
from ansible_collections.prodready.django.plugins.plugin_utils import _app_options, _apps
from ansible_collections.prodready.django.plugins.plugin_utils._nginx_lint import findings

ROLE = Path(__file__).resolve().parents[2] / "roles" / "nginx"
APP = {"domains": ["shop.example.org"], "source": {"type": "tree", "path": "."}, "settings_module": "shop.settings"}


def rendered(**changes):
    engine = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLE / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined)
    engine.filters.update(FilterModule().filters())
    engine.tests.update(CoreTests().tests())
    values = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    (site,) = _app_options.sites(_apps.resolve_apps({"shop": APP}))
    return engine.get_template("site.conf.j2").render(
        {
            **values,
            "site": {**values["__nginx_site_defaults"], **site, **changes},
            "__nginx_families": [""],
            "__nginx_tls_words": " ssl",
            "__nginx_retry_after": 6,
            "__nginx_public_port_suffix": "",
            "nginx_https_port": 443,
            "nginx_http_port": 80,
            "nginx_http3_enabled": False,
        }
    )


def locations(text):
    """Each location's own directives: name → [arguments]."""
    return {
        " ".join(arguments): [(name, *values) for name, values, _inside in children]
        for (kind, arguments, children), _parents in walk(parse(text))
        if kind == "location"
    }


def test_a_file_of_the_release_before_is_served_as_one_of_this_release():
    found = locations(rendered())
    now, before = found["^~ /static/"], found["@prodready_previous_static"]
    assert ("alias", "/srv/shop/current/static/") in now
    assert ("root", "/srv/shop/previous/static") in before
    places = ("alias", "root", "rewrite", "try_files")
    alike = [[line for line in block if line[0] not in places] for block in (now, before)]
    assert alike[0] == alike[1]
    assert ("gzip_static", "on") in alike[0]
    assert ("add_header", "Cache-Control", "$prodready_cache_control") in alike[0]
    assert ("include", "prodready/headers.conf") in alike[0]


def test_of_the_release_before_there_are_only_files():
    found = locations(rendered())
    assert ("try_files", "$uri", "$uri/", "@prodready_previous_static") in found["^~ /static/"]
    assert ("try_files", "$uri", "=404") in found["@prodready_previous_static"]


@pytest.mark.parametrize(("url", "pattern"), [("/static/", r"^/static/(.*)\z"), ("/a.b/s/", r"^/a\.b/s/(.*)\z")])
def test_the_prefix_is_taken_off_whatever_it_is(url, pattern):
    assert ("rewrite", pattern, "/$1", "break") in locations(rendered(static_url=url))["@prodready_previous_static"]


@pytest.mark.parametrize("changes", [{"static_previous_root": ""}, {"static_root": ""}, {"static_url": "https://cdn.example.org/static/"}])
def test_where_there_is_no_release_before_nothing_is_looked_for(changes):
    text = rendered(**changes)
    assert "try_files" not in text
    assert "previous_static" not in text


def test_the_configuration_has_none_of_the_known_mistakes():
    assert findings(outline(parse("http {" + rendered() + "}"))) == []
