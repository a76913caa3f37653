# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What PostgreSQL and the kernel answer, and how it is read."""

from __future__ import annotations

import json

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_handshake as wire
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_queries as queries
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import observe_clusters, observe_copies

PSQL = """@@server
{"version_num" : 150018}
@@end false 00000
@@division
@@end true 22012 division by zero
@@two
"a"
"b"
@@end false 00000 division by zero
"""

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 621 1 00000000a6d7e8b8 100 0 0 10 0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 61831 1 00000000a5cfeed0 100 0 0 10 0
   2: 0100007F:1538 0100007F:A2B4 01 00000000:00000000 00:00000000 00000000     0        0 61832 1 00000000a5cfeed0 100 0 0 10 0
   3: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 61833 1 00000000a5cfeed0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   104
"""


def test_a_section_that_worked_has_no_state_even_after_an_earlier_error():
    sections = pg.parse_sections(PSQL)
    assert pg.row(sections, "server") == {"version_num": 150018}
    assert pg.rows(sections, "two") == ["a", "b"]
    assert sections["division"]["sqlstate"] == "22012"


@pytest.mark.parametrize("name", ["division", "never asked"])
def test_a_section_without_an_answer_is_a_sentence(name):
    with pytest.raises(ObservationError, match="division by zero|gave no answer"):
        pg.rows(pg.parse_sections(PSQL), name)


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [(TCP, 5432, ["0.0.0.0", "127.0.0.1"]), (TCP, 8080, ["127.0.0.1"]), (TCP6, 5432, ["::1"]), (TCP, 22, [])],
)
def test_only_listening_sockets_of_the_port_count(text, port, expected):
    assert pg.parse_listeners(text, port) == expected


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18 (Debian 15.18-0+deb12u1)"),
        ("postgres (PostgreSQL) 17.6\n", "17.6"),
    ],
)
def test_a_programs_version_reads_like_the_servers(text, version):
    assert pg.parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory\n'
            "\tIs the server running locally and accepting connections on that socket?\n",
            'connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory',
        ),
        ('psql:<stdin>:3: ERROR:  role "x" already exists\n', 'ERROR:  role "x" already exists'),
        ("", ""),
    ],
)
def test_the_complaint_is_the_line_that_says_what_is_wrong(text, complaint):
    assert pg.first_complaint(text) == complaint


# --- passwords -------------------------------------------------------------------------------------------------------

#: RFC 7677, section 3: user "user", password "pencil"; StoredKey and ServerKey as they follow from its salt.
RFC_SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="


def test_a_verifier_fits_its_password_and_no_other():
    verifier = pg.scram_verifier("pencil", b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81")
    assert verifier.startswith("SCRAM-SHA-256$4096:" + RFC_SALT + "$")
    assert pg.password_fits(verifier, "user", "pencil")
    assert not pg.password_fits(verifier, "user", "pencils")


@pytest.mark.parametrize(
    ("verifier", "kind"),
    [
        (None, "none"),
        ("", "none"),
        ("md5" + "0" * 32, "md5"),
        ("plain", "unknown"),
        (pg.scram_verifier("x", b"salt"), "scram-sha-256"),
    ],
)
def test_verifiers_are_told_apart(verifier, kind):
    assert pg.verifier_kind(verifier) == kind


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("shop_app", "the role's own name"),
        ("SHOP_APP", "the role's own name"),
        ("shop", "a name in this cluster"),
        ("letmein", "a common password"),
        ("Correct-Horse-App-22", ""),
    ],
)
def test_names_and_common_words_are_guessed(password, found):
    assert pg.guess(pg.scram_verifier(password, b"0123456789abcdef"), "shop_app", {"shop", "shop_owner"}) == found


def test_a_described_role_does_not_tell_its_verifier():
    verifier = pg.scram_verifier("Correct-Horse-App-22", b"0123456789abcdef")
    role = {"rolname": "a", "rolcanlogin": True, "rolsuper": True, "rolconnlimit": -1, "rolpassword": verifier, "member_of": None}
    described = pg.describe_role(role, set())
    assert described["attributes"] == ["superuser"]
    assert verifier not in json.dumps(described)


# --- rules, plans, expressions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "mask", "expected"),
    [
        ("127.0.0.1", "255.255.255.255", "127.0.0.1/32"),
        ("10.1.0.0", "255.255.0.0", "10.1.0.0/16"),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1/128"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0/0"),
        ("all", None, "all"),
        (None, None, None),
    ],
)
def test_addresses_of_rules_become_networks(address, mask, expected):
    assert pg.describe_rule({"address": address, "netmask": mask})["address"] == expected


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("127.0.0.9", ["127.0.0.1/32", "::1/128"], False),
        ("127.0.0.9", ["127.0.0.0/8"], True),
        ("10.0.0.5", ["10.0.0.5"], True),
        ("::1", ["127.0.0.1/32"], False),
    ],
)
def test_a_stranger_is_outside_of_every_network(address, networks, expected):
    assert pg.is_within(address, networks) is expected


PLAN = (
    """[{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Index Name": "art_pkey", "Relation Name": "art", "Filter": "x"}]}}]"""
)


def test_a_plan_is_a_flat_list_that_remembers_limits():
    assert pg.parse_plan(PLAN)[1] == {
        "kind": "Index Scan",
        "table": "art",
        "index": "art_pkey",
        "condition": False,
        "filter": True,
        "limited": True,
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(setweight(to_tsvector('english'::regconfig, (title)::text), 'A') || to_tsvector('english'::regconfig, body))", ["english"]),
        ("to_tsvector('pg_catalog.german'::regconfig, body)", ["german"]),
        ("(to_tsvector('simple'::regconfig, a) || to_tsvector('french'::regconfig, b))", ["french", "simple"]),
        (None, []),
    ],
)
def test_an_expression_names_its_configurations(expression, expected):
    assert pg.configurations(expression) == expected


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("SELECT 1", True),
        ("  with a as (select 1) select * from a ;", True),
        ("delete from a", False),
        ("select 1; drop table a", False),
        ("select 1 \\! id", False),
        ("selection", False),
    ],
)
def test_only_one_select_is_explained(query, plain):
    assert pg.is_plain_query(query) is plain


