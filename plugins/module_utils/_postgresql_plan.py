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
#: A comment on what this role made, so that another's role of the same name is told from ours.
MARK = "managed by prodready"
#: A migration that waits for a lock holds up everybody behind it, who give up after 10 s: it gives up first, is rolled back, and is run again.
OWNER_LOCK_TIMEOUT = "5s"
#: The settings of sessions that are the role's own, and therefore taken back where they are no longer asked for (a test holds them and the
#: defaults of role postgresql equal). Others may be somebody else's.
OWN_SETTINGS = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
#: The kinds of words whose forms a text search configuration knows, and that may carry an accent.
WORDS = ("hword", "hword_part", "word")


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
        "'rolconnlimit', r.rolconnlimit, 'rolpassword', r.rolpassword, 'mark', shobj_description(r.oid, 'pg_authid'), "
        "'member_of', (SELECT coalesce(json_agg(o.rolname ORDER BY o.rolname), '[]') "
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
    everybody = "(SELECT CASE WHEN d.oid IS NULL THEN '[\"EXECUTE\"]' ELSE {0} END FROM (VALUES (1)) AS one LEFT JOIN pg_default_acl d ".format(
        _granted("d.defaclacl", "d.defaclacl", "0")
    )
    everybody += "ON d.defaclrole = {0}::regrole AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f')".format(_role(owner))
    others = "(SELECT coalesce(json_object_agg(o.name, o.many), '{{}}') FROM (SELECT pg_get_userbyid(c.relowner) AS name, count(*) AS many "
    others += "FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relowner <> {0}::regrole "
    others += "AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.objid = c.oid AND x.deptype = 'e') GROUP BY 1) o)"
    others = others.format(_role(owner))
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
            "'sequences', {3}, 'functions', {4}, 'functions_of_everybody', {5}, 'tables_lacking', {6}, 'sequences_lacking', {7}, "
            "'others', {8}) FROM pg_namespace n WHERE n.nspname = 'public'".format(
                _granted("n.nspacl", "acldefault('n', n.nspowner)", "0"),
                _granted("n.nspacl", "acldefault('n', n.nspowner)", _role(app) + "::regrole"),
                default_acl.format("r"),
                default_acl.format("S"),
                default_acl.format("f"),
                everybody,
                lacking.format("'r', 'p', 'v', 'm', 'f'", may),
                lacking.format("'S'", count),
                others,
            ),
        )
        + section(
            "settings",
            "SELECT json_build_object('role', CASE WHEN s.setrole = 0 THEN '' ELSE pg_get_userbyid(s.setrole)::text END, 'settings', s.setconfig) "
            "FROM pg_db_role_setting s WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        + section("extensions", "SELECT to_json(extname)::text FROM pg_extension")
        + search_questions(entry)
    )


def search_names(entry):
    """Schema and name of the declared text search configuration: PostgreSQL's own that is used or copied, and the one made from it."""
    search = entry.get("text_search") or {}
    shipped = search.get("copy") or entry["text_search_config"]
    names = {"copied": ("pg_catalog", shipped)} if shipped else {}
    return {**names, "made": ("public", search["config"])} if search else names


