# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Django project and its database say of each other, seen from inside the application. PRIVATE to the collection.

Handed over as text together with `_django_inside.py`; see there. Every transaction is READ ONLY with a local time limit. Session
settings are never touched: behind a pooler the session belongs to the application as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import select
import socket
import time


class DataError(Exception):
    """A sentence saying why something could not be looked at."""

    sentence = True


@contextlib.contextmanager
def reading(inside, alias="default"):
    """A cursor in a short read-only transaction; a database that did not answer once is not asked again."""
    from django.db import connections, transaction

    if inside.database_problem:
        raise DataError(inside.database_problem)
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except Exception as error:
        inside.database_problem = "the database does not answer the application: " + inside.secrets.mask_text(
            " ".join(str(error).split())[:300], inside.known_secrets()
        )
        raise DataError(inside.database_problem) from None
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = '5s'")
        yield cursor


def _aliases(inside):
    """The databases that are no replicas of others and have an engine."""
    return [
        alias
        for alias, database in inside.settings.DATABASES.items()
        if database.get("ENGINE") and not database["ENGINE"].endswith(".dummy") and not (database.get("TEST") or {}).get("MIRROR")
    ]


def part_database(inside):
    """Whether each database answers the application's own connection."""
    found: dict = {}
    for alias in _aliases(inside):
        started = time.monotonic()
        try:
            with reading(inside, alias) as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
            found[alias] = {"answers": True, "why": "", "seconds": round(time.monotonic() - started, 3)}
        except DataError as error:
            found[alias] = {"answers": False, "why": str(error), "seconds": round(time.monotonic() - started, 3)}
    return found


def part_migrations(inside):
    """Migrations that wait, applied ones the release does not know, and models without a migration."""
    from django.apps import apps
    from django.db import connections
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
    from django.db.migrations.state import ProjectState

    found: dict = {"unapplied": [], "unknown": [], "of_removed_apps": [], "applied": 0, "conflicts": []}
    for alias in _aliases(inside):
        with reading(inside, alias):
            executor = MigrationExecutor(connections[alias])
            loader = executor.loader
            plan = executor.migration_plan(loader.graph.leaf_nodes())
            found["unapplied"] += ["{0}.{1}".format(step.app_label, step.name) for step, _backwards in plan]
            known = set(loader.disk_migrations)
            for migration in loader.disk_migrations.values():
                known.update(tuple(replaced) for replaced in migration.replaces)
            for label, name in sorted(set(loader.applied_migrations) - known):
                place = "unknown" if label in loader.migrated_apps or label in loader.unmigrated_apps else "of_removed_apps"
                found[place].append("{0}.{1}".format(label, name))
            found["applied"] += len(loader.applied_migrations)
    loader = MigrationLoader(None, ignore_no_migrations=True)
    found["conflicts"] = sorted(loader.detect_conflicts())
    detector = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps), NonInteractiveMigrationQuestioner(specified_apps=set(), dry_run=True)
    )
    changes = detector.changes(graph=loader.graph)
    found["missing"] = sorted(
        "{0}: {1}".format(label, operation.describe()) for label, steps in changes.items() for step in steps for operation in step.operations
    )[:20]
    return found


#: How Django writes a type → how PostgreSQL names it.
_SPELLINGS = (
    (r"^varchar\b", "character varying"),
    (r"^char\b(?!acter)", "character"),
    (r"^bool$", "boolean"),
    (r"^int$|^int4$|^serial$", "integer"),
    (r"^bigserial$|^int8$", "bigint"),
    (r"^smallserial$|^int2$", "smallint"),
    (r"^decimal\b", "numeric"),
    (r"^timestamptz$", "timestamp with time zone"),
    (r"^float8$", "double precision"),
    (r"^varbit\b", "bit varying"),
)


def same_type(declared, found):
    """Whether a type as Django declares it is the one PostgreSQL names. Spelling, blanks and schema do not count."""

    def normal(text):
        text = " ".join(text.lower().replace('"', "").split())
        array = text.endswith("[]")
        text = re.sub(r"(\[\d*\])+$", "", text)
        text = re.sub(r"^(public|pg_catalog|extensions)\.", "", text)
        for pattern, name in _SPELLINGS:
            text = re.sub(pattern, name, text)
        return text.replace(", ", ",").replace(" (", "(") + ("[]" if array else "")

    return normal(declared) == normal(found)


