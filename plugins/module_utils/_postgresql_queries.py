# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The questions the probe asks PostgreSQL: read-only, or undone in any case. PRIVATE to the collection."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.module_utils._postgresql import (
    STEMS,
    as_role,
    is_plain_query,
    quote_literal,
    section,
)

SETTINGS = (
    "listen_addresses",
    "password_encryption",
    "port",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "ssl_min_protocol_version",
    "shared_buffers",
    "effective_cache_size",
    "work_mem",
    "maintenance_work_mem",
    "max_connections",
    "data_checksums",
    "log_min_duration_statement",
    "log_timezone",
    "TimeZone",
    "idle_in_transaction_session_timeout",
    "statement_timeout",
)

#: Asked once, in any database.
CLUSTER = {
    "server": """
        SELECT json_build_object(
          'version_num', current_setting('server_version_num')::int, 'version', current_setting('server_version'),
          'port', current_setting('port')::int, 'data_directory', current_setting('data_directory'),
          'hba_file', current_setting('hba_file'), 'ident_file', current_setting('ident_file'),
          'in_recovery', pg_is_in_recovery(), 'started_at', extract(epoch FROM pg_postmaster_start_time()),
          'loaded_at', extract(epoch FROM pg_conf_load_time()),
          'pid', split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int)""",
    "settings": """
        SELECT json_object_agg(name, json_build_object('setting', setting, 'unit', unit, 'source', source, 'file', sourcefile))
        FROM pg_settings WHERE name IN ({0})""".format(", ".join(quote_literal(name) for name in SETTINGS)),
    "pending_restart": "SELECT json_build_object('names', coalesce(json_agg(name ORDER BY name), '[]')) FROM pg_settings WHERE pending_restart",
    "configuration_files": "SELECT DISTINCT to_json(sourcefile)::text FROM pg_file_settings",
    "configuration_errors": """
        SELECT json_build_object('file', f.sourcefile, 'line', f.sourceline, 'error', f.error,
          'name', coalesce(f.name, substring(f.error FROM '"([^"]+)"')),
          'restart', coalesce(s.context = 'postmaster' AND f.error = 'setting could not be applied', false)
            OR (f.name IS NULL AND f.error ~ 'cannot be changed without restarting the server'))  -- taken out of the files
        FROM pg_file_settings f LEFT JOIN pg_settings s ON lower(s.name) = lower(f.name)
        WHERE f.error IS NOT NULL ORDER BY f.seqno""",
    "file_settings": """
        SELECT json_build_object('name', name, 'setting', setting, 'file', sourcefile)
        FROM pg_file_settings WHERE name IS NOT NULL AND sourcefile !~ '/50-prodready[.]conf$' ORDER BY seqno""",
    "hba": "SELECT row_to_json(r) FROM pg_hba_file_rules r ORDER BY line_number",
    "roles": """
        SELECT json_build_object('rolname', r.rolname, 'rolcanlogin', r.rolcanlogin, 'rolsuper', r.rolsuper,
          'rolcreatedb', r.rolcreatedb, 'rolcreaterole', r.rolcreaterole, 'rolreplication', r.rolreplication,
          'rolbypassrls', r.rolbypassrls, 'rolconnlimit', r.rolconnlimit, 'rolpassword', r.rolpassword,
          'member_of', (SELECT array_agg(o.rolname) FROM pg_roles o
                        WHERE o.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, o.oid, 'member')))
        FROM pg_authid r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname""",
    "databases": "SELECT to_json(datname)::text FROM pg_database WHERE datallowconn ORDER BY datname",
    "sessions": """
        SELECT json_build_object('user', a.usename, 'database', a.datname, 'address', host(a.client_addr),
          'tls', s.ssl, 'version', s.version, 'cipher', s.cipher)
        FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
        WHERE a.backend_type = 'client backend' AND a.client_addr IS NOT NULL""",
}

_USER_SCHEMA = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"

