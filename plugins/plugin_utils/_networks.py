# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses and networks as people write them into an inventory. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

#: Words of systemd's IPAddressAllow= that stand for addresses (systemd.resource-control(5)).
SYSTEMD_WORDS = ("any", "localhost", "link-local", "multicast")


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """An address or a network; nothing where it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def no_networks(values: Iterable[Any], systemd: bool = False) -> list[str]:
    """Those that are neither address nor network, nor, with `systemd`, a word of systemd's for some."""
    return [str(value) for value in values if not network(str(value)) and not (systemd and str(value) in SYSTEMD_WORDS)]
