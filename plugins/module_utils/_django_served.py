# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load what the application server loads, the way it does, in a process of its own. PRIVATE to the collection.

Like `_django_look`, this file is handed to the interpreter of a release on standard input, in the project's directory. Nothing
of Django is set up beforehand: an order of imports that only works after that would not work in the application server either.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback

MARKER = "@@prodready-served@@ "


def load_object(name):
    """gunicorn's own way, call and all; by hand in a release that is served by something else."""
    try:
        from gunicorn.util import import_app
    except ImportError:
        module, _colon, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute.partition("(")[0] or "application")
    return import_app(name)


def wanting(error):
    """What of the preparation an error may be for want of: the database as it will be, static files, or nothing."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if any(kind.__module__ == "django.db.utils" for kind in type(error).__mro__):
            return "database"
        if isinstance(error, ValueError) and "staticfiles manifest" in str(error):
            return "static"
        error = error.__cause__ or error.__context__
    return ""


def overdue(_signal, _frame):
    raise TimeoutError("it was not loaded in time")


def load(question):
    """What failed to load, and how; nothing where all of it loads."""
    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(question["patience"])
    name = ""
    try:
        for name in question["packages"]:
            importlib.import_module(name)
        name = question["server"]
        if name:
            load_object(name)
    except (Exception, SystemExit) as error:
        said = "".join(traceback.format_exception_only(type(error), error)).strip()
        return {"name": name, "error": said, "wants": wanting(error)}
    finally:
        signal.alarm(0)
    return {"name": name, "error": "", "wants": ""}


def main():
    answer = load(json.loads(os.environ.pop("PRODREADY_SERVED")))
    sys.stdout.write("\n" + MARKER + json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a thread that the project has begun would be waited for


if __name__ == "__main__":
    main()