#: Asked in each database.
DATABASE = {
    "database": """
        SELECT jsonb_build_object('encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
          'owner', pg_get_userbyid(d.datdba), 'connection_limit', d.datconnlimit, 'oid', d.oid::bigint,
          'provider', to_jsonb(d) -> 'datlocprovider', 'collation_version', to_jsonb(d) -> 'datcollversion',
          'text_search_config', current_setting('default_text_search_config'),
          'public_may', (SELECT coalesce(jsonb_agg(a.privilege_type ORDER BY 1), '[]')
                         FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0))
        FROM pg_database d WHERE d.datname = current_database()""",
    "collations": """
        SELECT jsonb_build_object('name', 'database default', 'recorded', d.datcollversion, 'actual', pg_database_collation_actual_version(d.oid))
        FROM pg_database d WHERE d.datname = current_database()
        UNION ALL
        SELECT jsonb_build_object('name', c.collname, 'recorded', c.collversion, 'actual', pg_collation_actual_version(c.oid))
        FROM pg_collation c WHERE c.collversion IS NOT NULL AND EXISTS (
          SELECT FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
          WHERE a.attcollation = c.oid AND {0})""".format(_USER_SCHEMA),
    "indexes": """
        SELECT json_build_object('total', count(*), 'invalid', coalesce(json_agg(i.indexrelid::regclass::text)
          FILTER (WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)), '[]'))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {0}""".format(_USER_SCHEMA),
    "foreign_keys": """
        SELECT json_build_object('total', count(*), 'without_index', coalesce(json_agg(format('%s(%s)', k.conrelid::regclass,
          (SELECT string_agg(a.attname, ', ') FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))))
          FILTER (WHERE NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid
              AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
              AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\\([^ ]+ IS NOT NULL\\)$'))), '[]'))
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE k.contype = 'f' AND {0}""".format(_USER_SCHEMA),
    "search_columns": """
        SELECT json_build_object('table', a.attrelid::regclass::text, 'column', a.attname,
          'expression', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
          'texts', {1}, 'indexes', (
            SELECT coalesce(json_agg(json_build_object('name', i.indexrelid::regclass::text, 'valid', i.indisvalid AND i.indisready)), '[]')
            FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
            WHERE i.indrelid = a.attrelid AND m.amname = 'gin' AND a.attnum = ANY (i.indkey::int2[])))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.atttypid = 'tsvector'::regtype AND NOT a.attisdropped AND a.attnum > 0 AND c.relkind IN ('r', 'p', 'm') AND {0}""".format(
        _USER_SCHEMA,
        "(SELECT json_agg(t.attname) FROM pg_attribute t JOIN pg_type y ON y.oid = t.atttypid "
        "WHERE t.attrelid = a.attrelid AND t.attnum > 0 AND NOT t.attisdropped AND y.typcategory = 'S' AND t.attgenerated = '')",
    ),
    "search_expressions": """
        SELECT json_build_object('table', i.indrelid::regclass::text, 'column', NULL,
          'expression', pg_get_indexdef(i.indexrelid, k.position::int, false), 'texts', (
            SELECT json_agg(t.attname) FROM pg_attribute t JOIN pg_type y ON y.oid = t.atttypid
            WHERE t.attrelid = i.indrelid AND t.attnum > 0 AND NOT t.attisdropped AND y.typcategory = 'S' AND t.attgenerated = ''),
          'indexes', json_build_array(json_build_object('name', i.indexrelid::regclass::text, 'valid', i.indisvalid AND i.indisready)))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k(attribute, class, position)
        JOIN pg_opclass o ON o.oid = k.class
        WHERE m.amname = 'gin' AND k.attribute = 0 AND o.opcintype = 'tsvector'::regtype AND {0}""".format(_USER_SCHEMA),
    "schemas": """
        SELECT json_build_object('name', n.nspname, 'owner', pg_get_userbyid(n.nspowner),
          'public_may', (SELECT coalesce(json_agg(a.privilege_type ORDER BY 1), '[]')
                         FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.grantee = 0))
        FROM pg_namespace n WHERE {0} ORDER BY n.nspname""".format(_USER_SCHEMA),
}

