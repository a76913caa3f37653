# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom an application may exchange data with: the addresses it was given, and nameservers where one of them is not this host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "gunicorn"
NAMESERVERS = ["198.51.100.1", "2001:db8::53"]


def unit_lines(addresses, nameservers):
    loader = DataLoader()
    values = loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True)
    facts = {"dns": {} if nameservers is None else {"nameservers": nameservers}}
    engine = Templar(loader=loader, variables={**values, "gunicorn_allowed_addresses": addresses, "ansible_facts": facts})
    text = (ROLE / "templates/confinement.j2").read_text()
    told = engine.template(trust_as_template(text[text.index("{% if 'any' not in gunicorn_allowed_addresses") :]))
    return [line for line in (told or "").splitlines() if line]


@pytest.mark.parametrize(
    ("addresses", "nameservers", "allowed"),
    [
        (["localhost"], NAMESERVERS, "localhost"),
        (["127.0.0.0/8", "::1"], NAMESERVERS, "127.0.0.0/8 ::1"),
        (["localhost", "192.0.2.25/32"], NAMESERVERS, "localhost 192.0.2.25/32 198.51.100.1 2001:db8::53"),
        (["localhost", "192.0.2.25/32"], ["127.0.0.53"], "localhost 192.0.2.25/32"),
        (["localhost", "192.0.2.25/32"], ["fe80::1%eth0", "no.address"], "localhost 192.0.2.25/32 fe80::1"),
        (["localhost", "198.51.100.1"], NAMESERVERS, "localhost 198.51.100.1 2001:db8::53"),
        (["localhost", "192.0.2.25/32"], None, "localhost 192.0.2.25/32"),
    ],
    ids=["nobody else", "this host in numbers", "a mail server", "systemd-resolved", "an interface, and a mistake", "said already", "no resolver"],
)
def test_who_may_talk_to_others_may_resolve_their_names(addresses, nameservers, allowed):
    assert unit_lines(addresses, nameservers) == ["IPAddressDeny=any", f"IPAddressAllow={allowed}"]


def test_who_may_talk_to_anybody_is_not_restricted():
    assert unit_lines(["localhost", "any"], NAMESERVERS) == []
