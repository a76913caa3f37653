# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who builds a release, what uv is told, and to whom everything belongs in the end."""

from __future__ import annotations

import os
import pwd
import stat

import pytest
from ansible_collections.prodready.django.plugins.module_utils._environment_file import parse
from ansible_collections.prodready.django.plugins.module_utils._releases import Layout, ReleaseError
from ansible_collections.prodready.django.plugins.modules import django_release

PARAMS = {
    "name": "shop",
    "release": "4f2d1c9b8a7e-0a1b2c3d",
    "source": {"project_path": ".", "index_url": ""},
    "uv_cache": "/var/cache/prodready/uv",
    "uv_environment": {},
    "uv_secrets": {},
}


class Module:
    """Runs nothing; remembers what would be run, and what uv would read meanwhile."""

    def __init__(self, params, answer=(0, "", "")):
        self.params, self.answer, self.argv, self.told, self.mode = params, answer, [], {}, 0

    def run_command(self, argv, **_options):
        self.argv = argv
        for word in argv:
            if word.startswith("--property=EnvironmentFile="):
                path = word.partition("EnvironmentFile=")[2]
                self.mode = stat.S_IMODE(os.stat(path).st_mode)
                with open(path, encoding="utf-8") as stream:
                    self.told = parse(stream.read())
        return self.answer


@pytest.fixture
def build(monkeypatch, tmp_path):
    monkeypatch.setattr(django_release, "builder", lambda _run: pwd.getpwuid(os.getuid()))
    monkeypatch.setattr(django_release, "RUN", str(tmp_path))

    def make(answer=(0, "", ""), **params):
        return django_release.Build(Module({**PARAMS, **params}, answer), Layout("shop"), 0)

    return make


def test_uv_runs_as_the_builder_and_its_secrets_are_no_argument(build, tmp_path):
    one = build(uv_secrets={"UV_INDEX_PACKAGE_PASSWORD": "hush $x"})
    one.run(["uv", "pip", "sync"])
    words = one.module.argv
    assert {"--property=User=prodready-build", "--property=NoNewPrivileges=yes", "--property=ProtectSystem=strict"} <= set(words)
    assert words[words.index("--") + 1 :] == ["uv", "pip", "sync"]
    assert not any("hush" in word for word in words)
    assert (one.module.told["UV_INDEX_PACKAGE_PASSWORD"], one.module.mode) == ("hush $x", 0o600)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("secret", "plain", "told"),
    [
        ({}, {}, "0"),
        ({"UV_INDEX": "x"}, {}, "1"),
        ({"UV_INDEX": "x"}, {"UV_NO_BUILD": 0}, "0"),
        ({"UV_INDEX": "x"}, {"UV_NO_BUILD": False}, "0"),
        ({"UV_INDEX": "x"}, {"UV_NO_BUILD": "true"}, "1"),
        ({}, {"UV_NO_BUILD": "1"}, "1"),
    ],
)
def test_with_a_password_in_reach_nothing_is_built_from_source_unless_that_is_allowed(build, secret, plain, told):
    one = build(uv_secrets=secret, uv_environment=plain)
    one.run(["uv"])
    assert one.module.told["UV_NO_BUILD"] == told
    assert one.wheels == (["--no-build"] if told == "1" else [])


def test_a_proxy_of_the_play_is_passed_on_and_nothing_else(build, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.internal:3128")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    one = build()
    one.run(["uv"])
    assert one.module.told["https_proxy"] == "http://proxy.internal:3128"
    assert "SOMETHING_ELSE" not in one.module.told


def test_a_package_that_would_have_to_be_built_is_refused_with_what_to_do(build, tmp_path):
    said = "error: Distribution `docopt==0.6.2` can't be installed because it is marked as `--no-build` but has no binary distribution"
    one = build((1, "", said), uv_secrets={"UV_INDEX": "https://user:hush@host/simple"})
    with pytest.raises(ReleaseError, match=r"docopt==0\.6\.2.*offer a wheel of it, or allow that with UV_NO_BUILD: 0"):
        one.run(["uv", "pip", "sync"])
    assert os.listdir(tmp_path) == []


def test_in_the_end_only_the_owner_may_write_and_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    outside.chmod(0o666)
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "program").write_text("x")
    (tree / "bin" / "program").chmod(0o6777)
    (tree / "bin" / "link").symlink_to(outside)
    (tree / "bin").chmod(0o777)
    django_release.give(str(tree), os.getuid(), os.getgid())
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tree / "bin", tree / "bin" / "program", outside)]
    assert modes == [0o755, 0o755, 0o666]
    assert (tree / "bin" / "link").is_symlink()


@pytest.mark.parametrize(("code", "there"), [(0, True), (9, True), (1, False)])
def test_the_builder_is_made_once_whoever_makes_it(monkeypatch, code, there):
    made = []

    def getpwnam(_name):
        if made and there:
            return "the builder"
        raise KeyError

    monkeypatch.setattr(django_release.pwd, "getpwnam", getpwnam)

    def run_command(argv):
        made.append(argv)
        return code, "", "useradd: no"

    if there:
        assert django_release.builder(run_command) == "the builder"
        assert len(made) == 1
    else:
        with pytest.raises(ReleaseError, match="found no user prodready-build and could not make it"):
            django_release.builder(run_command)