EMOJI = "\U0001f680"


def cluster_script():
    """All questions about the cluster."""
    return "".join(section(name, statement) for name, statement in CLUSTER.items())


def database_script(app_role):
    """All questions about one database, and what is tried as the application's role and undone."""
    parts = [section(name, statement) for name, statement in DATABASE.items()]
    trip = "SELECT json_build_object('returned', {0}, 'characters', char_length({0}), 'bytes', octet_length({0}))".format(quote_literal(EMOJI))
    parts.append(section("round_trip", trip, **as_role(app_role)))
    if app_role:
        name = quote_literal(app_role)
        parts.append(
            section(
                "app_role",
                "SELECT json_build_object('creates_in', (SELECT coalesce(json_agg(n.nspname ORDER BY n.nspname), '[]') FROM pg_namespace n "
                "WHERE has_schema_privilege({0}, n.oid, 'CREATE') AND {1}), 'creates_schemas', "
                "has_database_privilege({0}, current_database(), 'CREATE'), 'may_connect_to', (SELECT coalesce(json_agg(d.datname ORDER BY d.datname), '[]') "
                "FROM pg_database d WHERE d.datallowconn AND has_database_privilege({0}, d.oid, 'CONNECT')), 'owns', (SELECT count(*) FROM pg_shdepend s WHERE "
                " s.refobjid = quote_ident({0})::regrole AND s.deptype = 'o'))".format(name, _USER_SCHEMA),
            )
        )
        parts.append(section("denied_create_role", 'CREATE ROLE "prodready denied"', **as_role(app_role)))
        parts.append(section("denied_create_table", 'CREATE TABLE public."prodready denied" ()', **as_role(app_role)))
        parts.append(section("denied_program", "COPY (SELECT 1) TO PROGRAM 'true'", **as_role(app_role)))
    return "".join(parts)


def search_script(targets, app_role):
    """For each search vector: does a form of a word find the row it would stand in, and does the plan use the index?"""
    parts = []
    for number, target in enumerate(targets):
        configuration = (target["configurations"] or [target["fallback"]])[0]
        form, word = STEMS.get(target["language"], ("houses", "house"))
        query = "plainto_tsquery({0}::regconfig, {1})".format(quote_literal(configuration), quote_literal(word))
        if target["expression"]:
            filled = ", ".join("{0}, {1}".format(quote_literal(name), quote_literal(form)) for name in target["texts"] or [])
            record = "jsonb_populate_record(NULL::{0}, jsonb_build_object({1}))".format(target["table"], filled)
            tried = "SELECT json_build_object('found', coalesce(({0}) @@ {1}, false)) FROM {2} AS one".format(target["expression"], query, record)
            parts.append(section("stem_{0}".format(number), tried, **as_role(app_role)))
        vector = '"{0}"'.format(target["column"].replace('"', '""')) if target["column"] else "({0})".format(target["expression"])
        boundaries = as_role(app_role)
        boundaries["before"] += "\nSET LOCAL enable_seqscan = off;"
        explained = "EXPLAIN (FORMAT JSON) SELECT 1 FROM {0} WHERE {1} @@ {2}".format(target["table"], vector, query)
        parts.append(section("plan_{0}".format(number), explained, **boundaries))
    return "".join(parts)


def hot_query_script(queries, app_role):
    """The plans of the declared queries, with the planner discouraged from reading whole tables, as a small table would suggest."""
    parts = []
    for number, query in enumerate(queries):
        if is_plain_query(query):
            boundaries = as_role(app_role)
            boundaries["before"] += "\nSET LOCAL enable_seqscan = off;"
            parts.append(section("hot_{0}".format(number), "EXPLAIN (FORMAT JSON) " + query.strip().rstrip(";"), **boundaries))
    return "".join(parts)
