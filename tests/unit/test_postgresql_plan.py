# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is changed until a database is as declared, and what is left alone."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_plan as planning
from ansible_collections.prodready.django.plugins.module_utils._postgresql import scram_verifier

ROLE = Path(__file__).parents[2] / "roles" / "postgresql"
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
SETTINGS = {
    "shop_app": {"statement_timeout": "30s"},
    "shop_owner": {"lock_timeout": "5s"},
    "": {"default_text_search_config": "pg_catalog.english"},
}


def role(password: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(planning.ATTRIBUTES, False)
    found.update(rolcanlogin=True, rolconnlimit=40, member_of=[], rolpassword=scram_verifier(password, b"0123456789abcdef"), mark=planning.MARK)
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
        "functions": ["EXECUTE"],
        "functions_of_everybody": [],
        "others": {},
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
            rest.get("search", {"copied": {"word": ["english_stem"]}}),
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
        ({"mark": None}, "role shop_app: comment", 'COMMENT ON ROLE "shop_app"'),
    ],
)
def test_one_drift_of_a_role_is_exactly_one_change(changed, key, statement):
    (fact,) = changes_outside(roles(**changed))
    assert fact.key == key
    assert statement in fact.sql


def test_an_owner_that_was_closed_when_its_app_was_removed_may_log_in_again():
    closed = roles()
    closed["shop_owner"]["rolcanlogin"] = False
    (fact,) = changes_outside(closed)
    assert (fact.key, fact.sql.split(" NO")[0]) == ("role shop_owner: attributes", 'ALTER ROLE "shop_owner" LOGIN')


