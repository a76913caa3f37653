# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is read from pgbouncer's files and console. The fixtures are answers of 1.18 (Debian 12) and 1.24 (Debian 13)."""

from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer as bouncer
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError
from ansible_collections.prodready.django.plugins.modules import pgbouncer_users

INI = """
# Ansible managed
; old style
[databases]
shop = host=localhost port=5432 dbname=shop pool_size=4 max_db_connections=4
"odd name" = host=10.0.0.1 password='a ''quoted'' one'
* = host=10.0.0.2
[users]
shop_app = pool_mode=transaction
[pgbouncer]
listen_port = 6432
%include /etc/pgbouncer/more.ini
"""
POOLS = [{"name": "shop", "user": "shop_app"}]
SCRAM = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"

CONFIG = "key,value,default,changeable\nlisten_port,6432,6432,no\n"
CONFIG += "pool_mode,transaction,session,yes\nclient_idle_timeout,0,0,yes\nunix_socket_mode,511,0777,no\n"
DATABASES_18 = (
    "name,host,port,database,force_user,pool_size,min_pool_size,reserve_pool,pool_mode,max_connections,current_connections,paused,disabled\n"
    "pgbouncer,,6432,pgbouncer,pgbouncer,2,0,0,statement,0,0,0,0\nshop,localhost,5432,shop,,4,0,1,,5,1,0,0\n"
)
DATABASES_24 = (
    "name,host,port,database,force_user,pool_size,min_pool_size,reserve_pool_size,server_lifetime,pool_mode,load_balance_hosts,max_connections,"
    "current_connections,max_client_connections,current_client_connections,paused,disabled\n"
    "shop,localhost,5432,shop,,4,0,1,3600,,,5,1,0,0,1,0\n"
)
POOLS_18 = (
    "database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,sv_active,sv_active_cancel,sv_being_canceled,sv_idle,sv_used,"
    "sv_tested,sv_login,maxwait,maxwait_us,pool_mode\nshop,shop_app,4,3,0,0,4,0,0,0,0,0,0,5,400000,transaction\n"
)
SERVERS = (
    "type,user,database,state,addr,port,local_addr,local_port,connect_time,request_time,wait,wait_us,close_needed,ptr,link,remote_pid,tls,application_name\n"
    "S,shop_app,shop,idle,127.0.0.1,5432,127.0.0.1,49158,2026-11-23 23:52:22 UTC,2026-11-23 23:52:22 UTC,0,0,0,0x55,,4495,"
    "TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=prime256v1,psql\n"
)


def test_a_configuration_is_read_with_its_quotes_comments_and_includes():
    found = bouncer.parse_ini(INI)
    assert set(found["databases"]) == {"shop", "odd name", "*"}
    assert found["pgbouncer"] == {"listen_port": "6432"}
    assert found["include"] == ["/etc/pgbouncer/more.ini"]
    assert bouncer.parse_connection_string(found["databases"]["odd name"]) == {"host": "10.0.0.1", "password": "a 'quoted' one"}


def test_what_was_here_is_kept_except_what_is_ours_now():
    kept = bouncer.foreign_part(bouncer.parse_ini(INI), POOLS)
    text = bouncer.render_kept(kept)
    assert bouncer.is_ours(text)
    assert bouncer.parse_ini(text)["databases"] == {name: bouncer.parse_ini(INI)["databases"][name] for name in ("odd name", "*")}
    assert "\nplain-one = host=x\n" in bouncer.render_kept({"databases": {"plain-one": "host=x"}})  # pgbouncer refuses needless quotes
    assert bouncer.parse_ini(text)["users"] == {}
    assert "[databases]" not in bouncer.render_kept({})