def search_questions(entry):
    """What is known of a declared text search configuration and of the one it is made from: the dictionaries of each kind of word."""
    return "".join(
        section(
            "search_" + which,
            "SELECT json_build_object('kind', t.alias, 'dictionaries', json_agg(d.dictname ORDER BY m.mapseqno)) FROM pg_ts_config c "
            "JOIN pg_namespace n ON n.oid = c.cfgnamespace JOIN pg_ts_config_map m ON m.mapcfg = c.oid JOIN pg_ts_dict d ON d.oid = m.mapdict "
            "JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype WHERE n.nspname = {0} AND c.cfgname = {1} "
            "AND t.alias IN ('hword', 'hword_part', 'word') GROUP BY t.alias".format(quote_literal(schema), quote_literal(name)),
        )
        for which, (schema, name) in search_names(entry).items()
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


def _mark(role):
    return "COMMENT ON ROLE {0} IS {1}".format(quote_identifier(role), quote_literal(MARK))


def strangers(entry, roles, database):
    """What bears a declared name and is somebody else's. A role is ours by its comment, or because we know its password."""
    found = []
    for role, password in ((entry["owner"], entry["owner_password"]), (entry["app_role"], entry["app_password"])):
        there = roles.get(role)
        if there and there.get("mark") != MARK and not password_fits(there["rolpassword"], role, password):
            found.append("role {0}".format(role))
    if database is not None and database["owner"] != entry["owner"]:
        found.append("database {0}, which belongs to {1}".format(entry["name"], database["owner"]))
    return found


def refuse_strangers(entry, roles, database):
    """A role or database of a declared name that somebody else made is left alone until it may be adopted."""
    found = strangers(entry, roles, database)
    if found:
        raise Refusal(
            "found {0}, made by somebody else; expected no such name, or one that this role made. Name the app otherwise in prodready_apps "
            "(other names in postgresql_databases), or set postgresql_adopt_existing: true, which gives the database and its schema public "
            "to {1}, sets the roles' passwords and leaves every table to whom it belongs".format(" and ".join(found), entry["owner"])
        )


def _role_facts(role, password, found, *, connection_limit=None, member_of_nothing=False):
    name = quote_identifier(role)
    without = " ".join("NO" + word for word in ATTRIBUTES.values())
    if found is None:
        sql = "CREATE ROLE {0} LOGIN {1} PASSWORD {2}".format(name, without, quote_literal(scram_verifier(password, os.urandom(16))))
        sql += "" if connection_limit is None else " CONNECTION LIMIT {0}".format(connection_limit)
        return [Fact("role {0}".format(role), "absent", "present", sql + "; " + _mark(role))]
    actual = (["LOGIN"] if found["rolcanlogin"] else []) + [word for key, word in ATTRIBUTES.items() if found[key]]
    facts = [
        Fact("role {0}: attributes".format(role), actual, ["LOGIN"], "ALTER ROLE {0} LOGIN {1}".format(name, without)),
        _password_fact(role, password, found["rolpassword"]),
        Fact("role {0}: comment".format(role), found.get("mark"), MARK, _mark(role)),
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
            "Dump it, drop it and run the role again, or name the app otherwise in prodready_apps (another name in postgresql_databases)".format(
                entry["name"], database["encoding"]
            )
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
    """Limits of the sessions and the default text search configuration, kept with the database."""
    database = quote_identifier(entry["name"])
    wanted = [(entry["app_role"], name, value) for name, value in sorted({**dict.fromkeys(OWN_SETTINGS), **entry["app_settings"]}.items())]
    wanted.append((entry["owner"], "lock_timeout", OWNER_LOCK_TIMEOUT))
    facts = []
    for role, name, value in wanted:
        change = "RESET {0}" if value is None else "SET {0} = {1}"
        sql = "ALTER ROLE {0} IN DATABASE {1} ".format(quote_identifier(role), database)
        sql += change.format(quote_identifier(name), quote_literal(value))
        facts.append(Fact("role {0}: {1}".format(role, name), found.get(role, {}).get(name), None if value is None else str(value), sql))
    made = (entry.get("text_search") or {}).get("config")
    if made or entry["text_search_config"]:
        value = "public.{0}".format(made) if made else "pg_catalog.{0}".format(entry["text_search_config"])
        sql = "ALTER DATABASE {0} SET default_text_search_config = {1}".format(database, quote_literal(value))
        actual = found.get("", {}).get("default_text_search_config")
        facts.append(Fact("database {0}: default_text_search_config".format(entry["name"]), actual, value, sql))
    return facts


def database_facts(entry, access, schema, settings, extensions, search=None):
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
        schema.update(functions=[], functions_of_everybody=["EXECUTE"])
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
    everywhere = "ALTER DEFAULT PRIVILEGES FOR ROLE {0} ".format(owner)
    facts += [
        Fact(
            at + "everybody may with new functions",
            schema["functions_of_everybody"],
            [],
            everywhere + "REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        ),
        Fact(
            at + "{0} may with new functions".format(entry["app_role"]),
            schema["functions"],
            ["EXECUTE"],
            default + "GRANT EXECUTE ON FUNCTIONS TO {0}".format(app),
        ),
    ]
    for kind, words in (("tables", DATA), ("sequences", COUNTERS)):
        lacking = schema.get(kind + "_lacking", [])
        sql = "; ".join(
            "GRANT {0} ON {1} public.{2} TO {3}".format(", ".join(words), kind[:-1].upper(), quote_identifier(one), app) for one in lacking
        )
        facts.append(Fact(at + "{0} closed to {1}".format(kind, entry["app_role"]), lacking, [], sql))
    facts.append(_extensions_fact(at, wanted_extensions(entry), extensions))
    return facts + _search_facts(entry, at, search or {}) + _settings_facts(entry, settings)


def wanted_extensions(entry):
    """The declared extensions, and the one that a declared text search needs."""
    needed = ["unaccent"] if (entry.get("text_search") or {}).get("unaccent") else []
    return list(entry["extensions"]) + [name for name in needed if name not in entry["extensions"]]


def _extensions_fact(at, wanted, found):
    missing = [name for name in wanted if name not in found]
    sql = "; ".join("CREATE EXTENSION IF NOT EXISTS {0}".format(quote_identifier(name)) for name in missing)
    return Fact(at + "missing extensions", missing, [], sql)


def monitoring_facts(wanted, found):
    """The extensions of database postgres, by which the cluster is watched."""
    return [_extensions_fact("database postgres: ", wanted, found)]


def _search_facts(entry, at, found):
    """The declared text search configuration: a copy of a language's, whose words lose their accents first where that is declared."""
    search = entry.get("text_search") or {}
    copied = found.get("copied") or {}
    if not copied and search_names(entry):
        raise Refusal(
            "found no text search configuration {0} in PostgreSQL; expected one of those that `\\dF` lists, such as english; one of your own is "
            "made from a mapping. Change contract.text_search_config{1} of {2} in prodready_apps ({3} in postgresql_databases)".format(
                search_names(entry)["copied"][1],
                ".copy" if search else "",
                entry["name"],
                "text_search.copy" if search else "text_search_config",
            )
        )
    if not search:
        return []
    before = ["unaccent"] if search.get("unaccent") else []
    desired = {kind: before + list(copied.get(kind, [])) for kind in WORDS}
    actual = {kind: list(found["made"].get(kind, [])) for kind in WORDS} if found.get("made") else "absent"
    name = "public.{0}".format(quote_identifier(search["config"]))
    sql = [] if found.get("made") else ["CREATE TEXT SEARCH CONFIGURATION {0} (COPY = pg_catalog.{1})".format(name, quote_identifier(search["copy"]))]
    sql += [] if found.get("made") else ["ALTER TEXT SEARCH CONFIGURATION {0} OWNER TO {1}".format(name, quote_identifier(entry["owner"]))]
    for kind in WORDS:
        dictionaries = ", ".join(quote_identifier(one) for one in desired[kind])
        sql.append("ALTER TEXT SEARCH CONFIGURATION {0} ALTER MAPPING FOR {1} WITH {2}".format(name, kind, dictionaries))
    return [Fact(at + "text search configuration {0}".format(search["config"]), actual, desired, "; ".join(sql))]


def read_search(rows):
    """Rows of a configuration's map as `{kind of word: [dictionaries]}`."""
    return {row["kind"]: row["dictionaries"] for row in rows}


def notes(entry, schema):
    """What adoption leaves as it is, and what to do about it, in sentences."""
    others = (schema or {}).get("others") or {}
    return [
        "{0} tables, views or sequences in schema public of {1} belong to {2}; {3} cannot use them and {4} cannot migrate them. "
        "REASSIGN OWNED BY {5} TO {6}, in that database, would hand over all that {2} owns there.".format(
            many, entry["name"], name, entry["app_role"], entry["owner"], quote_identifier(name), quote_identifier(entry["owner"])
        )
        for name, many in sorted(others.items())
    ]


def read_settings(rows):
    """Rows of pg_db_role_setting as `{role: {name: value}}`."""
    return {row["role"]: dict(pair.split("=", 1) for pair in row["settings"] or []) for row in rows}


def plan(facts):
    """The facts that differ."""
    return [fact for fact in facts if fact.differs]


def difference(facts):
    """Both sides of a plan, as Ansible prints them."""
    return {"before": {fact.key: fact.actual for fact in facts}, "after": {fact.key: fact.desired for fact in facts}}
