#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: app_secrets
short_description: Put new secrets of an app in force without a failed request
version_added: 0.2.0
description:
  - Replaces the secret key, its fallbacks, and the passwords in the addresses of database and cache, in the two environment files that role
    django_app wrote, and restarts the app's services. Everything else in the files stays, and they end up as that role would render them.
  - Where a password of the database changed, the app's processes are ended first and their successors wait, so that nobody opens a
    connection with the old password; requests wait in the socket. Meanwhile the roles and the pooler get the new verifier.
  - What is in force already is left alone, so that a run that was interrupted is simply run again. An app that is not deployed yet has
    nothing to put in force.
options:
  name:
    description: Name of the app.
    type: str
    required: true
  secrets:
    description: The secrets of the app, as they stand under its name in C(prodready_secrets).
    type: dict
    required: true
  owner_role:
    description: Role of the database's owner.
    type: str
    required: true
  app_role:
    description: Role of the running application.
    type: str
    required: true
  server_port:
    description: Port of the PostgreSQL server on this host.
    type: int
    default: 5432
  pooler_users:
    description: The file with pgbouncer's users; a role that does not stand in it is not pooled.
    type: path
    default: /etc/pgbouncer/prodready-users.txt
  directory:
    description: Where the environment files are; C(/etc/prodready/NAME) when it is not given.
    type: path
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Put the newsroom's new secrets in force
  prodready.django.app_secrets:
    name: newsroom
    secrets: "{{ prodready_secrets.newsroom }}"
    owner_role: newsroom_owner
    app_role: newsroom_app
"""

RETURN = r"""
renewed:
  description: The names of the variables with a new value, by file.
  type: dict
  returned: success
  sample: {env: [SECRET_KEY]}
roles:
  description: The roles of the database with a new password.
  type: list
  elements: str
  returned: success
restarted:
  description: The services that were restarted.
  type: list
  elements: str
  returned: success
held_seconds:
  description: For how long requests had to wait in the socket.
  type: float
  returned: success
"""

import os
import secrets
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer, _proc
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._environment_file import parse, render
from ansible_collections.prodready.django.plugins.module_utils._environment_secrets import renewed
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import Psql
from ansible_collections.prodready.django.plugins.module_utils._service_hold import Services


def write(path, text):
    """The whole file in one step, with the owner and the mode it had."""
    stood = os.stat(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as target:
        os.fchown(target.fileno(), stood.st_uid, stood.st_gid)
        os.fchmod(target.fileno(), stood.st_mode & 0o7777)
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, path)


def environment(directory, new_secrets):
    """What of the two files changes: {path: (text, names)}."""
    found = {}
    for file in ("env", "owner.env"):
        path = os.path.join(directory, file)
        before = parse(_proc.read_text(path))
        after = renewed(before, new_secrets, owner=file == "owner.env")
        names = sorted(name for name in after if after[name] != before[name])
        if names:
            found[path] = (render(after), names)
    return found


def verifiers(run_command, port, passwords):
    """The new verifier of each role whose password is not the one the server knows."""
    listed = ", ".join(pg.quote_literal(role) for role in passwords)
    question = "SELECT json_build_object('name', rolname, 'verifier', rolpassword)::text FROM pg_authid WHERE rolname IN ({0})".format(listed)
    stored = {row["name"]: row["verifier"] for row in pg.rows(Psql(run_command, port).sections(pg.section("roles", question)), "roles")}
    missing = sorted(set(passwords) - set(stored))
    if missing:
        raise ObservationError("found no role {0} in PostgreSQL, expected the app's. Run role postgresql first".format(", ".join(missing)))
    return {
        role: pg.scram_verifier(password, secrets.token_bytes(16))
        for role, password in passwords.items()
        if not pg.password_fits(stored[role], role, password)
    }


def change_roles(module, new):
    statements = ["ALTER ROLE {0} PASSWORD {1};".format(pg.quote_identifier(role), pg.quote_literal(verifier)) for role, verifier in new.items()]
    psql = Psql(module.run_command, module.params["server_port"], read_only=False)
    psql.run("\\set VERBOSITY terse\nBEGIN;\n{0}\nCOMMIT;\n".format("\n".join(statements)), "postgres", ["-v", "ON_ERROR_STOP=1"])


def tell_pooler(module, new):
    """The new verifiers in the pooler's file, and the pooler told to read it."""
    path = module.params["pooler_users"]
    if not os.path.exists(path):
        return
    text = _proc.read_text(path)
    after = text
    for name, verifier, _rest in _pgbouncer.parse_users(text):
        if name in new:
            after = after.replace(verifier, new[name])
    if after != text:
        write(path, after)
        command_output(module.run_command, ["systemctl", "reload", "pgbouncer.service"])


def put_in_force(module, files, new, services):
    """Before the roles have changed the app keeps what it had; after that the rest follows."""
    started = time.monotonic()
    if not new:
        write_all(files)
        services.restart()
        return round(time.monotonic() - started, 2)
    try:
        services.hold()
        change_roles(module, new)
        write_all(files)
        tell_pooler(module, new)
    finally:
        services.release()
        services.settle()
    return round(time.monotonic() - started, 2)


def write_all(files):
    for path, (text, _names) in files.items():
        write(path, text)


def outdated(services, directory):
    """Whether a running process is older than the environment it should have."""
    path = os.path.join(directory, "env")
    return any(pid and _proc.started_at(pid) < os.stat(path).st_mtime for pid in services.units.values())


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "secrets": {"type": "dict", "required": True, "no_log": True},
            "owner_role": {"type": "str", "required": True},
            "app_role": {"type": "str", "required": True},
            "server_port": {"type": "int", "default": 5432},
            "pooler_users": {"type": "path", "default": "/etc/pgbouncer/prodready-users.txt"},
            "directory": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params, given = module.params, module.params["secrets"]
    directory = params["directory"] or "/etc/prodready/" + params["name"]
    held = 0.0
    if not os.path.exists(os.path.join(directory, "env")):
        module.exit_json(changed=False, renewed={}, roles=[], restarted=[], held_seconds=held)
    try:
        files = environment(directory, given)
        passwords = {params["owner_role"]: given.get("database_owner_password"), params["app_role"]: given.get("database_app_password")}
        new = verifiers(module.run_command, params["server_port"], {role: password for role, password in passwords.items() if password})
        services = Services(module.run_command, params["name"])
        changed = bool(files or new or outdated(services, directory))
        if changed and not module.check_mode:
            held = put_in_force(module, files, new, services)
    except (OSError, ObservationError) as error:
        module.fail_json(msg="{0}: {1}. Repair that, and run the same again.".format(params["name"], error))
    names = {os.path.basename(path): changes for path, (_text, changes) in files.items()}
    module.exit_json(changed=changed, renewed=names, roles=sorted(new), restarted=sorted(services.units) if changed else [], held_seconds=held)


if __name__ == "__main__":
    main()
