# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be taken away from a host, and what a shared file is without an app."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from ansible_collections.prodready.django.plugins.module_utils import _app_removal as removal
from ansible_collections.prodready.django.plugins.modules import app_removal

ROLES = Path(__file__).resolve().parents[2] / "roles"

PLACES_OF_OURS = [
    "/etc/prodready/newsroom",
    "/etc/prodready/tls/newsroom",
    "/srv/newsroom/releases",
    "/srv/newsroom/current",
    "/srv/newsroom/previous",
    "/etc/nginx/prodready/sites/newsroom.conf",
    "/etc/postgresql/15/main/conf.d/50-prodready.conf",
    "/etc/postgresql/15/main/conf.d/50-prodready.conf.before",
    "/etc/systemd/system/redis-server.service.d/prodready.conf",
    "/etc/systemd/system/pgbouncer.service.d/50-prodready.conf",
    "/usr/local/share/ca-certificates/prodready-ca.crt",
]
PLACES_OF_OTHERS = [
    "/",
    "/etc/prodready",
    "/etc/prodready/../passwd",
    "/srv/newsroom",
    "/srv/newsroom/media",
    "/var/lib/newsroom",
    "/var/lib/prodready/newsroom",
    "/var/lib/postgresql",
    "/etc/nginx/nginx.conf",
    "/etc/nginx/sites-enabled/legacy",
    "/etc/postgresql/15/main/postgresql.conf",
    "/etc/systemd/system/legacy-app.service",
    "/usr/local/share/ca-certificates/company.crt",
]


@pytest.mark.parametrize("path", PLACES_OF_OURS)
def test_a_place_of_ours_may_go(path):
    assert removal.refused([path]) == []


@pytest.mark.parametrize("path", PLACES_OF_OTHERS)
def test_data_and_places_of_others_never_go(path):
    assert removal.refused([path]) == [path]


def test_a_unit_without_a_mark_is_not_ours():
    unit = "[Service]\nExecStart=/srv/old/run\n"
    assert not removal.is_marked(unit, ["/etc/prodready/newsroom/"])
    assert not removal.is_marked(unit, [])
    assert removal.is_marked(unit + "EnvironmentFile=/etc/prodready/newsroom/env\n", ["/etc/prodready/newsroom/"])


def test_only_the_lines_of_the_app_go():
    text = "news = host=x dbname=news pool_size=1\nnewsroom = host=x dbname=newsroom pool_size=2\nold = host=y\n"
    assert removal.without_lines(text, ["news = host=.* dbname=news pool_size="]) == text.split("\n", 1)[1]
    assert removal.without_lines(text, []) == text


def test_what_was_kept_comes_back():
    assert removal.restored("# ours\n", "# ours", "old\n", "plain\n") == "old\n"


def test_a_plain_file_comes_where_nothing_was_kept_and_only_once():
    assert removal.restored("# ours\nmuch\n", "# ours", None, "# ours, plain\n") == "# ours, plain\n"
    assert removal.restored("# ours, plain\n", "# ours", None, "# ours, plain\n") is None


def test_a_file_of_somebody_else_stays():
    assert removal.restored("theirs\n", "# ours", "old\n", "plain\n") is None


def test_what_would_start_a_service_again_is_stopped_first():
    assert removal.stop_order(["app-mail@.service", "app.service", "app.socket"]) == ["app.socket", "app-mail@*.service", "app.service"]


class Killed(BaseException):
    """The end of a run that nothing of it can catch."""


class Refused(Exception):
    """What a module says when it fails."""


class Host:
    """Files below a directory and a systemd that only takes notes; it dies or refuses where it is told to."""

    def __init__(self, folder, **params):
        self.folder, self.tmpdir, self.said = folder, str(folder / "tmp"), []
        self.fails = self.dies = ""
        self.params = {
            "proof": "",
            "touch": "",
            **dict.fromkeys(("units", "marks", "paths", "last", "lines", "restore", "test", "stop", "restart"), ()),
        }
        self.params.update(params)
        os.makedirs(self.tmpdir, exist_ok=True)

    def run_command(self, argv, **_options):
        command = " ".join(argv)
        if self.dies and self.dies in command:
            raise Killed(command)
        self.said.append(command)
        return (1, "", "no") if self.fails and self.fails in command else (0, "", "")

    def fail_json(self, msg):
        raise Refused(msg)

    def run(self, fails="", dies=""):
        self.said, self.fails, self.dies = [], fails, dies
        found = app_removal.Removal(self)
        removed = found.removed()
        found.apply()
        return removed

    def left(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name != "tmp")


@pytest.fixture
def pooler(tmp_path):
    """A pooler with our file in front of the one from before."""
    (tmp_path / "it.ini").write_text("# ours\n")
    (tmp_path / "it.ini.before-prodready").write_text("password=old\n")
    for name in ("drop-in", "users"):
        (tmp_path / name).write_text(name)
    restore = [{"path": str(tmp_path / "it.ini"), "mark": "# ours", "default": "plain\n"}]
    return Host(tmp_path, paths=[str(tmp_path / "drop-in")], last=[str(tmp_path / "users")], restore=restore, restart=["it.service"])


def test_all_goes_and_a_second_run_finds_nothing(pooler):
    assert len(pooler.run()) == 3
    assert pooler.left() == ["it.ini"]
    assert (pooler.folder / "it.ini").read_text() == "password=old\n"
    assert pooler.said == ["systemctl daemon-reload", "systemctl try-restart it.service"]
    assert pooler.run() == pooler.said == []


