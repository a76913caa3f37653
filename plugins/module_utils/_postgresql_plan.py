# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be changed until databases and their two roles are as declared: facts in, statements out. PRIVATE to the collection.

Every thing that can differ is a `Fact`: what is, what should be, and the statement between them. The differing ones are the plan and the diff.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.prodready.django.plugins.module_utils._postgresql import (
    password_fits,
    quote_identifier,
    quote_literal,
    scram_verifier,
    section,
    verifier_kind,
)

ATTRIBUTES = {
    "rolsuper": "SUPERUSER",
    "rolcreatedb": "CREATEDB",
    "rolcreaterole": "CREATEROLE",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}
DATA = ("DELETE", "INSERT", "SELECT", "UPDATE")
COUNTERS = ("SELECT", "USAGE")
AS_DECLARED = "as declared"


class Refusal(Exception):
    """Something declared that cannot be made without harm, said in a sentence."""


@dataclass(frozen=True)
class Fact:
    """One thing that may differ, and the statement that makes it as it should be."""

    key: str
    actual: Any
    desired: Any
    sql: str

    @property
    def differs(self) -> bool:
        return bool(self.actual != self.desired)


# --- What is ---------------------------------------------------------------------------------------------------------------------------


def cluster_questions(entry):
    """What has to be known of roles and database before either may be there."""
    names = ", ".join(quote_literal(name) for name in (entry["owner"], entry["app_role"]))
    return section(
        "roles",
        "SELECT json_build_object('rolname', r.rolname, 'rolcanlogin', r.rolcanlogin, 'rolsuper', r.rolsuper, 'rolcreatedb', r.rolcreatedb, "
        "'rolcreaterole', r.rolcreaterole, 'rolreplication', r.rolreplication, 'rolbypassrls', r.rolbypassrls, "
        "'rolconnlimit', r.rolconnlimit, 'rolpassword', r.rolpassword, 'member_of', (SELECT coalesce(json_agg(o.rolname ORDER BY o.rolname), '[]') "
        "FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid WHERE m.member = r.oid)) FROM pg_authid r WHERE r.rolname IN (" + names + ")",
    ) + section(
        "database",
        "SELECT json_build_object('owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding)) "
        "FROM pg_database d WHERE d.datname = {0} UNION ALL SELECT json_build_object('template', pg_encoding_to_char(d.encoding)) "
        "FROM pg_database d WHERE d.datname = 'template0'".format(quote_literal(entry["name"])),
    )


def _granted(acl, default, grantee):
    return (
        "(SELECT coalesce(json_agg(a.privilege_type ORDER BY a.privilege_type), '[]') "
        "FROM aclexplode(coalesce({0}, {1})) a WHERE a.grantee = {2})".format(acl, default, grantee)
    )