def test_an_app_takes_the_name_of_a_kept_database_over():
    by_hand = "# mine\n" + bouncer.render_kept(
        {"databases": {"old": "host=10.0.0.9", "shop": "host=10.0.0.9"}, "users": {"shop_app": "pool_mode=session"}}
    )
    assert bouncer.without(by_hand, [{"name": "paper", "user": "paper_app"}]) == by_hand
    left = bouncer.parse_ini(bouncer.without(by_hand, POOLS))
    assert (left["databases"], left["users"]) == ({"old": "host=10.0.0.9"}, {})


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("host=127.0.0.1 dbname=old pool_size=30", "localhost", {"old": 30}),
        ("dbname=old", "localhost", {"old": 0}),  # no host is the socket here, no size the pooler's default
        ("host=/run/postgresql pool_size=30 max_db_connections=12", "::1", {"old": 12}),
        ("host=localhost port=5433 pool_size=30", "localhost", {}),
        ("host=10.0.0.9 pool_size=30", "localhost", {}),
        ("host=10.0.0.9 pool_size=30", "10.0.0.9", {"old": 30}),
    ],
)
def test_what_is_kept_is_counted_where_it_leads_to_the_same_server(text, host, expected):
    assert bouncer.kept_pools({"old": text}, host, 5432) == expected
    assert (bouncer.elsewhere({"old": text}, host, 5432) == []) == bool(expected)


def test_a_database_elsewhere_is_named_with_its_place():
    databases = {"far": "host=10.0.0.9 dbname=x", "other": "port=5433", "here": "host=127.0.0.1"}
    assert bouncer.elsewhere(databases, "localhost", 5432) == ["far at 10.0.0.9:5432", "other at the local socket:5433"]


def test_users_go_there_and_back_and_kept_ones_stay_kept():
    text = bouncer.render_users({"shop_app": SCRAM}, {"old": 'md5 "x"', "shop_app": "stale"})
    assert [(name, secret) for name, secret, _rest in bouncer.parse_users(text)] == [("old", 'md5 "x"'), ("shop_app", SCRAM)]
    assert bouncer.kept_users(text) == {"old": 'md5 "x"'}
    assert bouncer.render_users({"shop_app": SCRAM}, bouncer.kept_users(text)) == text


USERS = '"a_app" "old"\n; a comment\n"b ""b" "old" kept\n'


@pytest.mark.parametrize(
    ("verifiers", "after"),
    [
        ({}, USERS),
        ({"a_app": "old", "nobody": "new"}, USERS),
        ({"a_app": "new"}, USERS.replace('"a_app" "old"', '"a_app" "new"')),
        ({'b "b': 'n"w'}, USERS.replace('"b ""b" "old" kept', '"b ""b" "n""w" kept')),
    ],
)
def test_only_the_roles_asked_for_get_another_verifier(verifiers, after):
    assert bouncer.renewed_users(USERS, verifiers) == after


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ("2026 UTC [1] LOG kernel file descriptor limit: 1024\n2026 UTC [1] FATAL nowhere to listen on", []),
        (
            '2026 UTC [1] ERROR invalid value "foo" for parameter pool_mode in configuration (/x:10)\n2026 UTC [1] FATAL cannot load config file',
            ['invalid value "foo" for parameter pool_mode in configuration (/x:10)', "cannot load config file"],
        ),
        (
            "2026 UTC [1] ERROR could not open auth_file /nope: No such file or directory\n2026 UTC [1] FATAL nowhere to listen on",
            ["could not open auth_file /nope: No such file or directory"],
        ),
        ("2026 UTC [1] ERROR TLS setup failed\n2026 UTC [1] FATAL TLS setup failed", ["TLS setup failed", "TLS setup failed"]),
        ("", ["pgbouncer did not come to the end of the file: it said nothing"]),
    ],
)
def test_only_a_configuration_without_complaint_passes(said, problems):
    assert bouncer.test_problems(said) == problems


def test_a_staged_configuration_listens_nowhere():
    settings = bouncer.parse_ini(bouncer.staged(INI))["pgbouncer"]
    assert (settings["listen_addr"], settings["unix_socket_dir"], settings["listen_port"]) == ("", "", "6432")
    assert bouncer.named_files("[pgbouncer]\nauth_file = /a\nlogfile =\n", ("auth_file", "logfile", "client_tls_cert_file")) == ["/a"]


