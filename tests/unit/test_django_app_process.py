"""What systemd and /proc say about the application's process, and what looking inside brings back."""

import io
import json

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _django_inside as inside
from ansible_collections.prodready.django.plugins.module_utils import _django_inside_data as data
from ansible_collections.prodready.django.plugins.module_utils import _django_live as live
from ansible_collections.prodready.django.plugins.module_utils import _django_process as process
from ansible_collections.prodready.django.plugins.module_utils import _django_running as running
from ansible_collections.prodready.django.plugins.module_utils import _django_secrets as secrets

RELEASE = "/srv/news/releases/4f2d1c9b8a7e-0a1b2c3d"


def test_files_of_a_unit():
    unit = {
        "EnvironmentFiles": "/etc/prodready/news/env (ignore_errors=no)\n/etc/default/news (ignore_errors=yes)",
        "FragmentPath": "/etc/systemd/system/news.service",
        "DropInPaths": ["/etc/systemd/system/news.service.d/limits.conf"],
        "ExecStart": "{ path=/srv/news/current/venv/bin/gunicorn ; argv[]=/srv/news/current/venv/bin/gunicorn news.wsgi ; ignore_errors=no }",
    }
    assert process.environment_files(unit) == ["/etc/prodready/news/env", "/etc/default/news"]
    assert process.unit_files(unit) == ["/etc/systemd/system/news.service", "/etc/systemd/system/news.service.d/limits.conf"]
    assert process.exec_paths(unit) == ["/srv/news/current/venv/bin/gunicorn"]


def test_a_unit_without_files():
    assert (process.environment_files({}), process.unit_files({}), process.exec_paths({})) == ([], [], [])


def test_an_environment_survives_strange_bytes():
    environ = process.parse_environ(b"A=1\0B=x=y\0C=\xff\0junk\0")
    assert (environ["A"], environ["B"], environ["C"].encode("utf-8", "surrogateescape")) == ("1", "x=y", b"\xff")
    assert json.loads(json.dumps(environ)) == environ


def test_identity_and_parent():
    assert process.parse_identity("Name:\tgunicorn\nUid:\t0\t998\t998\t998\nGid:\t0\t997\t997\t997\nGroups:\t33 997 \n") == {
        "uid": 998,
        "gid": 997,
        "groups": [33, 997],
    }
    assert process.parse_parent("12 (a) b) S 7 12 12 0") == 7


@pytest.mark.parametrize(
    "environ, files, overwritten",
    [
        ({"SECRET_KEY": "x"}, {"SECRET_KEY": "x"}, False),
        ({"SECRET_KEY": "old"}, {"SECRET_KEY": "new"}, False),
        ({}, {"SECRET_KEY": "x"}, True),
        ({"PATH": "/bin"}, {}, False),
    ],
)
def test_a_title_written_over_the_environment_is_noticed(environ, files, overwritten):
    assert process.is_overwritten(environ, files) is overwritten


def test_the_environment_systemd_gives_is_rebuilt_in_its_order():
    environ = process.rebuilt_environ({"Environment": 'HOME=/var/lib/news "NAME=two words" DEBUG=1'}, {"DEBUG": "0"}, {"HOME": "/nonexistent"})
    assert (environ["HOME"], environ["NAME"], environ["DEBUG"]) == ("/var/lib/news", "two words", "0")


def test_only_different_values_differ():
    assert process.differing_names({"A": "1", "B": "2", "C": ""}, {"A": "1", "B": "3", "D": "x"}) == ["B", "C"]


def test_newer_files_newest_first_beyond_the_clocks_resolution():
    assert process.newer_than(100.0, {"/old": 50.0, "/same": 100.05, "/new": 101.0, "/newest": 102.0}) == ["/newest", "/new"]


@pytest.mark.parametrize(
    "cwd, release",
    [(RELEASE + "/source", RELEASE), (RELEASE, RELEASE), ("/srv/news/releases", None), ("/srv/newspaper/releases/x", None), ("/opt/app", None)],
)
def test_the_running_release_is_where_the_process_works(cwd, release):
    assert process.running_release(cwd, "/srv/news/current") == release


def test_the_interpreter_of_the_running_release_comes_before_that_of_the_current_one():
    candidates = process.interpreter_candidates(
        cmdline=["/srv/news/current/venv/bin/python", "/srv/news/current/venv/bin/gunicorn", "news.wsgi"],
        environ={},
        exec_paths=[],
        current="/srv/news/current",
        release=RELEASE,
        executable="/usr/bin/python3.11",
    )
    assert candidates == [RELEASE + "/venv/bin/python", "/usr/bin/python3.11"]


