#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give pgbouncer the SCRAM verifiers of some roles, as PostgreSQL stores them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_users
short_description: Give pgbouncer the SCRAM verifiers of some roles
version_added: 0.2.0
description:
  - Writes pgbouncer's authentication file with the verifiers that PostgreSQL stores for some roles, read over the local socket as
    C(postgres). With the same verifier on both sides pgbouncer logs in to the server with the keys of the client that just proved itself,
    so no password lies in any file and no role is needed that can read them.
  - A verifier is nobody's password, and cannot be used to log in. Still it is never returned, shown or logged.
  - pgbouncer notices a changed file by itself and on a reload. Sessions that are open go on.
author: prodready maintainers (@prodready)
options:
  users:
    description: Names of the roles.
    type: list
    elements: str
    required: true
  path:
    description: The authentication file.
    type: path
    default: /etc/pgbouncer/prodready-users.txt
  server_port:
    description: Port of the PostgreSQL server on this host.
    type: int
    default: 5432
  keep_from:
    description: Somebody else's authentication file, whose entries are kept beside those of O(users). Empty where there is none.
    type: path
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed, or would change, when in diff mode.
    support: full
    details:
      - Names only.
"""

EXAMPLES = r"""
- name: Let the application's role in
  prodready.django.pgbouncer_users:
    users: [newsroom_app]
  become: true
"""

RETURN = r"""
renewed:
  description: Names whose entry was, or would be, written anew.
  returned: success
  type: list
  elements: str
  sample: [newsroom_app]
"""

import contextlib
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _lock
from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer as bouncer
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.module_utils._pgbouncer_probe import foreign_users, write
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import Psql

QUESTION = "SELECT json_build_object('name', rolname, 'verifier', rolpassword) FROM pg_authid WHERE rolcanlogin AND NOT rolsuper AND rolname IN ({0})"


def verifiers(run_command, port, names, foreseen=()):
    """The verifiers of the roles as {name: verifier}; a role without one is a sentence. `foreseen` need not be there yet."""
    if not names:
        return {}
    found = Psql(run_command, port).sections(pg.section("verifiers", QUESTION.format(", ".join(map(pg.quote_literal, names)))))
    stored = {row["name"]: row["verifier"] or "" for row in pg.rows(found, "verifiers")}
    for name in names:
        if name not in stored and name in foreseen:
            continue
        if name not in stored:
            raise ObservationError(
                "found no login role {0} in PostgreSQL on port {1}, expected it. Run role postgresql first, or change user".format(name, port)
            )
        if pg.verifier_kind(stored[name]) != "scram-sha-256":
            raise ObservationError(
                "found no SCRAM verifier of role {0}, expected one. Set its password anew, with password_encryption scram-sha-256".format(name)
            )
    return stored


def bring_up_to_date(module, path):
    """Write what differs: whether anything did, and the users before and after, each with what it is known by."""
    before = Path(path).read_text(encoding="utf-8", errors="replace") if os.path.isfile(path) else ""
    # Check mode makes no roles.
    foreseen = module.params["users"] if module.check_mode else ()
    ours = verifiers(module.run_command, module.params["server_port"], module.params["users"], foreseen)
    kept = dict(bouncer.kept_users(before), **{name: secret for name, secret, _rest in foreign_users(module.params["keep_from"])})
    after = bouncer.render_users(ours, kept)
    changed = before != after or not os.path.isfile(path) or len(ours) < len(module.params["users"])
    old, new = ({name: secret for name, secret, _rest in bouncer.parse_users(text)} for text in (before, after))
    return write(module, path, after, changed), old, new


def main():
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "str", "required": True},
            "path": {"type": "path", "default": "/etc/pgbouncer/prodready-users.txt"},
            "server_port": {"type": "int", "default": 5432},
            "keep_from": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    alone = contextlib.nullcontext() if module.check_mode else _lock.held(_lock.SECRETS, "a change of passwords on this host")
    try:
        with alone:
            changed, old, new = bring_up_to_date(module, path)
    except (ObservationError, _lock.Busy) as error:
        module.fail_json(msg=str(error).rstrip(".") + ".")
    renewed = sorted(name for name in new if old.get(name) != new[name])
    shown = [
        "".join("{0} {1}\n".format(name, note) for name, note in sorted(users))
        for users in (
            [(name, "(verifier not shown)") for name in old],
            [(name, "(new verifier)" if name in renewed and name in old else "(verifier not shown)") for name in new],
        )
    ]
    module.exit_json(changed=changed, renewed=renewed, diff={"before_header": path, "after_header": path, "before": shown[0], "after": shown[1]})


if __name__ == "__main__":
    main()
