#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create databases, each with an owner and an application role, and keep their privileges as declared."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_databases
short_description: Create databases, each with an owner and an application role
version_added: 0.1.0
description:
  - Creates or corrects databases, their two login roles, the roles' passwords, and what each may do, in one look and one
    transaction per database.
  - The owner owns the database and its schema C(public). The application's role reads and writes rows, and nothing else.
    Everybody else is shut out.
  - Passwords reach the server only as SCRAM verifiers. A password is compared with the stored verifier, so an unchanged one
    changes nothing.
  - Drops nothing. A database that is no longer declared stays.
author: prodready maintainers (@prodready)
options:
  port:
    description: Port of the cluster.
    type: int
    default: 5432
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: Role that owns the database, used by migrations.
        type: str
        required: true
      app_role:
        description: Role of the running application.
        type: str
        required: true
      connection_limit:
        description: Connections that the application's role may hold at a time.
        type: int
        default: 40
      extensions:
        description: Extensions that are created in the database.
        type: list
        elements: str
        default: []
      text_search_config:
        description: Default text search configuration of the database, empty to leave the cluster's.
        type: str
        default: ""
      text_search:
        description:
          - A text search configuration that is made in schema C(public), belongs to the owner, and becomes the database's default instead
            of O(databases[].text_search_config).
        type: dict
        suboptions:
          config:
            description: Its name.
            type: str
            required: true
          copy:
            description: The configuration of PostgreSQL that it is a copy of.
            type: str
            required: true
          unaccent:
            description: Whether words lose their accents before they are compared. Creates the extension C(unaccent).
            type: bool
            default: false
  passwords:
    description:
      - The password of each role named in O(databases), in printable ASCII.
      - They stand apart because a module's invocation is logged as Python writes it, and there masking would miss a password with
        a quote or a backslash inside a list.
    type: dict
    required: true
  app_settings:
    description:
      - Settings of every session of the applications' roles.
      - C(statement_timeout), C(lock_timeout) and C(idle_in_transaction_session_timeout) are reset where they are not named; others that are
        there stay, as they may be somebody else's.
    type: dict
    default: {}
  monitoring_extensions:
    description: Extensions that are created in database C(postgres), for whoever watches the cluster.
    type: list
    elements: str
    default: []
  adopt_existing:
    description:
      - Whether a role or database of a declared name that somebody else made may be taken over. Without it nothing is changed and the
        module fails with a sentence. A role is ours when it carries our comment, or when its password is the declared one.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what it would change.
    support: full
  diff_mode:
    description: Shows both sides of every thing that differs; passwords are told as C(as declared) or C(another).
    support: full
"""

EXAMPLES = r"""
- name: Create the database of an application
  prodready.django.postgresql_databases:
    databases:
      - name: newsroom
        owner: newsroom_owner
        app_role: newsroom_app
    passwords:
      newsroom_owner: "{{ owner_password }}"
      newsroom_app: "{{ app_password }}"
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, or would be.
  returned: always
  type: list
  elements: str
  sample: ["role newsroom_app", "database newsroom"]
notes:
  description: What belongs to somebody else inside the databases and was left to them, in sentences.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _postgresql_plan as planning
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.module_utils._postgresql import rows, section
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import Psql

SEARCH_OPTIONS = {
    "config": {"type": "str", "required": True},
    "copy": {"type": "str", "required": True},
    "unaccent": {"type": "bool", "default": False},
}
DATABASE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "app_role": {"type": "str", "required": True},
    "connection_limit": {"type": "int", "default": 40},
    "extensions": {"type": "list", "elements": "str", "default": []},
    "text_search_config": {"type": "str", "default": ""},
    "text_search": {"type": "dict", "options": SEARCH_OPTIONS},
}


def refuse_odd_passwords(entry):
    """Other characters would have to be normalised as RFC 4013 says; both ends must agree on it."""
    for role, key in (("owner", "owner_password"), ("app_role", "app_password")):
        if not entry[key] or not entry[key].isascii() or not entry[key].isprintable():
            raise planning.Refusal(f"the password of role {entry[role]} must be printable ASCII; change {key} of {entry['name']}")