@pytest.mark.parametrize("dies", ["daemon-reload", "try-restart"])
def test_a_run_that_was_killed_before_the_restart_is_run_again_with_it(pooler, dies):
    with pytest.raises(Killed):
        pooler.run(dies=dies)
    assert pooler.run() == [str(pooler.folder / "users"), str(pooler.folder / "it.ini.before-prodready")]
    assert pooler.said == ["systemctl daemon-reload", "systemctl try-restart it.service"]
    assert pooler.left() == ["it.ini"]


def test_what_was_kept_does_not_outlive_its_return(pooler):
    (pooler.folder / "it.ini").write_text("password=old\n")
    for name in ("drop-in", "users"):
        (pooler.folder / name).unlink()
    assert pooler.run() == [str(pooler.folder / "it.ini.before-prodready")]
    assert pooler.left() == ["it.ini"]
    assert pooler.said == []


def test_what_was_kept_stays_beside_a_file_that_somebody_else_wrote(pooler):
    (pooler.folder / "it.ini").write_text("theirs\n")
    pooler.run()
    assert pooler.left() == ["it.ini", "it.ini.before-prodready"]


def test_a_restart_that_fails_puts_all_files_back_and_the_service_with_them(pooler):
    before = {path.name: (path.read_text(), path.stat().st_mode) for path in pooler.folder.iterdir() if path.is_file()}
    with pytest.raises(Refused, match="try-restart it.service ended with 1: no. All files were put back."):
        pooler.run(fails="try-restart")
    assert {path.name: (path.read_text(), path.stat().st_mode) for path in pooler.folder.iterdir() if path.is_file()} == before
    assert pooler.said[-2:] == ["systemctl daemon-reload", "systemctl restart it.service"]
    assert len(pooler.run()) == 3


def test_a_service_that_is_stopped_is_stopped_again_while_its_directory_is_there(tmp_path):
    (tmp_path / "directory").mkdir()
    host = Host(tmp_path, last=[str(tmp_path / "directory")], stop=["it.service"])
    with pytest.raises(Killed):
        host.run(dies="daemon-reload")
    host.run()
    assert host.said == ["systemctl disable --quiet --now it.service", "systemctl daemon-reload"]
    assert host.left() == []


def test_a_file_gets_its_new_time_before_others_go(tmp_path, monkeypatch):
    (tmp_path / "site").write_text("")
    (tmp_path / "main").write_text("")
    os.utime(tmp_path / "main", (1, 1))
    host = Host(tmp_path, paths=[str(tmp_path / "site")], touch=str(tmp_path / "main"))

    def die(_path):
        raise Killed

    monkeypatch.setattr(app_removal.Removal, "take_path", staticmethod(die))
    with pytest.raises(Killed):
        host.run()
    assert (tmp_path / "main").stat().st_mtime > 1


def test_units_that_went_without_a_word_to_systemd_are_told_of_later(tmp_path, monkeypatch):
    monkeypatch.setattr(app_removal, "UNITS", str(tmp_path))
    (tmp_path / "shop.service").write_text("/etc/prodready/shop/")
    host = Host(tmp_path, units=["shop.service"], marks=["/etc/prodready/shop/"])
    with pytest.raises(Killed):
        host.run(dies="daemon-reload")
    assert host.run() == []
    assert host.said == ["systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("role", "effective", "last"),
    [
        ("postgresql", "50-prodready.conf", "prodready.key"),
        ("pgbouncer", "__pgbouncer_dropin", "__pgbouncer_users_file"),
        ("redis", "prodready.conf", "__redis_directory"),
    ],
)
def test_what_a_role_knows_its_service_by_goes_last(role, effective, last):
    tasks = yaml.safe_load((ROLES / role / "tasks" / "remove.yml").read_text(encoding="utf-8"))
    (task,) = [task["prodready.django.app_removal"] for task in tasks if "last" in task.get("prodready.django.app_removal", {})]
    assert effective in str(task["paths"])
    assert last in str(task["last"])
    assert last not in str(task["paths"])


def test_postgresql_is_found_by_what_goes_last():
    tasks = yaml.safe_load((ROLES / "postgresql" / "tasks" / "remove.yml").read_text(encoding="utf-8"))
    (look,) = [task["ansible.builtin.find"] for task in tasks if "ansible.builtin.find" in task]
    (task,) = [task["prodready.django.app_removal"] for task in tasks if "last" in task.get("prodready.django.app_removal", {})]
    assert {os.path.basename(path) for path in task["paths"] + task["last"]} == set(look["patterns"])
    assert removal.refused([path.replace("{{ config }}", "/etc/postgresql/15/main") for path in task["paths"] + task["last"]]) == []


def test_nginx_loses_its_directory_after_the_reload():
    tasks = yaml.safe_load((ROLES / "nginx" / "tasks" / "remove.yml").read_text(encoding="utf-8"))
    (serve,) = [place for place, task in enumerate(tasks) if task.get("ansible.builtin.include_tasks") == "serve.yml"]
    places = [place for place, task in enumerate(tasks) if "'/etc/nginx/prodready'" in str(task.get("prodready.django.app_removal", {}).get("paths"))]
    assert places == [serve + 1]
