# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a release could be served, judged before it is: how loading went, and which programs are there. PRIVATE to the collection."""

from __future__ import annotations

import os

#: Imported by gunicorn's configuration for an asynchronous project.
ASGI_PACKAGES = ("uvicorn", "uvicorn_worker")

#: How many seconds loading may take; gunicorn ends a worker long before.
LOADING = 120

_OBJECT = (
    "The application server would not start with the new release: loading {name} ends with {error}. Expected: it loads with the production "
    "environment in {directory}, and all of MIDDLEWARE with it; the current release is untouched. Correct the project, or wsgi or asgi of the "
    "app in prodready_apps (django_app_server)"
)
_PACKAGE = (
    "The application server would not start with the new release: importing {name} ends with {error}. Expected: uvicorn and uvicorn-worker "
    "serve an asynchronous project; the current release is untouched. Correct the project's requirements, or asgi of the app in "
    "prodready_apps (django_app_asgi_server)"
)
_PROGRAMS = (
    "The new release has no {programs}. Expected: every program that a unit of the app starts with, in {release}; the current release is "
    "untouched. Add what brings it to the project's requirements (gunicorn: or set django_app_gunicorn_version), or correct command in "
    "processes of the app in prodready_apps (django_app_programs)"
)


def question(server, settings, asgi):
    """What is to be loaded: the object that is named, or the one that Django's own setting names; nothing where none is known."""
    module, _dot, name = settings["asgi" if asgi else "wsgi"].rpartition(".")
    default = "{0}:{1}".format(module, name) if module else ""
    return {"server": server or default, "packages": list(ASGI_PACKAGES) if asgi else [], "patience": LOADING}


def missing_programs(release, programs):
    """Programs that units start with and the release lacks, by their place in it."""
    places = {"source/manage.py" if name == "manage.py" else "venv/bin/" + name for name in programs}
    return sorted(place for place in places if not os.path.exists(os.path.join(release, place)))


def excused(loaded, seen):
    """Whether loading failed for want of what is about to be prepared."""
    if loaded["wants"] == "database":
        return bool(seen["migrations"]["pending"] or seen["missing_cache_tables"])
    return loaded["wants"] == "static" and seen["collects_static"]


def programs_objection(missing, release):
    return _PROGRAMS.format(programs=" and no ".join(missing), release=release) if missing else None


def loading_objection(loaded, directory):
    if not loaded["error"]:
        return None
    sentence = _PACKAGE if loaded["name"] in ASGI_PACKAGES else _OBJECT
    return sentence.format(name=loaded["name"], error=loaded["error"].splitlines()[-1].rstrip("."), directory=directory)