@pytest.mark.parametrize(
    ("arguments", "key", "statement"),
    [
        ({"access": {"public_may": ["CONNECT", "TEMPORARY"], "app_may": ["CONNECT"]}}, "database shop: everybody may", "FROM PUBLIC"),
        ({"access": {"public_may": [], "app_may": ["CONNECT", "CREATE"]}}, "database shop: shop_app may", "GRANT CONNECT"),
        ({"found": schema(public_may=["CREATE"])}, "database shop: everybody may in schema public", "REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        ({"found": schema(owner="postgres")}, "database shop: owner of schema public", 'OWNER TO "shop_owner"'),
        ({"found": schema(tables_lacking=["art"])}, "database shop: tables closed to shop_app", 'ON TABLE public."art" TO "shop_app"'),
        ({"found": schema(functions_of_everybody=["EXECUTE"])}, "database shop: everybody may with new functions", "FROM PUBLIC"),
        ({"found": schema(functions=[])}, "database shop: shop_app may with new functions", "GRANT EXECUTE ON FUNCTIONS"),
        ({"found": schema(sequences=[])}, "database shop: shop_app may in new sequences", "ON SEQUENCES TO"),
        ({"extensions": ["plpgsql"]}, "database shop: missing extensions", 'CREATE EXTENSION IF NOT EXISTS "pg_trgm"'),
        ({"settings": {**SETTINGS, "shop_app": {}}}, "role shop_app: statement_timeout", "SET \"statement_timeout\" = '30s'"),
        ({"settings": {**SETTINGS, "": {}}}, "database shop: default_text_search_config", "'pg_catalog.english'"),
        ({"settings": {**SETTINGS, "shop_owner": {}}}, "role shop_owner: lock_timeout", "SET \"lock_timeout\" = '5s'"),
    ],
)
def test_one_drift_inside_is_exactly_one_change(arguments, key, statement):
    (fact,) = changes_inside(**arguments)
    assert fact.key == key
    assert statement in fact.sql


@pytest.mark.parametrize(
    ("there", "changed"),
    [
        ({}, []),
        ({"lock_timeout": "10s"}, ['ALTER ROLE "shop_app" IN DATABASE "shop" RESET "lock_timeout"']),
        ({"lock_timeout": "10s", "statement_timeout": "5s"}, ['RESET "lock_timeout"', "SET \"statement_timeout\" = '30s'"]),
        ({"work_mem": "64MB"}, []),  # somebody else's
    ],
)
def test_a_setting_of_ours_that_is_no_longer_named_is_taken_back(there, changed):
    settings = {**SETTINGS, "shop_app": {**SETTINGS["shop_app"], **there}, "bob": {"lock_timeout": "1s"}}
    found = changes_inside(settings=settings)
    assert [statement in fact.sql for fact, statement in zip(found, changed)] == [True] * len(found)
    assert len(found) == len(changed)


def test_our_settings_are_those_of_the_roles_defaults():
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert sorted(defaults["postgresql_app_settings"]) == sorted(planning.OWN_SETTINGS)


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


@pytest.mark.parametrize(
    ("found", "database", "told"),
    [
        ({}, None, []),
        (roles(), MADE, []),
        (roles(mark=None), MADE, []),  # of before the comments: we know its password
        (roles(mark=planning.MARK, rolpassword=scram_verifier("another", b"salt")), MADE, []),  # ours with an older password
        (roles(mark=None, rolpassword=scram_verifier("another", b"salt")), MADE, ["role shop_app"]),
        (roles(mark=None, rolpassword=None), MADE, ["role shop_app"]),
        (roles(), {"owner": "bob", "encoding": "UTF8"}, ["database shop, which belongs to bob"]),
    ],
)
def test_what_somebody_else_made_under_our_name_is_told(found, database, told):
    assert planning.strangers(ENTRY, found, database) == told
    if told:
        with pytest.raises(planning.Refusal, match="postgresql_adopt_existing"):
            planning.refuse_strangers(ENTRY, found, database)


def test_tables_of_others_are_told_and_left_to_them():
    (note,) = planning.notes(ENTRY, schema(others={"bob": 3}))
    assert "3 tables" in note
    assert 'REASSIGN OWNED BY "bob" TO "shop_owner"' in note
    assert changes_inside(found=schema(others={"bob": 3})) == []


SEARCH = {**ENTRY, "text_search": {"config": "shop_words", "copy": "english", "unaccent": True}}
ENGLISH = {kind: ["english_stem"] for kind in planning.WORDS}
UNACCENTED = {kind: ["unaccent", "english_stem"] for kind in planning.WORDS}


def search_changes(found: Any, settings: Any = None) -> list[planning.Fact]:
    settings = settings or {**SETTINGS, "": {"default_text_search_config": "public.shop_words"}}
    access = {"public_may": [], "app_may": ["CONNECT"]}
    return planning.plan(planning.database_facts(SEARCH, access, schema(), settings, ["pg_trgm", "unaccent"], found))


def test_a_declared_search_is_made_once_and_becomes_the_default():
    assert search_changes({"copied": ENGLISH, "made": UNACCENTED}) == []
    (made,) = search_changes({"copied": ENGLISH, "made": {}})
    assert made.sql.startswith('CREATE TEXT SEARCH CONFIGURATION public."shop_words" (COPY = pg_catalog."english")')
    assert 'ALTER MAPPING FOR word WITH "unaccent", "english_stem"' in made.sql
    (mapped,) = search_changes({"copied": ENGLISH, "made": ENGLISH})
    assert "CREATE" not in mapped.sql
    (default,) = search_changes({"copied": ENGLISH, "made": UNACCENTED}, SETTINGS)
    assert "'public.shop_words'" in default.sql


def test_a_language_that_postgresql_does_not_have_is_refused():
    with pytest.raises(planning.Refusal, match="found no text search configuration english .*Change contract.text_search_config.copy of shop"):
        search_changes({"copied": {}, "made": {}})
    with pytest.raises(planning.Refusal, match="found no text search configuration english .*Change contract.text_search_config of shop"):
        changes_inside(search={"copied": {}})


@pytest.mark.parametrize(
    ("declared", "asked"),
    [
        ({"text_search_config": ""}, {}),
        ({"text_search_config": "german"}, {"copied": ("pg_catalog", "german")}),
        ({"text_search": {"config": "w", "copy": "german"}}, {"copied": ("pg_catalog", "german"), "made": ("public", "w")}),
    ],
)
def test_a_configuration_is_looked_for_where_it_has_to_be(declared, asked):
    assert planning.search_names({**ENTRY, **declared}) == asked


def test_a_search_without_accents_needs_its_extension():
    assert planning.wanted_extensions(SEARCH) == ["pg_trgm", "unaccent"]
    assert planning.wanted_extensions(ENTRY) == ["pg_trgm"]