_COLUMNS = """
SELECT t.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '', c.relkind
FROM unnest(%s::text[]) AS t(name)
JOIN pg_class c ON c.oid = to_regclass(t.name)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
"""


def part_schema(inside):
    """Tables and columns of the models against those of the database."""
    from django.apps import apps
    from django.db import connections, router

    found: dict = {
        "tables": 0,
        "columns": 0,
        "missing_tables": [],
        "missing_columns": [],
        "extra_columns": [],
        "types": [],
        "nullness": [],
        "vendor": {},
    }
    for alias in _aliases(inside):
        connection = connections[alias]
        found["vendor"][alias] = connection.vendor
        models = [
            model
            for model in apps.get_models(include_auto_created=True)
            if model._meta.managed and not model._meta.proxy and not model._meta.swapped and router.allow_migrate_model(alias, model)
        ]
        with reading(inside, alias) as cursor:
            columns = _columns(connection, cursor, [model._meta.db_table for model in models])
        for model in models:
            _compare(model._meta, columns.get(model._meta.db_table), connection, found)
    return found


def _columns(connection, cursor, tables):
    """{table: {column: (type or None, not null, has a default)}}"""
    if connection.vendor != "postgresql":
        present = set(connection.introspection.table_names(cursor))
        return {
            table: {row.name: (None, not row.null_ok, True) for row in connection.introspection.get_table_description(cursor, table)}
            for table in tables
            if table in present
        }
    quoted = {connection.ops.quote_name(table): table for table in tables}
    cursor.execute(_COLUMNS, [list(quoted)])
    columns: dict = {}
    for table, column, kind, not_null, default, _relkind in cursor.fetchall():
        columns.setdefault(quoted[table], {})[column] = (kind, not_null, default)
    return columns


def _compare(meta, columns, connection, found):
    table = meta.db_table
    if columns is None:
        found["missing_tables"].append(table)
        return
    found["tables"] += 1
    declared = set()
    for field in meta.local_concrete_fields:
        kind = field.db_parameters(connection=connection)["type"]
        if kind is None:
            continue
        declared.add(field.column)
        place = "{0}.{1}".format(table, field.column)
        if field.column not in columns:
            found["missing_columns"].append(place)
            continue
        found["columns"] += 1
        real, not_null, _default = columns[field.column]
        # The key of a table Django makes by itself for a many-to-many relation follows another setting in migrations than in models.
        by_itself = field.primary_key and meta.auto_created and real in ("smallint", "integer", "bigint")
        if real is not None and not by_itself and not same_type(kind, real):
            found["types"].append("{0} is {1}, the model says {2}".format(place, real, kind))
        generated = getattr(field, "generated", False)
        if not field.primary_key and not generated and not_null == bool(field.null):
            found["nullness"].append("{0} {1} null, the model says otherwise".format(place, "may not be" if not_null else "may be"))
    for column in sorted(set(columns) - declared):
        _kind, not_null, default = columns[column]
        found["extra_columns"].append("{0}.{1}{2}".format(table, column, " (required: rows cannot be added)" if not_null and not default else ""))


#: Names that are tried first.
DEFAULT_NAMES = frozenset(["admin", "administrator", "root", "superuser", "test", "user", "django", "demo", "guest"])


