# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be taken away from a host, and what a shared file is without an app."""

from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _app_removal as removal

PLACES_OF_OURS = [
    "/etc/prodready/newsroom",
    "/etc/prodready/tls/newsroom",
    "/srv/newsroom/releases",
    "/srv/newsroom/current",
    "/srv/newsroom/previous",
    "/etc/nginx/prodready/sites/newsroom.conf",
    "/etc/postgresql/15/main/conf.d/50-prodready.conf",
    "/etc/systemd/system/redis-server.service.d/prodready.conf",
    "/etc/systemd/system/pgbouncer.service.d/50-prodready.conf",
    "/usr/local/share/ca-certificates/prodready-ca.crt",
]
PLACES_OF_OTHERS = [
    "/",
    "/etc/prodready",
    "/etc/prodready/../passwd",
    "/srv/newsroom",
    "/srv/newsroom/media",
    "/var/lib/newsroom",
    "/var/lib/prodready/newsroom",
    "/var/lib/postgresql",
    "/etc/nginx/nginx.conf",
    "/etc/nginx/sites-enabled/legacy",
    "/etc/postgresql/15/main/postgresql.conf",
    "/etc/systemd/system/legacy-app.service",
    "/usr/local/share/ca-certificates/company.crt",
]


@pytest.mark.parametrize("path", PLACES_OF_OURS)
def test_a_place_of_ours_may_go(path):
    assert removal.refused([path]) == []


@pytest.mark.parametrize("path", PLACES_OF_OTHERS)
def test_data_and_places_of_others_never_go(path):
    assert removal.refused([path]) == [path]


def test_a_unit_without_a_mark_is_not_ours():
    unit = "[Service]\nExecStart=/srv/old/run\n"
    assert not removal.is_marked(unit, ["/etc/prodready/newsroom/"])
    assert not removal.is_marked(unit, [])
    assert removal.is_marked(unit + "EnvironmentFile=/etc/prodready/newsroom/env\n", ["/etc/prodready/newsroom/"])


def test_only_the_lines_of_the_app_go():
    text = "news = host=x dbname=news pool_size=1\nnewsroom = host=x dbname=newsroom pool_size=2\nold = host=y\n"
    assert removal.without_lines(text, ["news = host=.* dbname=news pool_size="]) == text.split("\n", 1)[1]
    assert removal.without_lines(text, []) == text


def test_what_was_kept_comes_back():
    assert removal.restored("# ours\n", "# ours", "old\n", "plain\n") == "old\n"


def test_a_plain_file_comes_where_nothing_was_kept_and_only_once():
    assert removal.restored("# ours\nmuch\n", "# ours", None, "# ours, plain\n") == "# ours, plain\n"
    assert removal.restored("# ours, plain\n", "# ours", None, "# ours, plain\n") is None


def test_a_file_of_somebody_else_stays():
    assert removal.restored("theirs\n", "# ours", "old\n", "plain\n") is None


def test_what_would_start_a_service_again_is_stopped_first():
    assert removal.stop_order(["app-mail@.service", "app.service", "app.socket"]) == ["app.socket", "app-mail@*.service", "app.service"]