def test_names_are_quoted_in_every_script():
    odd = "a\"b'c"
    script = queries.database_script(odd)
    assert 'SET LOCAL ROLE "a""b\'c";' in script
    assert "'a\"b''c'" in script


def test_what_is_tried_as_a_role_is_always_rolled_back():
    script = queries.database_script("shop_app")
    assert script.count("BEGIN READ WRITE;") == script.count("ROLLBACK;") == 4


# --- the wire ------------------------------------------------------------------------------------------------------------


def test_the_startup_message_says_its_own_length():
    message = wire.startup_message("shop_app", "shop")
    assert int.from_bytes(message[:4], "big") == len(message)
    assert b"user\0shop_app\0database\0shop\0" in message
    assert message.endswith(b"\0\0")


REFUSED = b'SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host "127.0.0.9"\0Fauth.c\0\0'


@pytest.mark.parametrize(
    ("kind", "body", "outcome"),
    [
        (b"R", (0).to_bytes(4, "big"), "trust"),
        (b"R", (3).to_bytes(4, "big"), "password"),
        (b"R", (5).to_bytes(4, "big") + b"salt", "md5"),
        (b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0", "scram-sha-256"),
        (b"E", REFUSED, "refused"),
        (b"E", b"SFATAL\0C53300\0Msorry, too many clients already\0\0", "error"),
        (b"H", b"", "error"),
    ],
)
def test_the_first_answer_tells_the_rule(kind, body, outcome):
    assert wire.read_answer(kind, body)["outcome"] == outcome


def test_a_copy_is_compared_by_content_and_neither_file_is_told(tmp_path):
    source, same, other = (tmp_path / name for name in ("source", "same", "other"))
    source.write_text("key")
    same.write_text("key")
    other.write_text("yek")
    found = observe_copies([(str(source), str(same)), (str(source), str(other)), (str(source), str(tmp_path / "absent"))])
    assert [entry["same"] for entry in found.values()] == [True, False, False]
    assert "key" not in str(found.values())


def test_the_last_port_that_a_clusters_files_name_is_its_port(tmp_path):
    cluster = tmp_path / "17" / "main"
    (cluster / "conf.d").mkdir(parents=True)
    (cluster / "postgresql.conf").write_text("#port = 1\nport = 5432\t# (change requires restart)\n")
    assert observe_clusters(str(tmp_path)) == [{"version": "17", "name": "main", "port": 5432}]
    (cluster / "conf.d" / "50-prodready.conf").write_text("port = '5440'\n")
    assert observe_clusters(str(tmp_path))[0]["port"] == 5440