def part_superusers(inside):
    """How many active superusers there are, and how they are; no names, no hashes."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import is_password_usable

    model = get_user_model()
    email = model.get_email_field_name() if hasattr(model, "get_email_field_name") else "email"
    has_email = any(field.name == email for field in model._meta.get_fields())
    fields = [model.USERNAME_FIELD, "password"] + ([email] if has_email and email != model.USERNAME_FIELD else [])
    if not any(field.name == "is_superuser" for field in model._meta.get_fields()):
        raise DataError("the user model {0} knows no superusers".format(model._meta.label))
    filters = {"is_superuser": True}
    if any(field.name == "is_active" for field in model._meta.get_fields()):
        filters["is_active"] = True
    with reading(inside, model._default_manager.db):
        rows = list(model._default_manager.filter(**filters).values(*fields)[:100])
    addresses = [str(row.get(email) or "") for row in rows]
    return {
        "active": len(rows),
        "unusable_password": sum(not is_password_usable(row["password"]) for row in rows),
        "default_names": sum(str(row[model.USERNAME_FIELD]).partition("@")[0].lower() in DEFAULT_NAMES for row in rows),
        "without_real_email": sum(
            not re.match(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", address)
            or bool(re.search(r"@(.*\.)?(example\.(com|org|net)|example|invalid|test)$", address))
            for address in addresses
        )
        if has_email
        else None,
        "algorithms": sorted({row["password"].split("$")[0] for row in rows if "$" in row["password"]}),
    }


def part_cache_tables(inside):
    """Tables of database caches that are not there."""
    from django.core.cache import caches
    from django.core.cache.backends.db import BaseDatabaseCache
    from django.db import connections, router

    tables, missing = [], []
    for name in inside.settings.CACHES:
        cache = caches[name]
        if not isinstance(cache, BaseDatabaseCache):
            continue
        for alias in _aliases(inside):
            if router.allow_migrate_model(alias, cache.cache_model_class):
                tables.append(cache._table)
                with reading(inside, alias) as cursor:
                    if cache._table not in connections[alias].introspection.table_names(cursor):
                        missing.append("{0} in {1}".format(cache._table, alias))
    return {"database_caches": len(set(tables)), "tables": sorted(set(tables)), "missing": missing}


def part_static_files(inside):
    """The manifest against the files, and what collecting again would copy."""
    found: dict = {"staticfiles": "django.contrib.staticfiles" in inside.settings.INSTALLED_APPS, "manifest": False}
    if not found["staticfiles"]:
        return found
    from django.contrib.staticfiles.management.commands.collectstatic import Command
    from django.contrib.staticfiles.storage import staticfiles_storage

    entries = getattr(staticfiles_storage, "hashed_files", None) or {}
    found.update(storage=type(staticfiles_storage).__name__, manifest=bool(entries), entries=len(entries), missing=[], changed=[], unchecked=0)
    for name, hashed in sorted(entries.items()):
        match = re.search(r"\.([0-9a-f]{12})(?=\.[^./]*$|$)", hashed)
        try:
            with staticfiles_storage.open(hashed) as content:
                digest = hashlib.md5(usedforsecurity=False)
                for block in iter(lambda: content.read(1 << 16), b""):
                    digest.update(block)
        except OSError:
            found["missing"].append(hashed)
            continue
        if not match:
            found["unchecked"] += 1
        elif digest.hexdigest()[:12] != match.group(1):
            found["changed"].append(name)
    command = Command()
    command.set_options(
        interactive=False,
        verbosity=0,
        link=False,
        clear=False,
        dry_run=True,
        ignore_patterns=[],
        use_default_ignore_patterns=True,
        post_process=False,
    )
    command.collect()
    found["to_copy"] = [str(path) for path in command.copied_files][:20]
    return found


_ACTIVITY = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()
               AND pid <> pg_backend_pid() AND query_start >= %s::timestamptz),
       (SELECT sessions FROM pg_stat_database WHERE datname = current_database())
"""


def _window(cursor, seconds, ask=None, answered=None):
    """Whether the application's role asked the database something within a window: until `answered()`, or for some seconds.

    Sessions other than our own are looked at, in one transaction that keeps our own. A query that started shows at once in
    pg_stat_activity; a session that came and went at least adds to pg_stat_database.sessions.
    """
    cursor.execute("SELECT clock_timestamp()::text, (SELECT sessions FROM pg_stat_database WHERE datname = current_database())")
    since, sessions = cursor.fetchone()
    if ask is not None:
        ask()
    reply, deadline = None, time.monotonic() + seconds
    while True:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_ACTIVITY, [since])
        asked, now_sessions = cursor.fetchone()
        if asked or now_sessions > sessions:
            return True, reply
        if answered is not None and reply is None:
            reply = answered()
            if reply is not None:
                deadline = time.monotonic() + 0.3  # a session that ended reports itself a little later
        elif time.monotonic() > deadline:
            return False, reply
        time.sleep(0.001)


