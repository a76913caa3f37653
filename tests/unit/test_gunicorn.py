"""Settings in force, reasons to restart, and lines worth showing."""

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _gunicorn, _gunicorn_service, _unix_http


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["gunicorn", "--workers", "3", "site:app"], {"workers": 3}),
        (["gunicorn", "--workers=3", "--max-requests=500"], {"workers": 3, "max_requests": 500}),
        (["gunicorn", "-w3", "-k", "gevent"], {"workers": 3, "worker_class": "gevent"}),
        (["gunicorn", "-w", "3", "-t", "60", "-c", "/etc/g.py"], {"workers": 3, "timeout": 60, "config": "/etc/g.py"}),
        (["gunicorn", "--bind", "unix:/x", "site:app"], {}),
    ],
)
def test_a_command_line_names_settings_in_four_ways(arguments, settings):
    assert _gunicorn.settings_of_command(arguments) == settings


def test_a_computed_setting_is_unknown_not_the_default():
    text = "import os\nworkers = os.cpu_count()\nthreads = 4\nbind = 'x'\n"
    assert _gunicorn.settings_of_config(text) == {"workers": None, "threads": 4}


def test_the_command_line_wins_over_the_environment_and_that_over_the_file():
    settings = _gunicorn.combine({"workers": 2, "threads": 2, "timeout": 5}, "--workers 3 --threads 3", {"workers": 4})
    assert (settings["workers"], settings["threads"], settings["timeout"]) == (4, 3, 5)
    assert settings["worker_class"] == "gthread"
    assert settings["max_requests"] == 0


@pytest.mark.parametrize(
    ("wanted", "running", "names"),
    [
        ({"A": "1"}, {"A": "1", "HOME": "/x", "INVOCATION_ID": "f"}, []),
        ({"A": "2"}, {"A": "1"}, ["A"]),
        ({"A": "1", "NEW": "x"}, {"A": "1"}, ["NEW"]),
        ({"A": "1"}, {"A": "1", "GONE": "x"}, ["GONE"]),
        ({"A": "1"}, {"A": "1", "OURS": "x"}, []),
    ],
)
def test_only_names_of_changed_variables_are_told(wanted, running, names):
    assert _gunicorn.environment_differences(wanted, running, also_set=["OURS"]) == names


def test_the_lines_end_with_the_applications_own_error():
    lines = [
        "[INFO] Starting gunicorn 27.0.1",
        "Traceback (most recent call last):",
        '  File "site_wsgi.py", line 5, in <module>',
        "    ^^^^^^",
        "RuntimeError: no such table",
        "[INFO] Worker exiting (pid: 7)",
        "Traceback (most recent call last):",
        "  raise HaltServer(reason)",
        "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>",
    ]
    assert _gunicorn.telling_lines(lines, most=2) == ['  File "site_wsgi.py", line 5, in <module>', "RuntimeError: no such table"]
    assert _gunicorn.telling_lines(["a", "b", "c"], most=2) == ["b", "c"]


def test_names_known_to_be_harmless_stay_readable():
    assert _gunicorn.secrets_of({"SECRET_KEY": "x", "DJANGO_SETTINGS_MODULE": "site.settings"}) == ["x"]


@pytest.mark.parametrize(
    ("status", "declared", "good"),
    [(200, True, True), (302, True, False), (302, False, True), (404, False, True), (400, False, False), (500, False, False), (0, False, False)],
)
def test_a_declared_address_must_say_200_and_another_no_error(status, declared, good):
    assert _unix_http.alive({"status": status} if status else {"error": "refused"}, declared) is good


def test_caches_uploads_and_data_are_no_newer_code(tmp_path):
    for name in ("site/app.py", "site/__pycache__/app.pyc", "media/evil.py", "db.sqlite3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert _gunicorn_service.newest_file(str(tmp_path))[1] == str(tmp_path / "site/app.py")


def test_the_newest_package_is_found_by_its_metadata(tmp_path):
    packages = tmp_path / "lib/python3.13/site-packages"
    (packages / "django-5.2.9.dist-info").mkdir(parents=True)
    (packages / "django").mkdir()
    assert _gunicorn_service.newest_package(str(tmp_path))[1] == "django-5.2.9"
    assert _gunicorn_service.newest_package(str(tmp_path / "none")) == (0.0, "")