def apply(psql, facts, database="postgres"):
    """Carry out a plan: what can be undone in one transaction, creating the database after it."""
    alone = [fact.sql for fact in facts if fact.sql.startswith("CREATE DATABASE")]
    together = [fact.sql for fact in facts if fact.sql not in alone]
    if together:
        body = ";\n".join(together)
        psql.run(f"\\set VERBOSITY terse\nBEGIN;\n{body};\nCOMMIT;\n", database, ["-v", "ON_ERROR_STOP=1"])
    for statement in alone:
        psql.run(f"\\set VERBOSITY terse\n{statement};\n", database, ["-v", "ON_ERROR_STOP=1"])


def look(psql, entry):
    """The roles, the database and the encoding of new ones, as they are."""
    found = psql.sections(planning.cluster_questions(entry))
    roles = {row["rolname"]: row for row in rows(found, "roles")}
    described = rows(found, "database")
    database = next((row for row in described if "owner" in row), None)
    template = next((row["template"] for row in described if "template" in row), "UTF8")
    return roles, database, template


def ensure(psql, entry, check_mode):
    """Bring one database to what is declared; the facts that differed, and what was left to others."""
    roles, database, template = look(psql, entry)
    changes = planning.plan(planning.cluster_facts(entry, roles, database, template))
    if not check_mode:
        apply(psql, changes)
    elif database is None or len(roles) < len({entry["owner"], entry["app_role"]}):
        return changes, []
    inside = psql.sections(planning.database_questions(entry), entry["name"])
    schema = (rows(inside, "schema") or [None])[0]
    search = {which: planning.read_search(rows(inside, "search_" + which)) for which in planning.search_names(entry)}
    facts = planning.database_facts(
        entry,
        rows(inside, "access")[0],
        schema,
        planning.read_settings(rows(inside, "settings")),
        rows(inside, "extensions"),
        search,
    )
    more = planning.plan(facts)
    if not check_mode:
        apply(psql, more, entry["name"])
    return changes + more, planning.notes(entry, schema)


def watch(psql, wanted, check_mode):
    """Create the extensions of database postgres that are missing; the facts that differed."""
    found = rows(psql.sections(section("extensions", "SELECT to_json(extname)::text FROM pg_extension")), "extensions") if wanted else []
    changes = planning.plan(planning.monitoring_facts(wanted, found))
    if not check_mode:
        apply(psql, changes)
    return changes


def main():
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 5432},
            "databases": {"type": "list", "elements": "dict", "required": True, "options": DATABASE_OPTIONS},
            "passwords": {"type": "dict", "required": True, "no_log": True},
            "app_settings": {"type": "dict", "default": {}},
            "monitoring_extensions": {"type": "list", "elements": "str", "default": []},
            "adopt_existing": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    psql = Psql(module.run_command, module.params["port"], read_only=False)
    passwords = module.params["passwords"]
    entries, changes, notes = [], [], []  # type: list, list, list
    for asked in module.params["databases"]:
        entry = dict(asked, app_settings=module.params["app_settings"])
        entry.update(owner_password=passwords.get(asked["owner"]), app_password=passwords.get(asked["app_role"]))
        entries.append(entry)
    try:
        for entry in entries:  # all are judged before any is touched
            refuse_odd_passwords(entry)
            if not module.params["adopt_existing"]:
                planning.refuse_strangers(entry, *look(psql, entry)[:2])
        for entry in entries:
            changed, left = ensure(psql, entry, module.check_mode)
            changes, notes = changes + changed, notes + left
        changes += watch(psql, module.params["monitoring_extensions"], module.check_mode)
    except (ObservationError, planning.Refusal) as error:
        module.fail_json(msg=str(error).rstrip(".") + ".", changes=[fact.key for fact in changes])
    module.exit_json(changed=bool(changes), changes=[fact.key for fact in changes], notes=notes, diff=planning.difference(changes))


if __name__ == "__main__":
    main()