def database_questions(entry):
    """What has to be known inside the database, once it and its roles are there."""
    owner, app = quote_literal(entry["owner"]), quote_literal(entry["app_role"])
    default_acl = "(SELECT coalesce(json_agg(a.privilege_type ORDER BY a.privilege_type), '[]') FROM pg_default_acl d, aclexplode(d.defaclacl) a "
    default_acl += (
        "WHERE d.defaclrole = {0}::regrole AND d.defaclnamespace = n.oid AND d.defaclobjtype = '{{0}}' AND a.grantee = {1}::regrole)".format(
            _role(owner), _role(app)
        )
    )
    lacking = "(SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]') FROM pg_class c WHERE c.relnamespace = n.oid "
    lacking += "AND c.relowner = {0}::regrole AND c.relkind IN ({{0}}) AND NOT ({{1}}))".format(_role(owner))
    may = " AND ".join("has_table_privilege({0}, c.oid, '{1}')".format(app, word) for word in DATA)
    count = " AND ".join("has_sequence_privilege({0}, c.oid, '{1}')".format(app, word) for word in COUNTERS)
    return (
        section(
            "access",
            "SELECT json_build_object('public_may', {0}, 'app_may', {1}) FROM pg_database d WHERE d.datname = current_database()".format(
                _granted("d.datacl", "acldefault('d', d.datdba)", "0"), _granted("d.datacl", "acldefault('d', d.datdba)", _role(app) + "::regrole")
            ),
        )
        + section(
            "schema",
            "SELECT json_build_object('owner', pg_get_userbyid(n.nspowner), 'public_may', {0}, 'app_may', {1}, 'tables', {2}, "
            "'sequences', {3}, 'tables_lacking', {4}, 'sequences_lacking', {5}) FROM pg_namespace n WHERE n.nspname = 'public'".format(
                _granted("n.nspacl", "acldefault('n', n.nspowner)", "0"),
                _granted("n.nspacl", "acldefault('n', n.nspowner)", _role(app) + "::regrole"),
                default_acl.format("r"),
                default_acl.format("S"),
                lacking.format("'r', 'p', 'v', 'm', 'f'", may),
                lacking.format("'S'", count),
            ),
        )
        + section(
            "settings",
            "SELECT json_build_object('role', CASE WHEN s.setrole = 0 THEN '' ELSE pg_get_userbyid(s.setrole)::text END, 'settings', s.setconfig) "
            "FROM pg_db_role_setting s WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        + section("extensions", "SELECT to_json(extname)::text FROM pg_extension")
    )


def _role(literal):
    """A role's name, given as literal, in the form the regrole type reads."""
    return "quote_ident({0})".format(literal)


# --- What should be ---------------------------------------------------------------------------------------------------------------------


def _password_fact(role, password, verifier):
    fits = password_fits(verifier, role, password) and verifier_kind(verifier) == "scram-sha-256"
    actual = AS_DECLARED if fits else {"none": "none", "md5": "an md5 verifier"}.get(verifier_kind(verifier), "another")
    new = "" if fits else scram_verifier(password, os.urandom(16))
    sql = "ALTER ROLE {0} PASSWORD {1}".format(quote_identifier(role), quote_literal(new))
    return Fact("role {0}: password".format(role), actual, AS_DECLARED, sql)


def _role_facts(role, password, found, *, connection_limit=None, member_of_nothing=False):
    name = quote_identifier(role)
    without = " ".join("NO" + word for word in ATTRIBUTES.values())
    if found is None:
        sql = "CREATE ROLE {0} LOGIN {1} PASSWORD {2}".format(name, without, quote_literal(scram_verifier(password, os.urandom(16))))
        sql += "" if connection_limit is None else " CONNECTION LIMIT {0}".format(connection_limit)
        return [Fact("role {0}".format(role), "absent", "present", sql)]
    actual = (["LOGIN"] if found["rolcanlogin"] else []) + [word for key, word in ATTRIBUTES.items() if found[key]]
    facts = [
        Fact("role {0}: attributes".format(role), actual, ["LOGIN"], "ALTER ROLE {0} LOGIN {1}".format(name, without)),
        _password_fact(role, password, found["rolpassword"]),
    ]
    if connection_limit is not None:
        sql = "ALTER ROLE {0} CONNECTION LIMIT {1}".format(name, connection_limit)
        facts.append(Fact("role {0}: connection limit".format(role), found["rolconnlimit"], connection_limit, sql))
    if member_of_nothing:
        groups = ", ".join(quote_identifier(group) for group in found["member_of"])
        facts.append(Fact("role {0}: member of".format(role), found["member_of"], [], "REVOKE {0} FROM {1}".format(groups, name)))
    return facts


def cluster_facts(entry, roles, database, template_encoding="UTF8"):
    """Roles and the database itself. `roles` maps names to rows of pg_authid; `database` is None while it is not there."""
    if database is not None and database["encoding"] != "UTF8":
        raise Refusal(
            "database {0} is encoded in {1}; UTF8 is expected, and an existing database cannot be converted in place. "
            "Dump it, drop it and run the role again, or name another one in postgresql_databases".format(entry["name"], database["encoding"])
        )
    owner, app = entry["owner"], entry["app_role"]
    facts = _role_facts(owner, entry["owner_password"], roles.get(owner))
    facts += _role_facts(app, entry["app_password"], roles.get(app), connection_limit=entry["connection_limit"], member_of_nothing=True)
    name = quote_identifier(entry["name"])
    if database is None:
        sql = "CREATE DATABASE {0} OWNER {1} TEMPLATE template0 ENCODING 'UTF8'".format(name, quote_identifier(owner))
        sql += "" if template_encoding == "UTF8" else " LOCALE 'C.UTF-8'"
        facts.append(Fact("database {0}".format(entry["name"]), "absent", "present", sql))
    else:
        sql = "ALTER DATABASE {0} OWNER TO {1}".format(name, quote_identifier(owner))
        facts.append(Fact("database {0}: owner".format(entry["name"]), database["owner"], owner, sql))
    return facts


def _settings_facts(entry, found):
    """Limits of the application's sessions and the default text search configuration, kept with the database."""
    database = quote_identifier(entry["name"])
    facts = []
    for name, value in sorted(entry["app_settings"].items()):
        role = entry["app_role"]
        sql = "ALTER ROLE {0} IN DATABASE {1} SET {2} = {3}".format(quote_identifier(role), database, quote_identifier(name), quote_literal(value))
        facts.append(Fact("role {0}: {1}".format(role, name), found.get(role, {}).get(name), str(value), sql))
    if entry["text_search_config"]:
        value = "pg_catalog.{0}".format(entry["text_search_config"])
        sql = "ALTER DATABASE {0} SET default_text_search_config = {1}".format(database, quote_literal(value))
        actual = found.get("", {}).get("default_text_search_config")
        facts.append(Fact("database {0}: default_text_search_config".format(entry["name"]), actual, value, sql))
    return facts


def database_facts(entry, access, schema, settings, extensions):
    """What stands inside a database: who may do what, limits of sessions, extensions."""
    database, owner, app = (quote_identifier(entry[key]) for key in ("name", "owner", "app_role"))
    at = "database {0}: ".format(entry["name"])
    facts = [
        Fact(at + "everybody may", access["public_may"], [], "REVOKE ALL ON DATABASE {0} FROM PUBLIC".format(database)),
        Fact(
            at + "{0} may".format(entry["app_role"]),
            access["app_may"],
            ["CONNECT"],
            "REVOKE ALL ON DATABASE {0} FROM {1}; GRANT CONNECT ON DATABASE {0} TO {1}".format(database, app),
        ),
    ]
    if schema is None:
        facts.append(Fact(at + "schema public", "absent", "present", "CREATE SCHEMA public AUTHORIZATION {0}".format(owner)))
        schema = {"owner": entry["owner"], "public_may": [], "app_may": [], "tables": [], "sequences": []}
    default = "ALTER DEFAULT PRIVILEGES FOR ROLE {0} IN SCHEMA public ".format(owner)
    facts += [
        Fact(at + "owner of schema public", schema["owner"], entry["owner"], "ALTER SCHEMA public OWNER TO {0}".format(owner)),
        Fact(at + "everybody may in schema public", schema["public_may"], [], "REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        Fact(
            at + "{0} may in schema public".format(entry["app_role"]),
            schema["app_may"],
            ["USAGE"],
            "REVOKE ALL ON SCHEMA public FROM {0}; GRANT USAGE ON SCHEMA public TO {0}".format(app),
        ),
        Fact(
            at + "{0} may in new tables".format(entry["app_role"]),
            schema["tables"],
            sorted(DATA),
            default + "REVOKE ALL ON TABLES FROM {0}; ".format(app) + default + "GRANT {0} ON TABLES TO {1}".format(", ".join(DATA), app),
        ),
        Fact(
            at + "{0} may in new sequences".format(entry["app_role"]),
            schema["sequences"],
            sorted(COUNTERS),
            default + "REVOKE ALL ON SEQUENCES FROM {0}; ".format(app) + default + "GRANT {0} ON SEQUENCES TO {1}".format(", ".join(COUNTERS), app),
        ),
    ]
    for kind, words in (("tables", DATA), ("sequences", COUNTERS)):
        lacking = schema.get(kind + "_lacking", [])
        sql = "; ".join(
            "GRANT {0} ON {1} public.{2} TO {3}".format(", ".join(words), kind[:-1].upper(), quote_identifier(one), app) for one in lacking
        )
        facts.append(Fact(at + "{0} closed to {1}".format(kind, entry["app_role"]), lacking, [], sql))
    missing = [name for name in entry["extensions"] if name not in extensions]
    sql = "; ".join("CREATE EXTENSION IF NOT EXISTS {0}".format(quote_identifier(name)) for name in missing)
    facts.append(Fact(at + "missing extensions", missing, [], sql))
    return facts + _settings_facts(entry, settings)


def read_settings(rows):
    """Rows of pg_db_role_setting as `{role: {name: value}}`."""
    return {row["role"]: dict(pair.split("=", 1) for pair in row["settings"] or []) for row in rows}


def plan(facts):
    """The facts that differ."""
    return [fact for fact in facts if fact.differs]


def difference(facts):
    """Both sides of a plan, as Ansible prints them."""
    return {"before": {fact.key: fact.actual for fact in facts}, "after": {fact.key: fact.desired for fact in facts}}
