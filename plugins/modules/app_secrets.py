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
    connection with the old password. Extra processes end before the server does, so that requests wait in the socket for the change alone.
    Meanwhile the roles and the pooler get the new verifier.
  - It succeeds only where both roles can log in with the passwords in the two files, the app's through the pooler if it has one.
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
deployed:
  description: Whether the app has environment files on this host.
  type: bool
  returned: success
served:
  description: Whether the app's server is meant to run, so that it can be waited for. One that somebody stopped is not.
  type: bool
  returned: success
passwords:
  description: Whose passwords are not those in force, of V(database) and V(redis).
  type: list
  elements: str
  returned: success
  sample: [database]
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
  description: For how long requests had to wait in the socket while passwords changed.
  type: float
  returned: success
"""

import contextlib
import os
import secrets
import time
from urllib.parse import unquote, urlsplit

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _files, _lock, _pgbouncer, _proc
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._environment_file import parse, render
from ansible_collections.prodready.django.plugins.module_utils._environment_secrets import renewed
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError, command_output
from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import Psql
from ansible_collections.prodready.django.plugins.module_utils._service_hold import Services

#: For how long a log-in is tried: a pooler reads its file a moment after it is told to.
PATIENCE = 10
FILES = ("env", "owner.env")


@contextlib.contextmanager
def staged(texts):
    """The new files beside the old ones, whole and on the disk, with owner and mode of those; yields what puts one in its place."""
    ready = {}
    try:
        for path, text in texts.items():
            stood = os.stat(path)
            ready[path] = _files.stage(path, text.encode("utf-8"), stood.st_uid, stood.st_gid, stood.st_mode & 0o7777)
        yield lambda path: os.replace(ready[path], path)
    finally:
        for temporary in ready.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def environment(directory, new_secrets):
    """What of the two files changes: {path: (text, names)}."""
    found = {}
    for file in FILES:
        path = os.path.join(directory, file)
        before = parse(_proc.read_text(path))
        after = renewed(before, new_secrets, owner=file == "owner.env")
        names = sorted(name for name in after if after[name] != before[name])
        if names:
            found[path] = (render(after), names)
    return found


def stored_verifiers(run_command, port, roles):
    """What the server knows of the roles' passwords; a role that it does not know is a sentence."""
    listed = ", ".join(map(pg.quote_literal, roles))
    question = "SELECT json_build_object('name', rolname, 'verifier', rolpassword)::text FROM pg_authid WHERE rolname IN ({0})".format(listed)
    stored = {row["name"]: row["verifier"] for row in pg.rows(Psql(run_command, port).sections(pg.section("roles", question)), "roles")}
    missing = sorted(set(roles) - set(stored))
    if missing:
        raise ObservationError("found no role {0} in PostgreSQL, expected the app's. Run role postgresql first".format(", ".join(missing)))
    return stored


def new_verifiers(stored, passwords):
    """The new verifier of each role whose password is not the one the server knows."""
    return {
        role: pg.scram_verifier(password, secrets.token_bytes(16))
        for role, password in passwords.items()
        if not pg.password_fits(stored[role], role, password)
    }


def pooler_file(path, verifiers):
    """The pooler's users with what the server knows, or will know, where they differ: {path: text}, empty where they do not."""
    if not os.path.exists(path):
        return {}
    text = _proc.read_text(path)
    after = _pgbouncer.renewed_users(text, verifiers)
    return {path: after} if after != text else {}


def change_roles(run_command, port, new):
    statements = ["ALTER ROLE {0} PASSWORD {1};".format(pg.quote_identifier(role), pg.quote_literal(verifier)) for role, verifier in new.items()]
    psql = Psql(run_command, port, read_only=False)
    psql.run("\\set VERBOSITY terse\nBEGIN;\n{0}\nCOMMIT;\n".format("\n".join(statements)), "postgres", ["-v", "ON_ERROR_STOP=1"])


def reload_pooler(run_command, path):
    """Where it does not run there is nobody to tell; the log-in says so."""
    if os.path.exists(path):
        command_output(run_command, ["systemctl", "try-reload-or-restart", "pgbouncer.service"])


