# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a server is kept: what its answers are read as, and what each means, with what breaks it and what only looks like it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_probe as probe
from ansible_collections.prodready.django.plugins.module_utils import _postgresql_upkeep as upkeep
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.plugin_utils._judge_postgresql import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context, Verdict

CHECKS = Path(__file__).parents[2] / "checklist" / "checks" / "postgresql.yml"
ARGS = {check["judge"]: check.get("args", {}) for check in yaml.safe_load(CHECKS.read_text(encoding="utf-8"))["checks"] if "judge" in check}
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
PARAMS = {"app_role": "shop_app", "database": "shop", "app_roles": ["shop_app"], "pool_size": 20}
DAY = 86400


def verdict(name: str, value: Any, observations: Any = None, **params: Any) -> Verdict:
    context = Context(params={**PARAMS, **params}, observations=observations or {}, now=NOW, args=ARGS[name])
    return JUDGEMENTS[name](value, context)


def judge(name: str, value: Any, observations: Any = None, **params: Any) -> str:
    return verdict(name, value, observations, **params).status


# --- Reading ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [("500ms", 500), ("30s", 30000), ("1min", 60000), ("250", 250), ("-1", -1), ("0.5 s", 500), ("0", 0)])
def test_a_time_is_read_with_and_without_its_unit(text, expected):
    assert upkeep.milliseconds(text) == expected


def test_what_is_no_time_is_said():
    with pytest.raises(ObservationError, match="fast"):
        upkeep.milliseconds("fast")


def test_thresholds_of_roles_and_databases_are_found_among_their_settings():
    rows = [
        {"role": "shop_app", "database": "shop", "settings": ["statement_timeout=30s", "log_min_duration_statement=-1"]},
        {"role": "", "database": "shop", "settings": ["default_text_search_config=a=b"]},
        {"role": "bob", "database": "", "settings": None},
    ]
    assert upkeep.read_overrides(rows, "log_min_duration_statement") == [{"role": "shop_app", "database": "shop", "ms": -1}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("pg_stat_statements", ["pg_stat_statements"]),
        ('"timescaledb", $libdir/pg_cron', ["timescaledb", "pg_cron"]),
    ],
)
def test_libraries_are_named_without_paths_and_quotes(text, expected):
    assert upkeep.library_names(text) == expected


def test_a_duration_in_the_log_belongs_to_our_mark():
    log = (
        "2026-11-24 00:01:02 UTC [12] postgres@shop/psql LOG:  duration: 900.1 ms  statement: SELECT pg_sleep(0.9) AS another\n"
        '2026-11-24 00:01:03 UTC [12] postgres@shop/psql LOG:  duration: 600.723 ms  statement: SELECT pg_sleep(0.6) AS "prodready_slow_ab12";\n'
    )
    assert upkeep.find_duration(log, "prodready_slow_ab12") == 600.723
    assert upkeep.find_duration(log, "prodready_slow_cd34") is None
    assert upkeep.find_duration("ERROR at SELECT prodready_slow_ab12", "prodready_slow_ab12") is None


POOLS = """name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool|pool_mode|max_connections|current_connections|paused|disabled
pgbouncer||6432|pgbouncer|pgbouncer|2|0|0|statement|0|0|0|0
shop|localhost|5432|shop||18|0|0||0|0|0|0
(2 rows)
"""


def test_pools_are_those_of_the_running_pooler():
    assert upkeep.read_pools(POOLS) == {"shop": {"size": 18, "database": "shop", "port": "5432"}}
    assert upkeep.read_pools("") == {}


@pytest.mark.parametrize("column", ["reserve_pool", "reserve_pool_size"])
def test_what_a_pool_may_hold_includes_its_reserve(column):
    text = POOLS.replace("reserve_pool", column).replace("|18|0|0|", "|18|0|5|")
    assert upkeep.read_pools(text)["shop"]["size"] == 23


def test_the_pooler_is_asked_at_the_port_it_was_given():
    def run_command(argv, **_options):
        if argv[0] == "systemctl":
            return 0, "active\n", ""
        return (0, POOLS, "") if argv[argv.index("-p") + 1] == "6433" else (2, "", "no such socket")

    assert upkeep.observe_pooler(run_command, [], 6433)["pools"]["shop"]["size"] == 18
    with pytest.raises(ObservationError):
        upkeep.observe_pooler(run_command, [], 6432)


def test_a_stamp_of_systemd_is_read_as_utc():
    assert upkeep.read_stamp("Tue 2026-11-24 10:11:19 UTC") == 1795515079
    assert upkeep.read_stamp("") is None
    assert upkeep.read_stamp("n/a") is None


