# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a Django project from inside: settings, system checks, migrations, tables, superuser. PRIVATE to the collection.

This file is not imported on the target: its text is handed to the interpreter of a release on standard input, in the
project's directory, and prints one line of JSON behind `MARKER`. It changes nothing.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback

MARKER = "@@prodready-look@@ "


class Stop(Exception):
    """What cannot be found out, and at which stage."""

    def __init__(self, stage, error):
        super().__init__(stage)
        self.stage = stage
        self.sentence = "".join(traceback.format_exception_only(type(error), error)).strip()


def load():
    """Import the settings and every installed app."""
    try:
        import django

        django.setup()
        from django.conf import settings

        settings.SECRET_KEY  # noqa: B018 - settings are lazy, and this reads them
    except (Exception, SystemExit) as error:
        raise Stop("settings", error) from error
    return settings


def system_checks():
    """The findings of `check --deploy --fail-level WARNING`, or nothing."""
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError

    try:
        call_command("check", deploy=True, fail_level="WARNING", stdout=io.StringIO(), stderr=io.StringIO(), no_color=True)
    except SystemCheckError:
        return findings()
    except (Exception, SystemExit) as error:
        raise Stop("check", error) from error
    return []


def findings():
    """Each unsilenced finding at WARNING or above as `{id, level, message}`."""
    from django.core import checks

    return [
        {
            "id": found.id or "",
            "level": next((name for name in ("CRITICAL", "ERROR", "WARNING") if found.level >= getattr(checks, name)), ""),
            "message": " ".join(str(found.msg).split()),
        }
        for found in checks.run_checks(include_deployment_checks=True)
        if found.level >= checks.WARNING and not found.is_silenced()
    ]


def migrations(connection):
    """What is to be applied, and each app's last migration in the code."""
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(leaves)
    last = {}
    for app, name in sorted(leaves):
        last[app] = name
    return {"pending": ["{0}.{1}".format(step.app_label, step.name) for step, _backwards in plan], "last": last}


def missing_cache_tables(settings, connection):
    """Tables of database caches which are not there yet."""
    from django.core.cache import caches
    from django.core.cache.backends.db import BaseDatabaseCache

    tables = [caches[alias]._table for alias in settings.CACHES if isinstance(caches[alias], BaseDatabaseCache)]
    if not tables:
        return []
    there = set(connection.introspection.table_names())
    return sorted(set(tables) - there)


def superuser(wanted, connection):
    """Whether the superuser is there; None where none is wanted or the project has no users."""
    from django.apps import apps

    if not wanted or not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth import get_user_model

    model = get_user_model()
    name = wanted.get("email") if model.USERNAME_FIELD == "email" else wanted.get("username")
    if model._meta.db_table not in connection.introspection.table_names():
        return {"exists": False}
    return {"exists": model._default_manager.filter(**{model.USERNAME_FIELD: name}).exists()}


def look(question):
    """Everything the deployment decides by."""
    settings = load()
    import django
    from django.db import connection

    seen = {"django": django.get_version(), "engine": settings.DATABASES.get("default", {}).get("ENGINE", "")}
    seen["static"] = {"url": str(settings.STATIC_URL or ""), "root": str(settings.STATIC_ROOT or "")}
    seen["server"] = {kind: str(getattr(settings, kind.upper() + "_APPLICATION", None) or "") for kind in ("wsgi", "asgi")}
    seen["collects_static"] = "django.contrib.staticfiles" in settings.INSTALLED_APPS
    seen["findings"] = system_checks()
    if seen["findings"]:
        return seen
    try:
        connection.ensure_connection()
        seen["migrations"] = migrations(connection)
        seen["missing_cache_tables"] = missing_cache_tables(settings, connection)
        seen["superuser"] = superuser(question["superuser"], connection)
    except (Exception, SystemExit) as error:
        raise Stop("database", error) from error
    return seen


def main():
    question = json.loads(os.environ.pop("PRODREADY_LOOK", "{}") or "{}")
    question.setdefault("superuser", None)
    try:
        answer = look(question)
    except Stop as stop:
        answer = {"stage": stop.stage, "error": stop.sentence}
    sys.stdout.write("\n" + MARKER + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