@pytest.mark.parametrize("text", ["PgBouncer 1.18.0\nlibevent 2.1", "PgBouncer 1.18.0"])
def test_a_version_is_read(text):
    assert bouncer.parse_version(text) == "1.18.0"
    with pytest.raises(ObservationError):
        bouncer.parse_version("pgcat 1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("yes", "1", True),
        ("0777", "511", True),
        ("5.0", "5", True),
        ("a, b", "a,b", True),
        ("0", "", False),
        ("transaction", "session", False),
        ("20", "200", False),
    ],
)
def test_values_are_compared_as_pgbouncer_means_them(one, other, same):
    assert bouncer.same_value(one, other) is same


def test_a_difference_says_whether_it_takes_a_restart():
    running = bouncer.parse_csv(CONFIG)
    wanted = {"listen_port": "6433", "pool_mode": "session", "client_idle_timeout": "0", "unix_socket_mode": "0777", "bogus": "1"}
    found = {one["name"]: one["restart"] for one in bouncer.config_differences(wanted, running)}
    assert found == {"listen_port": True, "pool_mode": False, "bogus": True}


@pytest.mark.parametrize("answer", [DATABASES_18, DATABASES_24])
def test_a_database_is_compared_by_what_the_console_tells(answer):
    running = bouncer.parse_csv(answer)
    same = {"shop": "host=localhost port=5432 dbname=shop pool_size=4 reserve_pool=1 max_db_connections=5", "*": "host=x"}
    assert bouncer.database_differences(same, running) == []
    other = {"shop": "host=localhost pool_size=9 password=secret", "blog": "host=localhost password=secret"}
    found = bouncer.database_differences(other, running)
    assert [one["name"] for one in found] == ["blog", "shop pool_size"]
    assert "secret" not in repr(found)


def test_a_pool_is_described_from_three_answers():
    text = f"@@databases\n{DATABASES_18}@@pools\n{POOLS_18}@@stats\ndatabase,avg_wait_time,total_query_count\nshop,250000,7\n@@config\n{CONFIG}"
    answers = {name: bouncer.parse_csv(part) for name, part in bouncer.split_answers(text).items()}
    pool = bouncer.describe_pool("shop", "shop_app", answers)
    assert (pool["size"], pool["reserve"], pool["most"], pool["mode"], pool["paused"]) == (4, 1, 5, "transaction", False)
    assert (pool["waiting"], pool["longest_wait"], pool["average_wait"]) == (3, 5.4, 0.25)
    assert bouncer.describe_pool("blog", "blog_app", answers) is None


def test_a_session_that_is_no_connection_of_the_pooler_is_a_stranger():
    servers = bouncer.describe_connections(bouncer.parse_csv(SERVERS), "shop")
    assert servers[0]["tls"].startswith("TLSv1.3")
    assert bouncer.describe_connections(bouncer.parse_csv(SERVERS), "blog") == []
    assert bouncer.describe_connections(bouncer.parse_csv(SERVERS)) == servers  # an adopted entry may lead to the same database
    through, round_it, recycled = {"pid": 4495, "port": 49158}, {"pid": 4500, "port": 50000}, {"pid": 4495, "port": 50001}
    assert bouncer.strangers_among([through, round_it, recycled], servers) == [round_it, recycled]


class Server:
    """A server that has one of two roles."""

    def __init__(self, _run_command, _port):
        pass

    def sections(self, _sql):
        return {"verifiers": {"sqlstate": "", "text": '{"name": "shop_app", "verifier": "' + SCRAM + '"}'}}


def test_only_check_mode_foresees_a_role_that_is_not_there(monkeypatch):
    monkeypatch.setattr(pgbouncer_users, "Psql", Server)
    assert pgbouncer_users.verifiers(None, 5432, ["shop_app", "new_app"], foreseen=["new_app"]) == {"shop_app": SCRAM}
    with pytest.raises(ObservationError, match="found no login role new_app"):
        pgbouncer_users.verifiers(None, 5432, ["shop_app", "new_app"])