def test_timers_are_described_by_systemd_and_by_the_record_of_their_last_success(tmp_path):
    (tmp_path / "analyze.json").write_text('{"finished": 1795515079, "databases": "shop"}\n')

    told = {
        "prodready-postgresql-analyze.timer": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
        "NextElapseUSecRealtime=Tue 2026-11-24 10:11:19 UTC\nResult=success\n",
        "prodready-postgresql@analyze.service": "LoadState=loaded\nActiveState=inactive\nUnitFileState=static\nResult=exit-code\n",
    }
    absent = "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNextElapseUSecRealtime=\nResult=success\n"

    def run(argv, **_kwargs):
        return 0, "\n".join(f"Id={unit}\n{told.get(unit, absent)}" for unit in argv[4:]), ""

    found = upkeep.observe_maintenance(run, str(tmp_path))
    assert found["analyze"] == {
        "timer": "prodready-postgresql-analyze.timer",
        "loaded": True,
        "enabled": True,
        "active": True,
        "next": 1795515079,
        "result": "exit-code",
        "running": False,
        "last": 1795515079,
    }
    assert found["vacuum"]["loaded"] is False
    assert found["vacuum"]["last"] is None


def cluster(tmp_path: Path, text: str, **more: str) -> Path:
    path = tmp_path / "15" / "main"
    (path / "conf.d").mkdir(parents=True)
    (path / "postgresql.conf").write_text(text)
    for name, content in more.items():
        (path / "conf.d" / name.replace("_conf", ".conf").replace("_", "-")).write_text(content)
    return path


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("#shared_preload_libraries = ''\t# (change requires restart)\n", {}, []),
        ("shared_preload_libraries = 'timescaledb, auto_explain'\n", {}, ["timescaledb", "auto_explain"]),
        ("shared_preload_libraries = 'timescaledb'\n", {"90_conf": "shared_preload_libraries='pg_cron'\n"}, ["pg_cron"]),
        ("", {"50_prodready_conf": "shared_preload_libraries = 'pg_stat_statements'\n"}, []),
    ],
)
def test_what_somebody_elses_files_load_is_kept_and_ours_is_not_asked(tmp_path, text, more, expected):
    cluster(tmp_path, text, **more)
    assert probe.observe_preloaded("15/main", str(tmp_path)) == expected


def test_rules_of_before_are_those_that_were_saved_else_those_in_force(tmp_path):
    path = cluster(tmp_path, "")
    saved = path / "pg_hba.conf.before-prodready"
    assert probe.observe_foreign_rules(str(saved), "15/main", str(tmp_path)) == {"kept": False, "rules": []}
    (path / "pg_hba.conf").write_text("# a comment\n\nlocal all all peer\n")
    assert probe.observe_foreign_rules(str(saved), "15/main", str(tmp_path)) == {"kept": False, "rules": ["local all all peer"]}
    saved.write_text("host wiki wiki 10.0.0.0/8 scram-sha-256  # the wiki\n")
    expected = {"kept": True, "rules": ["host wiki wiki 10.0.0.0/8 scram-sha-256  # the wiki"]}
    assert probe.observe_foreign_rules(str(saved), "15/main", str(tmp_path)) == expected


# --- Judging ------------------------------------------------------------------------------------------------------------


def statements(**changes: Any) -> dict[str, Any]:
    row = {"role": "shop_app", "database": "shop", "statements": 3, "calls": 90, "slow": []}
    return {"preloaded": True, "database": "postgres", "problem": "", "by_role": [row], **changes}


def slow(mean: float, calls: int = 50, **changes: Any) -> dict[str, Any]:
    found = statements()
    found["by_role"][0].update(slow=[{"query": "SELECT 1", "calls": calls, "mean_ms": mean}], **changes)
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (statements(), "pass"),
        (statements(preloaded=False), "fail"),
        (statements(database=""), "fail"),
        (statements(by_role=[]), "fail"),
        (statements(problem="it hides"), "error"),
    ],
)
def test_statistics_that_nobody_can_read_are_not_collected(value, expected):
    assert judge("statements_collected", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (statements(), "pass"),
        (slow(100.0), "pass"),
        (slow(100.1), "fail"),
        (slow(5000.0, calls=20), "pass"),
        (slow(5000.0, role="postgres"), "error"),  # somebody else's, and nothing is known of the application
        (statements(by_role=[]), "error"),
    ],
)
def test_only_what_the_application_often_asks_can_be_slow(value, expected):
    assert judge("no_slow_statements", value) == expected


