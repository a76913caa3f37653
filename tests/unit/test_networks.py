# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._networks import no_networks

RIGHT = ["10.0.0.5", "10.0.0.5/24", "2001:db8::/32", "::1"]


@pytest.mark.parametrize("wrong", ["10.0.0.300/32", "10.0.0.5/33", "1/1", "smtp.example.org", "2001:db8::/129", "", "localhost"])
def test_what_is_no_address_is_told_and_nothing_else(wrong):
    assert no_networks([*RIGHT, wrong]) == [wrong]


def test_words_of_systemd_pass_where_systemd_reads_them():
    assert no_networks(["any", "localhost", "link-local", "multicast", "all"], systemd=True) == ["all"]