def log_in(run_command, path, tell):
    """The role in an environment file reaches the database with the password in it. Told once more, the pooler gets a moment."""
    url = urlsplit(parse(_proc.read_text(path)).get("DATABASE_URL", ""))
    if not url.scheme.startswith("postgres") or not url.password:
        return
    address = url._replace(scheme="postgresql", netloc="{0}@{1}".format(url.username, url.netloc.rpartition("@")[2])).geturl()
    argv = ["timeout", "10", "psql", "-XAtqw", "-d", address, "-c", "SELECT 1"]
    environ = {"PGPASSWORD": unquote(url.password), "PGOPTIONS": "", "PGCONNECT_TIMEOUT": "5", "LC_ALL": "C.UTF-8"}
    until, told = time.monotonic() + PATIENCE, False
    while True:
        rc, out, err = run_command(argv, environ_update=environ, cwd="/")
        if rc == 0:
            return
        if time.monotonic() > until:
            where = "{0}:{1}".format(url.hostname, url.port or 5432)
            raise ObservationError(
                "found that {0} cannot log in at {1} with the password in {2} ({3}), expected it to".format(
                    unquote(url.username), where, path, pg.first_complaint(err or out) or "psql ended with {0}".format(rc)
                )
            )
        if not told:
            tell()
            told = True
        time.sleep(0.3)


def outdated(services, directory):
    """Whether a running process is older than the environment it should have."""
    written = os.stat(os.path.join(directory, "env")).st_mtime
    return any(unit["pid"] and _proc.started_at(unit["pid"]) < written for unit in services.units.values())


class Change:
    """What of an app's secrets is not in force, and how it is put in force."""

    def __init__(self, run_command, params):
        self._run, self._params = run_command, params
        self.directory = params["directory"]
        given = params["secrets"]
        passwords = {params["owner_role"]: given.get("database_owner_password"), params["app_role"]: given.get("database_app_password")}
        passwords = {role: password for role, password in passwords.items() if password}
        stored = stored_verifiers(run_command, params["server_port"], passwords) if passwords else {}
        self.roles = new_verifiers(stored, passwords)
        self.files = environment(self.directory, given)
        self.pooler = pooler_file(params["pooler_users"], dict(stored, **self.roles))
        self.services = Services(run_command, params["name"])
        self.needed = bool(self.roles or self.files or self.pooler or outdated(self.services, self.directory))

    @property
    def names(self):
        """The variables that change, by file."""
        return {os.path.basename(path): names for path, (_text, names) in self.files.items()}

    @property
    def passwords(self):
        """Whose passwords change."""
        variables = {name for names in self.names.values() for name in names}
        database = self.roles or self.pooler or "DATABASE_URL" in variables
        return (["database"] if database else []) + (["redis"] if "CACHE_URL" in variables else [])

    def put_in_force(self):
        """All that can fail for want of room or time comes before the roles change; a run that ends after that is run again."""
        texts = dict({path: text for path, (text, _names) in self.files.items()}, **self.pooler)
        if not (self.roles or self.pooler):
            with staged(texts) as put:
                for path in texts:
                    put(path)
            if "database" in self.passwords:
                self.tell()
            self.services.restart()
            self.reach()
            return
        with self.services.held(), staged(texts) as put:
            if self.roles:
                change_roles(self._run, self._params["server_port"], self.roles)
            for path in texts:
                put(path)
            self.tell()
            self.reach()

    def clear(self):
        """Take away what a run that was killed left behind: what makes every start wait, and secrets that were not yet in place."""
        self.services.clear()
        for path in (*(os.path.join(self.directory, file) for file in FILES), self._params["pooler_users"]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + _files.STAGED)

    def tell(self):
        reload_pooler(self._run, self._params["pooler_users"])

    def reach(self):
        """Both roles get to the database by what is in the files."""
        for file in FILES:
            log_in(self._run, os.path.join(self.directory, file), self.tell)


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
    params = module.params
    params["directory"] = params["directory"] or "/etc/prodready/" + params["name"]
    if not all(os.path.exists(os.path.join(params["directory"], file)) for file in FILES):
        nothing = {"renewed": {}, "roles": [], "passwords": [], "restarted": [], "held_seconds": 0.0}
        module.exit_json(changed=False, deployed=False, served=False, **nothing)
    # What a killed run left going holds it; a look waits for nobody.
    alone = contextlib.nullcontext() if module.check_mode else _lock.held(_lock.SECRETS, "another change of passwords on this host")
    try:
        with alone:
            change = Change(module.run_command, params)
            if not module.check_mode:
                change.clear()
                change.put_in_force() if change.needed else change.reach()
            served = change.services.served
    except (OSError, ObservationError, _lock.Busy) as error:
        module.fail_json(msg="{0}: {1}. Repair that, and run the same again.".format(params["name"], str(error).rstrip(".")))
    module.exit_json(
        changed=change.needed,
        deployed=True,
        served=served,
        renewed=change.names,
        passwords=change.passwords,
        roles=sorted(change.roles),
        restarted=sorted(change.services.units) if change.needed else [],
        held_seconds=change.services.held_seconds,
    )


if __name__ == "__main__":
    main()
