# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is changed until a database is as declared, and what is left alone."""

from __future__ import annotations

import types
from typing import Any

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_plan as planning
from ansible_collections.prodready.django.plugins.module_utils._postgresql import scram_verifier

ENTRY: dict[str, Any] = {
    "name": "shop",
    "owner": "shop_owner",
    "owner_password": "Correct-Horse-Owner-1",
    "app_role": "shop_app",
    "app_password": "Correct-Horse-App-22",
    "connection_limit": 40,
    "extensions": ["pg_trgm"],
    "text_search_config": "english",
    "app_settings": {"statement_timeout": "30s"},
}
SETTINGS = {"shop_app": {"statement_timeout": "30s"}, "": {"default_text_search_config": "pg_catalog.english"}}


def role(password: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(planning.ATTRIBUTES, False)
    found.update(rolcanlogin=True, rolconnlimit=40, member_of=[], rolpassword=scram_verifier(password, b"0123456789abcdef"))
    return {**found, **changes}


def roles(**changes: Any) -> dict[str, Any]:
    return {"shop_owner": role(ENTRY["owner_password"]), "shop_app": role(ENTRY["app_password"], **changes)}


def schema(**changes: Any) -> dict[str, Any]:
    found = {
        "owner": "shop_owner",
        "public_may": [],
        "app_may": ["USAGE"],
        "tables": ["DELETE", "INSERT", "SELECT", "UPDATE"],
        "sequences": ["SELECT", "USAGE"],
        "tables_lacking": [],
        "sequences_lacking": [],
    }
    return {**found, **changes}


MADE = types.MappingProxyType({"owner": "shop_owner", "encoding": "UTF8"})


def changes_outside(found: dict[str, Any], database: Any = MADE) -> list[planning.Fact]:
    return planning.plan(planning.cluster_facts(ENTRY, found, database))


def changes_inside(access: dict[str, Any] | None = None, found: dict[str, Any] | None = None, **rest: Any) -> list[planning.Fact]:
    return planning.plan(
        planning.database_facts(
            ENTRY,
            access or {"public_may": [], "app_may": ["CONNECT"]},
            schema() if found is None else found,
            rest.get("settings", SETTINGS),
            rest.get("extensions", ["plpgsql", "pg_trgm"]),
        )
    )


def test_what_is_as_declared_is_left_alone():
    assert changes_outside(roles()) == []
    assert changes_inside() == []


@pytest.mark.parametrize(
    ("changed", "key", "statement"),
    [
        ({"rolcreatedb": True}, "role shop_app: attributes", "NOCREATEDB"),
        ({"rolcanlogin": False}, "role shop_app: attributes", " LOGIN "),
        ({"rolconnlimit": -1}, "role shop_app: connection limit", "CONNECTION LIMIT 40"),
        ({"member_of": ["pg_monitor"]}, "role shop_app: member of", 'REVOKE "pg_monitor" FROM "shop_app"'),
        ({"rolpassword": scram_verifier("another", b"salt")}, "role shop_app: password", "PASSWORD 'SCRAM-SHA-256$"),
        ({"rolpassword": "md5" + "0" * 32}, "role shop_app: password", "PASSWORD 'SCRAM-SHA-256$"),
        ({"rolpassword": None}, "role shop_app: password", "PASSWORD 'SCRAM-SHA-256$"),
    ],
)
def test_one_drift_of_a_role_is_exactly_one_change(changed, key, statement):
    (fact,) = changes_outside(roles(**changed))
    assert fact.key == key
    assert statement in fact.sql


@pytest.mark.parametrize(
    ("arguments", "key", "statement"),
    [
        ({"access": {"public_may": ["CONNECT", "TEMPORARY"], "app_may": ["CONNECT"]}}, "database shop: everybody may", "FROM PUBLIC"),
        ({"access": {"public_may": [], "app_may": ["CONNECT", "CREATE"]}}, "database shop: shop_app may", "GRANT CONNECT"),
        ({"found": schema(public_may=["CREATE"])}, "database shop: everybody may in schema public", "REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        ({"found": schema(owner="postgres")}, "database shop: owner of schema public", 'OWNER TO "shop_owner"'),
        ({"found": schema(tables_lacking=["art"])}, "database shop: tables closed to shop_app", 'ON TABLE public."art" TO "shop_app"'),
        ({"found": schema(sequences=[])}, "database shop: shop_app may in new sequences", "ON SEQUENCES TO"),
        ({"extensions": ["plpgsql"]}, "database shop: missing extensions", 'CREATE EXTENSION IF NOT EXISTS "pg_trgm"'),
        ({"settings": {"": SETTINGS[""]}}, "role shop_app: statement_timeout", "SET \"statement_timeout\" = '30s'"),
        ({"settings": {"shop_app": SETTINGS["shop_app"]}}, "database shop: default_text_search_config", "'pg_catalog.english'"),
    ],
)
def test_one_drift_inside_is_exactly_one_change(arguments, key, statement):
    (fact,) = changes_inside(**arguments)
    assert fact.key == key
    assert statement in fact.sql


def test_what_is_absent_is_created_once():
    facts = changes_outside({}, None)
    assert [fact.key for fact in facts] == ["role shop_owner", "role shop_app", "database shop"]
    assert facts[2].sql == 'CREATE DATABASE "shop" OWNER "shop_owner" TEMPLATE template0 ENCODING \'UTF8\''


def test_a_database_in_another_encoding_is_refused():
    with pytest.raises(planning.Refusal, match="LATIN1"):
        changes_outside(roles(), {"owner": "shop_owner", "encoding": "LATIN1"})


def test_neither_statements_nor_the_difference_tell_a_password():
    facts = planning.cluster_facts(ENTRY, {}, None) + planning.cluster_facts(ENTRY, roles(rolpassword=None), MADE)
    told = str(planning.difference(facts)) + "".join(fact.sql for fact in facts)
    assert ENTRY["owner_password"] not in told
    assert ENTRY["app_password"] not in told
    assert "SCRAM" not in str(planning.difference(facts))