def test_an_interpreter_is_found_behind_a_changed_title():
    candidates = process.interpreter_candidates(
        cmdline=["gunicorn: master [news.wsgi]"],
        environ={},
        exec_paths=["/opt/app/env/bin/gunicorn"],
        current="/opt/app",
        release=None,
        executable="/usr/bin/python3",
    )
    assert candidates[0] == "/opt/app/env/bin/python"


@pytest.mark.parametrize(
    "cmdline, module",
    [
        (["python", "/venv/bin/gunicorn", "--workers", "3", "news.wsgi:application"], "news.wsgi"),
        (["python", "gunicorn", "--config", "/etc/gunicorn.conf.py", "site.wsgi"], "site.wsgi"),
        (["gunicorn", "wsgi:make_app()"], "wsgi"),
        (["gunicorn", "--workers", "3"], None),
    ],
)
def test_the_wsgi_module_stands_on_the_command_line(cmdline, module):
    assert process.wsgi_module(cmdline) == module


def test_lines_cut_off_by_a_kill_leave_the_others():
    assert running.read_parts('{"part": "start", "value": null}\n{"part": "settings", "value": {"DEBUG": false}, "seconds": 0.1}\n{"part": "mig') == {
        "start": {"value": None},
        "settings": {"value": {"DEBUG": False}, "seconds": 0.1},
    }


def test_the_program_for_the_interpreter_compiles_and_carries_no_environment():
    text = running._program({"domains": ["é.example"]})
    compile(text, "program", "exec")
    assert "environ" not in json.loads(eval(text.split("json.loads(", 1)[1].split("\n", 1)[0][:-1]))["arguments"]


def test_the_names_of_parts_stand_once():
    names = running.part_names()
    assert len(names) == len(set(names)) and names[-1] == "readiness_broken"


def test_a_project_that_does_not_start_is_one_masked_sentence(monkeypatch, tmp_path):
    (tmp_path / "broken_settings.py").write_text("import os\nraise RuntimeError('cannot use ' + os.environ['DATABASE_URL'])\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "broken_settings")
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:planted-PASSWORD-1@localhost/app")
    out = io.StringIO()
    monkeypatch.setattr(out, "close", lambda: None)
    monkeypatch.setattr(inside, "start", lambda _inside: __import__("broken_settings"))
    inside.main({}, secrets, out=out)
    parts = running.read_parts(out.getvalue())
    assert list(parts) == ["project", "private"]
    assert parts["project"]["error"].startswith("RuntimeError: cannot use postgresql://app:***")
    assert "planted" not in out.getvalue()


@pytest.mark.parametrize(
    "declared, found, same",
    [
        ("varchar(200)", "character varying(200)", True),
        ("varchar(200)", "character varying(100)", False),
        ("bigint", "bigint", True),
        ("serial", "integer", True),
        ("integer", "bigint", False),
        ("numeric(10, 2)", "numeric(10,2)", True),
        ("bool", "boolean", True),
        ("varchar(20)[]", "character varying(20)[]", True),
        ("varchar(20)[]", "character varying(20)", False),
        ("timestamp with time zone", "timestamp with time zone", True),
        ("timestamp with time zone", "timestamp without time zone", False),
        ("citext", "public.citext", True),
        ("double precision", "double precision", True),
        ("text", "jsonb", False),
    ],
)
def test_types_are_compared_beyond_their_spelling(declared, found, same):
    assert data.same_type(declared, found) is same


@pytest.mark.parametrize(
    "body, marks",
    [
        (b"<h1>Not Found</h1><p>The requested resource was not found on this server.</p>", []),
        (b"<p>Our DEBUG = True story: how a site was hacked</p>", []),
        ("You\u2019re seeing this error because you have <code>DEBUG = True</code>".encode(), ["DEBUG = True"]),
        (b"Using the URLconf defined in <code>news.urls</code>", ["URLconf"]),
    ],
)
def test_technical_pages_are_told_from_pages_about_them(body, marks):
    assert live.technical_marks(body) == marks


@pytest.mark.parametrize(
    "settings, header",
    [
        ({}, ("X-Forwarded-Proto", "https")),
        ({"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_SSL", "on"]}, ("X-Forwarded-Ssl", "on")),
        ({"SECURE_PROXY_SSL_HEADER": None}, ("X-Forwarded-Proto", "https")),
    ],
)
def test_the_scheme_is_said_by_the_header_the_application_reads(settings, header):
    assert live.scheme_header(settings) == header


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (301, "/nowhere/", True),
        (301, "https://news.test/nowhere/", True),
        (302, "/login/?next=/nowhere/x", False),
        (404, None, False),
        (200, "/nowhere/", False),
    ],
)
def test_a_redirect_that_only_adds_a_slash_is_no_answer_yet(status, location, expected):
    assert live.adds_slash("/nowhere", status, location) is expected
