"""A release that the application server could not load is found out before it is put in force, and told in a sentence."""

import json
import os
import subprocess
import sys

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _django_served as served
from ansible_collections.prodready.django.plugins.module_utils import _django_serving as serving

#: A project's files by name; `django/db/utils.py` stands in for Django's, whose errors are known by their module.
FILES = {
    "shop/__init__.py": "",
    "shop/wsgi.py": "application = print\nmake = lambda: print\n",
    "shop/broken.py": "import shop.middlewear\n",
    "shop/leaving.py": "raise SystemExit(3)\n",
    "shop/hanging.py": "import time; time.sleep(30)\n",
    "shop/threaded.py": "import threading, time\nthreading.Thread(target=time.sleep, args=(30,)).start()\napplication = print\n",
    "shop/talking.py": "import sys\nsys.stdout.write('no line end')\napplication = print\n",
    "shop/tables.py": (
        "from django.db.utils import ProgrammingError\ntry:\n    raise ProgrammingError('no table')\nexcept Exception as error:\n"
        "    raise RuntimeError('cannot begin') from error\n"
    ),
    "shop/static.py": "raise ValueError(\"Missing staticfiles manifest entry for 'a.css'\")\n",
    "django/__init__.py": "",
    "django/db/__init__.py": "",
    "django/db/utils.py": "class DatabaseError(Exception): pass\nclass ProgrammingError(DatabaseError): pass\n",
}


@pytest.fixture
def load(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def call(server, packages=(), patience=20):
        question = json.dumps({"server": server, "packages": list(packages), "patience": patience})
        with open(served.__file__, encoding="utf-8") as program:
            done = subprocess.run(
                [sys.executable, "-"],
                stdin=program,
                cwd=tmp_path,
                env={**os.environ, "PRODREADY_SERVED": question, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
        lines = [line for line in done.stdout.splitlines() if line.startswith(served.MARKER)]
        return json.loads(lines[-1][len(served.MARKER) :])

    return call


@pytest.mark.parametrize(
    "server", ["shop.wsgi:application", "shop.wsgi", "shop.wsgi:make()", "shop.threaded:application", "shop.talking:application"]
)
def test_what_the_server_can_load_is_no_error(load, server):
    assert load(server) == {"name": server, "error": "", "wants": ""}


@pytest.mark.parametrize(
    ("server", "error", "wants"),
    [
        ("shop.wsgi:aplication", "AttributeError: module 'shop.wsgi' has no attribute 'aplication'", ""),
        ("shop.wsgy:application", "ModuleNotFoundError: No module named 'shop.wsgy'", ""),
        ("shop.broken:application", "ModuleNotFoundError: No module named 'shop.middlewear'", ""),
        ("shop.leaving:application", "SystemExit: 3", ""),
        ("shop.tables:application", "RuntimeError: cannot begin", "database"),
        ("shop.static:application", "ValueError: Missing staticfiles manifest entry for 'a.css'", "static"),
    ],
)
def test_what_it_cannot_load_is_told_in_the_errors_own_words(load, server, error, wants):
    found = load(server)
    assert found["error"].startswith(error)
    assert (found["name"], found["wants"]) == (server, wants)


def test_what_does_not_end_is_not_waited_for(load):
    assert load("shop.hanging:application", patience=1)["error"] == "TimeoutError: it was not loaded in time"


def test_a_package_that_is_not_there_is_named(load):
    found = load("shop.wsgi:application", packages=["json", "uvicorn_of_nobody"])
    assert (found["name"], found["error"]) == ("uvicorn_of_nobody", "ModuleNotFoundError: No module named 'uvicorn_of_nobody'")


SETTINGS = {"wsgi": "shop.wsgi.application", "asgi": "shop.routing.application"}


@pytest.mark.parametrize(
    ("server", "settings", "asgi", "loaded"),
    [
        ("shop.other:app", SETTINGS, False, "shop.other:app"),
        ("", SETTINGS, False, "shop.wsgi:application"),
        ("", SETTINGS, True, "shop.routing:application"),
        ("", {"wsgi": "shop.wsgi.application", "asgi": ""}, True, ""),  # an asynchronous project may have no other than a stale one
        ("", {"wsgi": "", "asgi": ""}, False, ""),
    ],
)
def test_what_is_loaded_is_what_was_named_or_what_the_settings_name(server, settings, asgi, loaded):
    asked = serving.question(server, settings, asgi)
    assert asked["server"] == loaded
    assert asked["packages"] == (["uvicorn", "uvicorn_worker"] if asgi else [])


def seen(**changes):
    return {"migrations": {"pending": []}, "missing_cache_tables": [], "collects_static": False, **changes}


@pytest.mark.parametrize(
    ("wants", "found", "excused"),
    [
        ("database", seen(migrations={"pending": ["shop.0001_initial"]}), True),
        ("database", seen(missing_cache_tables=["cache"]), True),
        ("database", seen(), False),
        ("static", seen(collects_static=True), True),
        ("static", seen(), False),
        ("", seen(migrations={"pending": ["shop.0001_initial"]}, collects_static=True), False),
    ],
)
def test_only_what_is_about_to_be_prepared_excuses_a_failure(wants, found, excused):
    assert serving.excused({"wants": wants}, found) is excused


def test_programs_that_a_release_lacks_are_named(tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "gunicorn").write_text("")
    missing = serving.missing_programs(str(tmp_path), ["gunicorn", "celery", "manage.py", "celery"])
    assert missing == ["source/manage.py", "venv/bin/celery"]
    sentence = serving.programs_objection(missing, str(tmp_path))
    for part in ("no source/manage.py and no venv/bin/celery", str(tmp_path), "untouched", "command in processes"):
        assert part in sentence
    assert serving.programs_objection([], str(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("shop.wsgi:application", "wsgi or asgi of the app in prodready_apps (django_app_server)"),
        ("uvicorn", "asgi of the app in prodready_apps (django_app_asgi_server)"),
    ],
)
def test_the_sentence_has_the_errors_last_line_and_what_to_change(name, variable):
    sentence = serving.loading_objection({"name": name, "error": "Warning: x\nImportError: no such class.", "wants": ""}, "/srv/shop")
    for part in (f"{name} ends with ImportError: no such class. Expected", "the current release is untouched", variable):
        assert part in sentence
    assert serving.loading_objection({"name": name, "error": "", "wants": ""}, "/srv/shop") is None