def _readiness_path(inside):
    if not inside.readiness_path:
        raise DataError("no readiness address is known; set readiness_path in the application's contract")
    return inside.readiness_path


def part_readiness(inside):
    """Five readings of the readiness address by the probe, each watched in the database; between them, windows without any."""
    from django.db import connections

    dialogue, path = inside.arguments.get("dialogue"), _readiness_path(inside)
    if not dialogue:
        raise DataError("the probe cannot ask the running application")
    found: dict = {"path": path, "rounds": [], "idle": [], "vendor": connections["default"].vendor}
    rounds = 5

    def ask():
        os.write(dialogue["write"], path.encode("utf-8") + b"\n")

    def reply(wait=0.0):
        if select.select([dialogue["read"]], [], [], wait)[0]:
            return json.loads(os.read(dialogue["read"], 4096).decode("utf-8"))
        return None

    watched = found["vendor"] == "postgresql"
    if watched:
        try:
            with reading(inside):
                pass
        except DataError:
            watched, rounds = False, 1  # what the address says without a database is what counts then
    ask()
    reply(15)  # a worker that has just started takes its time for the first answer
    for _round in range(rounds):
        if not watched:
            ask()
            found["rounds"].append(dict(reply(15) or {}, touched=None))
            continue
        with reading(inside) as cursor:
            touched, answer = _window(cursor, 15, ask, reply)
        answer = answer or reply(15) or {"error": "no answer within 15 seconds"}
        found["rounds"].append(dict(answer, touched=touched))
        time.sleep(0.05)  # a session that ended reports itself a little later, and not in the idle window
        with reading(inside) as cursor:
            found["idle"].append(_window(cursor, max(0.02, answer.get("seconds") or 0))[0])
    return found


def _client_get(inside, path):
    """The address asked in this process, through all middleware, as the proxy would ask."""
    from django.test import Client

    extra = {"HTTP_HOST": (inside.arguments.get("domains") or ["localhost"])[0], "REMOTE_ADDR": "127.0.0.1"}
    header = inside.settings.SECURE_PROXY_SSL_HEADER
    if header:
        extra[header[0]] = header[1]
    return Client(raise_request_exception=False).get(path, secure=True, **extra)


def part_readiness_queries(inside):
    """The statements the readiness view sends, counted in this process: first words only."""
    from django.db import connections

    path = _readiness_path(inside)
    words = []

    def note(execute, sql, params, many, context):
        text = str(sql)
        words.append(text.split(None, 1)[0].upper() + (" FROM" if re.search(r"\bFROM\b", text, re.I) else ""))
        return execute(sql, params, many, context)

    if inside.database_problem:
        raise DataError(inside.database_problem)
    with contextlib.ExitStack() as stack:
        for alias in _aliases(inside):
            stack.enter_context(connections[alias].execute_wrapper(note))
        response = _client_get(inside, path)
    return {"path": path, "status": response.status_code, "queries": len(words), "statements": sorted(set(words))}


def part_readiness_broken(inside):
    """What the readiness view answers in this process after its databases' addresses were turned into a closed port. Comes last."""
    from django.db import connections

    path = _readiness_path(inside)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for alias in _aliases(inside):
        connection = connections[alias]
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        options = dict(connection.settings_dict.get("OPTIONS") or {})
        for name in ("pool", "service", "passfile", "hostaddr"):
            options.pop(name, None)
        if connection.vendor == "sqlite":
            connection.settings_dict.update(NAME="/nonexistent/prodready/no-database")
        else:
            connection.settings_dict.update(HOST="127.0.0.1", PORT=str(port), OPTIONS=options)
    response = _client_get(inside, path)
    return {"path": path, "status": response.status_code}


PARTS = {
    "database": part_database,
    "migrations": part_migrations,
    "schema": part_schema,
    "superusers": part_superusers,
    "cache_tables": part_cache_tables,
    "static_files": part_static_files,
    "readiness": part_readiness,
    "readiness_queries": part_readiness_queries,
    "readiness_broken": part_readiness_broken,
}