def session(ms: int = 500, idle: int = 60000, *thresholds: tuple[str, str, int]) -> dict[str, Any]:
    given = [{"role": role, "database": database, "ms": ms} for role, database, ms in thresholds]
    return {"log_min_duration_statement": ms, "idle_in_transaction_session_timeout": idle, "thresholds": given}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (session(500), "pass"),
        (session(0), "pass"),
        (session(1000), "pass"),
        (session(1001), "fail"),
        (session(-1), "fail"),
        (session(500, 1, ("bob", "", 250)), "pass"),
        (session(500, 1, ("bob", "", -1)), "fail"),
        (session(500, 1, ("", "wiki", 60000)), "fail"),
    ],
)
def test_no_role_and_no_database_is_exempt_from_the_slow_log(value, expected):
    assert judge("slow_log_settings", value) == expected


@pytest.mark.parametrize(
    ("statement", "lock", "expected"),
    [
        (30000, 10000, "pass"),
        (600000, 600000, "pass"),
        (0, 10000, "fail"),
        (30000, 0, "fail"),
        (600001, 10000, "fail"),
        (30000, 600001, "fail"),
    ],
)
def test_a_statement_and_its_wait_for_a_lock_end(statement, lock, expected):
    found = verdict("statements_end", {**session(), "statement_timeout": statement, "lock_timeout": lock})
    assert found.status == expected
    assert expected == "pass" or "a statement of shop_app may" in found.reason


def config(**changes: Any) -> dict[str, Any]:
    return {"files": ["/etc/a.conf"], "newer": [], "errors": [], "needs_restart": [], "pending_restart": [], **changes}


FILES = {
    "server": {"value": {"hba_file": "/etc/pg_hba.conf", "data_directory": "/data"}},
    "settings": {"value": {"ssl_cert_file": {"setting": "server.crt"}}},
}


@pytest.mark.parametrize(
    ("changes", "expected", "reason"),
    [
        ({}, "pass", ""),
        ({"needs_restart": ["max_connections"], "pending_restart": ["max_connections"]}, "fail", "after a restart: max_connections"),
        ({"newer": ["/etc/a.conf"]}, "fail", "changed after the server had read it: /etc/a.conf"),
        ({"newer": ["/etc/pg_hba.conf", "/data/server.crt"]}, "pass", ""),  # checks of their own say so
        ({"newer": ["/data/server.key"]}, "fail", "/data/server.key"),
        ({"errors": [{"file": "/etc/a.conf", "line": 3, "error": "syntax error", "name": None}]}, "fail", "line 3 of /etc/a.conf is faulty"),
        ({"errors": [{"file": None, "line": None, "error": "invalid value", "name": "x"}]}, "fail", "faulty (invalid value)"),
    ],
)
def test_what_the_files_say_is_in_force(changes, expected, reason):
    found = verdict("in_effect", config(**changes), FILES)
    assert found.status == expected
    assert reason in (found.reason or "")


@pytest.mark.parametrize("name", upkeep.SESSION_SETTINGS)
def test_a_session_is_asked_for_every_setting_it_has_from_its_log_in(name):
    assert upkeep.session_script("shop_app").rpartition("FROM pg_settings WHERE name IN")[2].count(f"'{name}'") == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"tried": True, "logged": True, "threshold_ms": 500, "seconds": 0.0}, "pass"),
        ({"tried": True, "logged": False, "threshold_ms": 500, "seconds": 5.0}, "fail"),
        ({"tried": False, "logged": False, "threshold_ms": -1, "seconds": None}, "error"),
    ],
)
def test_a_slow_statement_has_to_be_seen_in_the_log(value, expected):
    assert judge("slow_statement_logged", value) == expected


@pytest.mark.parametrize(("idle", "expected"), [(60000, "pass"), (600000, "pass"), (600001, "fail"), (0, "fail")])
def test_idle_in_a_transaction_ends(idle, expected):
    assert judge("idle_timeout", session(500, idle)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(60, "pass"), (61, "fail")])
def test_a_statement_may_run_for_a_minute(seconds, expected):
    assert judge("nothing_stuck", [{"user": "shop_app", "database": "shop", "seconds": seconds}]) == expected
    assert judge("nothing_stuck", []) == "pass"


@pytest.mark.parametrize(("seconds", "expected"), [(3600, "pass"), (3601, "fail"), (None, "fail")])
def test_an_old_transaction_or_a_forgotten_slot_holds_back_vacuum(seconds, expected):
    assert judge("not_held_back", [{"what": "a session", "seconds": seconds}]) == expected
    assert judge("not_held_back", []) == "pass"


