# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New secrets in force, whatever interrupted the first try: a host of files, roles and a pooler that is asked to let somebody in."""

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _environment_file, _files, _pgbouncer, _service_hold
from ansible_collections.prodready.django.plugins.module_utils import _postgresql as pg
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.modules import app_secrets

OLD = {"database_owner_password": "old owner", "database_app_password": "old app", "redis_password": "old", "secret_key": "old"}
NEW = {"database_owner_password": "new owner", "database_app_password": "new app", "redis_password": "new", "secret_key": "new"}
ROLES = {"shop_owner": "database_owner_password", "shop_app": "database_app_password"}


class Host:
    """What is stored where, and who is let in; `breaks` names the step at which the first run ends."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.breaks, self.done = folder, "", []
        self.pooler = folder / "users.txt"
        self.stored = {role: pg.scram_verifier(OLD[word], b"salt") for role, word in ROLES.items()}
        self.pooler.write_text(_pgbouncer.render_users({"shop_app": self.stored["shop_app"]}, {"other": "x"}))
        url = "postgresql://{0}:{1}@localhost:{2}/shop?sslmode=verify-full"
        owner = {"DATABASE_URL": url.format("shop_owner", "old%20owner", 5432)}
        app = {"DATABASE_URL": url.format("shop_app", "old%20app", 6432), "CACHE_URL": "unix://shop:old@/s", "SECRET_KEY": "old"}
        (folder / "env").write_text(_environment_file.render(app))
        (folder / "owner.env").write_text(_environment_file.render(owner))
        self.loaded = self.pooler.read_text()
        monkeypatch.setattr(app_secrets, "stored_verifiers", lambda _run, _port, _roles: dict(self.stored))
        monkeypatch.setattr(app_secrets, "change_roles", self.change_roles)
        monkeypatch.setattr(app_secrets, "Services", lambda _run, _name: self)
        monkeypatch.setattr(app_secrets, "PATIENCE", 0)
        monkeypatch.setattr(app_secrets.os, "replace", self.replace)
        self.move = os.rename

    # the services
    units: dict = {}

    @contextlib.contextmanager
    def held(self):
        self.done.append("held")
        yield

    def restart(self):
        self.done.append("restart")

    def clear(self):
        self.done.append("clear")

    def step(self, name):
        self.done.append(name)
        if self.breaks == name:
            self.breaks = ""
            raise ObservationError("no more of this")

    def change_roles(self, _run, _port, new):
        self.step("before roles")
        self.stored.update(new)
        self.step("after roles")

    def replace(self, source, target):
        self.step("before " + os.path.basename(target))
        self.move(source, target)

    def run(self, argv, environ_update=None, **_more):
        if argv[0] == "systemctl":
            self.step("reload")
            self.loaded = self.pooler.read_text()
            return 0, "", ""
        user, port = argv[argv.index("-d") + 1].split("//")[1].split("@")[0], "6432" if ":6432" in " ".join(argv) else "5432"
        known = {name: secret for name, secret, _rest in _pgbouncer.parse_users(self.loaded)} if port == "6432" else self.stored
        fits = pg.password_fits(known.get(user), user, environ_update["PGPASSWORD"]) and known[user] == self.stored[user]
        return (0, "1\n", "") if fits else (2, "", "psql: error: FATAL:  password authentication failed\n")

    def change(self, secrets):
        params = {"name": "shop", "secrets": secrets, "owner_role": "shop_owner", "app_role": "shop_app", "server_port": 5432}
        return app_secrets.Change(self.run, {**params, "pooler_users": str(self.pooler), "directory": str(self.folder)})

    def apply(self, secrets):
        change = self.change(secrets)
        change.put_in_force() if change.needed else change.reach()


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def test_what_is_in_force_is_left_alone(host):
    assert (host.change(OLD).needed, host.change(OLD).passwords) == (False, [])
    host.apply(OLD)
    assert host.done == []


def test_passwords_change_while_nothing_runs(host):
    assert host.change(NEW).passwords == ["database", "redis"]
    host.apply(NEW)
    assert host.done[:3] == ["held", "before roles", "after roles"]
    assert not host.change(NEW).needed
    assert ("other", "x", "kept") in _pgbouncer.parse_users(host.loaded)


@pytest.mark.parametrize(
    ("changed", "passwords"), [({"secret_key": "new"}, []), ({"redis_password": "new"}, ["redis"]), ({"database_app_password": "n"}, ["database"])]
)
def test_the_passwords_that_differ_are_named(host, changed, passwords):
    assert host.change({**OLD, **changed}).passwords == passwords


@pytest.mark.parametrize("step", ["before roles", "after roles", "before env", "before owner.env", "before users.txt", "reload"])
def test_a_run_that_was_interrupted_anywhere_is_simply_run_again(host, monkeypatch, step):
    monkeypatch.setattr(app_secrets, "PATIENCE", 1)
    host.breaks = step
    with pytest.raises(ObservationError):
        host.apply(NEW)
    assert sorted(os.listdir(host.folder)) == ["env", "owner.env", "users.txt"]
    host.apply(NEW)
    assert {name: secret for name, secret, _rest in _pgbouncer.parse_users(host.loaded)}["shop_app"] == host.stored["shop_app"]
    host.change(NEW).reach()
    assert not host.change(NEW).needed


def test_what_a_killed_run_left_behind_is_taken_away_also_when_all_is_in_force(host, tmp_path, monkeypatch):
    units, flag = tmp_path / "units", tmp_path / "flag"
    services = _service_hold.Services(lambda _argv, **_more: (0, "", ""), "shop")
    monkeypatch.setattr(_service_hold, "RUNTIME_UNITS", str(units))
    services._flag = str(flag)
    services.units = {"shop.service": {"state": "active", "pid": 0, "patience": 1}}
    services._prepare()  # and here it was killed
    left = [host.folder / ("env" + _files.STAGED), host.folder / ("users.txt" + _files.STAGED)]
    for path in left:
        path.write_text("half a secret")
    assert flag.exists() and list(units.rglob("*.conf"))
    change = host.change(OLD)
    change.services = services
    assert not change.needed
    change.clear()
    assert not flag.exists() and not list(units.rglob("*")) and not any(path.exists() for path in left)


def test_a_pooler_that_did_not_read_its_file_is_told_again(host, monkeypatch):
    host.apply(NEW)
    host.loaded = ""
    host.done.clear()
    with pytest.raises(ObservationError):
        host.change(NEW).reach()  # without any patience
    assert host.done == []
    monkeypatch.setattr(app_secrets, "PATIENCE", 1)
    host.apply(NEW)
    assert host.done == ["reload"]


def test_success_is_never_told_where_the_app_cannot_log_in(host):
    host.apply(NEW)
    host.stored["shop_app"] = pg.scram_verifier("new app", b"restored")  # the same password, another verifier than the pooler's
    host.pooler.write_text("")  # and a pooler that does not know the role at all
    host.loaded = ""
    with pytest.raises(ObservationError, match=r"found that shop_app cannot log in at localhost:6432 with the password in .*/env .*, expected it to"):
        host.apply(NEW)


def test_no_room_for_the_files_is_found_out_before_the_roles_change(host, monkeypatch):
    def full(_handle):
        raise OSError("No space left on device")

    monkeypatch.setattr(app_secrets.os, "fsync", full)
    before = dict(host.stored)
    with pytest.raises(OSError, match="No space left"):
        host.apply(NEW)
    assert host.stored == before
    assert sorted(os.listdir(host.folder)) == ["env", "owner.env", "users.txt"]