def table(**changes: Any) -> dict[str, Any]:
    given = {"name": "public.art", "live": 1000, "dead": 0, "changed": 0, "empty": False, "age": 5000, "analyzed": True, "opted_out": False}
    return {**given, **changes}


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("analyzed", {}, "pass"),
        ("analyzed", {"analyzed": False}, "fail"),
        ("analyzed", {"analyzed": False, "empty": True}, "pass"),
        ("statistics_fresh", {"changed": 200}, "pass"),
        ("statistics_fresh", {"changed": 201}, "fail"),
        ("statistics_fresh", {"changed": 50, "live": 10}, "pass"),  # the server itself ignores fifty rows
        ("statistics_fresh", {"changed": 51, "live": 10}, "fail"),
        ("no_table_opts_out", {}, "pass"),
        ("no_table_opts_out", {"opted_out": True}, "fail"),
        ("vacuum_effective", {}, "pass"),
        ("vacuum_effective", {"live": 9000, "dead": 1800}, "pass"),
        ("vacuum_effective", {"live": 9000, "dead": 1801}, "fail"),
        ("vacuum_effective", {"live": 10, "dead": 1000}, "pass"),
        ("vacuum_effective", {"age": 250000001}, "fail"),
    ],
)
def test_one_table_is_enough_to_fail(name, changes, expected):
    assert judge(name, [table(), table(name="public.tag", **changes)]) == expected


def test_a_database_without_tables_has_nothing_to_vacuum():
    assert {judge(name, []) for name in ("analyzed", "statistics_fresh", "vacuum_effective")} == {"not_applicable"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, "pass"), ({"autovacuum": "off"}, "fail"), ({"track_counts": "off"}, "fail"), ({"launcher": False}, "fail")],
)
def test_autovacuum_needs_its_switches_and_its_launcher(changes, expected):
    assert judge("autovacuum_enabled", {"autovacuum": "on", "track_counts": "on", "launcher": True, **changes}) == expected


@pytest.mark.parametrize(
    ("limit", "params", "expected"),
    [
        (20, {}, "pass"),
        (-1, {}, "fail"),
        (19, {}, "fail"),
        (20, {"pools": {"shop": {"size": 21}}}, "fail"),  # the running pooler's word is worth more than the declared one
        (20, {"pools": {"wiki": {"size": 21}}}, "pass"),
        (5, {"pool_size": 0}, "pass"),
        (0, {"pool_size": 0}, "fail"),
    ],
)
def test_a_role_has_a_limit_that_its_pool_fits_in(limit, params, expected):
    assert judge("role_limit", {"shop_app": {"connection_limit": limit}}, **params) == expected
    assert judge("role_limit", {}) == "fail"


@pytest.mark.parametrize(
    ("changes", "observations", "params", "expected"),
    [
        ({}, {}, {"needed_connections": 92}, "pass"),
        ({}, {}, {"needed_connections": 93}, "fail"),
        ({"reserved": 10}, {}, {"needed_connections": 86}, "fail"),
        ({}, {"pooler": {"value": {"pools": {"a": {"size": 50}, "b": {"size": 50}}}}}, {}, "fail"),
        ({}, {"roles": {"value": {"shop_app": {"connection_limit": 40}}}}, {}, "pass"),
        ({}, {"roles": {"value": {"shop_app": {"connection_limit": 400}}}}, {}, "fail"),
        ({"used": 79}, {}, {}, "pass"),
        ({"used": 80}, {}, {}, "fail"),
    ],
)
def test_pools_and_reserve_fit_below_the_limit(changes, observations, params, expected):
    assert judge("headroom", {"max": 100, "reserved": 3, "used": 5, **changes}, observations, **params) == expected


def timers(**changes: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    given = {
        "timer": "t",
        "loaded": True,
        "enabled": True,
        "active": True,
        "next": now + 3600,
        "result": "success",
        "running": False,
        "last": now - 3600,
    }
    return {"analyze": {**given, **changes}, "vacuum": dict(given), "reindex": dict(given)}


@pytest.mark.parametrize(
    ("changes", "scheduled", "last_run"),
    [
        ({}, "pass", "pass"),
        ({"loaded": False}, "fail", "pass"),
        ({"enabled": False}, "fail", "pass"),
        ({"active": False}, "fail", "pass"),
        ({"next": None}, "fail", "pass"),
        ({"next": None, "running": True}, "pass", "pass"),
        ({"next": int(NOW.timestamp()) + 2 * DAY + 1}, "fail", "pass"),
        ({"result": "exit-code"}, "pass", "fail"),
        ({"last": int(NOW.timestamp()) - 2 * DAY}, "pass", "pass"),
        ({"last": int(NOW.timestamp()) - 2 * DAY - 1}, "pass", "fail"),
        ({"last": None}, "pass", "pending"),
        ({"last": None, "next": None}, "fail", "fail"),
    ],
)
def test_maintenance_is_due_and_was_done_in_time(changes, scheduled, last_run):
    assert judge("maintenance_scheduled", timers(**changes)) == scheduled
    assert judge("maintenance_last_run", timers(**changes)) == last_run


def test_a_first_run_that_is_still_ahead_says_until_when():
    assert "2026-11-23 01:00 UTC" in verdict("maintenance_last_run", timers(last=None)).reason
