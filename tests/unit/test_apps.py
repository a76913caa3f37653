"""The user's few values: defaults, refusals, and what each role is handed."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils import _app_options, _apps
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

APP = {"domains": ["shop.example.org"], "source": {"type": "tree", "path": "/x"}, "settings_module": "shop.settings"}
REDIS = {"cache": "redis"}
SECRETS = {"shop": {"secret_key": "k", "database_owner_password": "o", "database_app_password": "a"}}


def test_defaults_are_filled_in():
    (app,) = _apps.resolve_apps({"shop": APP})
    assert (app["wsgi"], app["threads"], app["contract"]["admin_path"]) == ("shop.wsgi:application", 2, "/admin/")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("shop", {"domains": []}, "domains is missing"),
        ("shop", {"domains": ["*"]}, "wildcard"),
        ("shop", {"domains": [".example.org"]}, "not a host name"),
        ("shop", {"domains": ["Example.org"]}, "not a host name"),
        ("shop", {"domains": ["example.org:443"]}, "not a host name"),
        ("shop", {"domains": "example.org"}, "domains must be a list"),
        ("shop", {"domain": ["x"]}, "unknown key 'domain'; known are domains"),
        ("shop", {"settings_module": ""}, "settings_module is missing"),
        ("shop", {"threads": True}, "threads must be a int"),
        ("shop", {"contract": {"login": "/x"}}, "unknown key 'login'; known are home_path"),
        ("shop", {"contract": {"home_path": 5}}, "contract.home_path must be a str, found 5"),
        ("shop", {"contract": {"cors_origins": "https://a.example.org"}}, "contract.cors_origins must be a list"),
        ("shop", {"contract": {"text_search_config": "english_unaccent"}}, "'english_unaccent', which PostgreSQL does not ship; expected a language"),
        ("shop", {"contract": {"text_search_config": ["english"]}}, "text_search_config must be a str or dict"),
        ("shop", {"contract": {"text_search_config": {"config": "w", "copy": "klingon"}}}, "text_search_config.copy is 'klingon'"),
        ("shop", {"contract": {"text_search_config": {"config": "english", "copy": "english"}}}, "text_search_config.config is 'english'; a name of"),
        ("shop", {"contract": {"text_search_config": {"copy": "english"}}}, "text_search_config.config is ''; a name of"),
        ("shop", {"contract": {"text_search_config": {"language": "english"}}}, "text_search_config has the unknown key 'language'"),
        ("acme", {}, "taken by what the host keeps"),
        ("Shop", {}, "starts with a letter"),
        ("shop", {"pooling": 1}, "pooling must be a bool"),
        ("shop", {"cache": "memcached"}, "cache is 'memcached'; one of database, redis, none"),
        ("shop", {"cache_server": {"host": "cache.internal"}}, "cache_server is set and cache is database; redis is expected"),
        ("shop", {**REDIS, "cache_server": {"port": 6380}}, "cache_server.host is ''; a host name in lower case or an address"),
        ("shop", {**REDIS, "cache_server": {"hosts": "a"}}, "cache_server has the unknown key 'hosts'; known are host"),
        ("shop", {**REDIS, "cache_server": {"host": "a:b@c"}}, "cache_server.host is 'a:b@c'; a host name"),
        ("shop", {**REDIS, "cache_server": {"host": "10.0.0.0/8"}}, "cache_server.host is '10.0.0.0/8'; a host name"),
        ("shop", {**REDIS, "cache_server": {"host": "10.0.0.9", "port": 70000}}, "cache_server.port is 70000; at most 65535"),
        ("shop", {**REDIS, "cache_server": {"host": "10.0.0.9", "ca_file": "ca.pem"}}, "cache_server.ca_file is 'ca.pem'; the whole path"),
        (
            "shop",
            {**REDIS, "cache_server": {"host": "cache.internal"}},
            "outbound lets the app talk to localhost alone; the address or network of that",
        ),
        ("shop", {**REDIS, "cache_server": {"host": "10.0.0.9"}, "outbound": ["10.1.0.0/16"]}, "outbound lets the app talk to 10.1.0.0/16 alone"),
        ("shop", {"settings_overlay": "yes"}, "settings_overlay is 'yes'; one of auto, always, never"),
        ("shop", {"wsgi": "a:b", "asgi": "a:c"}, "wsgi and asgi are both set"),
        ("shop", {"processes": {"Worker": {"command": ["x"]}}}, "processes holds 'Worker'"),
        ("shop", {"processes": {"worker": {}}}, "processes.worker.command is missing"),
        ("shop", {"processes": {"worker": {"command": "x"}}}, "processes.worker.command must be a list"),
        ("shop", {"processes": {"worker": {"command": ["x"], "count": 2}}}, "processes.worker has the unknown key 'count'"),
        ("shop", {"processes": {"worker": {"command": ["x"], "instances": True}}}, "processes.worker.instances must be a int"),
        ("shop", {"rate_limits": {"login": "10/m"}}, "rate_limits.login is '10/m'; requests per second"),
        ("shop", {"outbound": ["localhost", "smtp.example.org"]}, "outbound holds 'smtp.example.org', which is no address; an address or network"),
        ("shop", {"admin_allow": ["203.0.113.7/24"]}, "has host bits set"),
        ("shop", {"maintenance_allow": ["office"]}, "maintenance_allow holds 'office'"),
        ("shop", {"rate_limits": {"logins": "10r/m"}}, "rate_limits has the unknown key 'logins'"),
        ("shop", {"rate_limits": {"api_burst": 501}}, "rate_limits.api_burst is 501; 0 to 500 requests"),
        ("shop", {"rate_limits": {"login_burst": -1}}, "rate_limits.login_burst is -1; 0 to 500"),
        ("shop", {"threads": -1}, "threads is -1; at least 0 is expected; 0 works it out"),
        ("shop", {"workers": -2}, "workers is -2; at least 0 is expected; 0 works it out"),
        ("shop", {"pool_size": -1}, "pool_size is -1; at least 0"),
        ("shop", {"worker_memory_mb": 0}, "worker_memory_mb is 0; at least 1 is expected"),
        ("shop", {"processes": {"w": {"command": ["x"], "connections": -1}}}, "processes.w.connections is -1; at least 0"),
        ("shop", {"processes": {"w": {"command": ["x"], "instances": 0}}}, "processes.w.instances is 0; at least 1"),
        ("shop", {"asgi": "a:c", "pooling": False}, "asgi is set and pooling is false; an ASGI worker takes any number"),
        ("shop", {"hsts_preload": True}, "hsts_preload is set with hsts_include_subdomains false"),
        (
            "shop",
            {"hsts_preload": True, "hsts_include_subdomains": True, "hsts_max_age": 300},
            "include_subdomains true and hsts_max_age 300; browsers preload",
        ),
    ],
)
def test_a_mistake_names_the_app_and_what_is_expected(name, change, words):
    with pytest.raises(ChecklistError, match=f"prodready_apps.{name}: .*{words}".replace("*", "[*]").replace(": .[*]", ": .*")):
        _apps.resolve_apps({name: {**APP, **change}})


@pytest.mark.parametrize("apps", [None, {}, [], "x"])
def test_no_apps_is_refused(apps):
    with pytest.raises(ChecklistError, match="at least one app"):
        _apps.resolve_apps(apps)


def test_a_domain_belongs_to_one_app():
    with pytest.raises(ChecklistError, match="belongs to shop already"):
        _apps.resolve_apps({"shop": APP, "blog": APP})


@pytest.mark.parametrize("secrets", [None, {}, [], {"shop": None}, {"blog": {"secret_key": "k"}}])
def test_secrets_that_are_not_there_are_left_to_the_role_that_needs_them(secrets):
    assert _app_options.app_secrets(secrets, "shop") == {}
    (database,) = _app_options.databases_with_passwords(_apps.resolve_apps({"shop": APP}), secrets)
    assert (database["owner_password"], database["app_password"]) == ("", "")


def test_databases_carry_passwords_only_where_asked():
    apps = _apps.resolve_apps({"shop": APP})
    assert not any("password" in key for key in _app_options.databases(apps)[0])
    assert _app_options.databases_with_passwords(apps, SECRETS)[0]["app_password"] == "a"


@pytest.mark.parametrize(
    ("declared", "handed_over"),
    [
        (None, {}),
        ("", {}),
        ("english", {"text_search_config": "english"}),
        (
            {"config": "english_unaccent", "copy": "english", "unaccent": True},
            {"text_search": {"config": "english_unaccent", "copy": "english", "unaccent": True}},
        ),
        ({"config": "words", "copy": "simple"}, {"text_search": {"config": "words", "copy": "simple", "unaccent": False}}),
    ],
)
def test_a_text_search_of_ones_own_reaches_the_role(declared, handed_over):
    apps = _apps.resolve_apps({"shop": {**APP, "contract": {"text_search_config": declared}}})
    for database in (_app_options.databases(apps)[0], _app_options.databases_with_passwords(apps, SECRETS)[0]):
        assert {key: value for key, value in database.items() if key.startswith("text_search")} == handed_over


def test_the_plan_names_every_subject_of_every_app():
    plan = _apps.plan_host("web1", {"shop": APP, "blog": {**APP, "domains": ["blog.example.org"]}})
    assert {(entry["owner"], entry["instance"]) for entry in plan if entry["subject"] == "site"} == {("nginx", "shop"), ("nginx", "blog")}
    assert {"host": "web1", "owner": "postgresql", "subject": "cluster", "instance": "main"} in plan


@pytest.mark.parametrize(
    ("pooling", "ports", "expected"),
    [
        ((True, False), (), {"postgresql": 5432, "pgbouncer": 6432}),
        ((True, True), ("5433", "6433"), {"postgresql": 5433, "pgbouncer": 6433}),
        ((False, False), (), {"postgresql": 5432}),  # nobody shows a pooler's certificate
    ],
)
def test_the_certificates_of_the_servers_are_verified_where_they_are_shown(pooling, ports, expected):
    apps = {f"shop{number}": {**APP, "domains": [f"s{number}.example.org"], "pooling": one} for number, one in enumerate(pooling)}
    certificates = _app_options.server_certificates(_apps.resolve_apps(apps), *ports)
    assert {one["name"]: one["port"] for one in certificates} == expected
    assert {(one["protocol"], *one["domains"]) for one in certificates} == {("postgresql", "localhost", "127.0.0.1", "::1")}
    planned = {entry["instance"] for entry in _apps.plan_host("web1", apps) if entry["owner"] == "certificate"}
    assert planned == {*apps, *expected}


WORKER = {"command": ["manage.py", "send"], "instances": 2, "memory_mb": 150, "connections": 3}


def counted(apps, cores=2, memory=4096):
    return _app_options.count_workers(_apps.resolve_apps(apps), {"processor_nproc": cores, "memtotal_mb": memory})


@pytest.mark.parametrize(
    ("apps", "cores", "memory", "workers"),
    [
        ({"shop": APP}, 2, 8192, [5]),  # the cores decide
        ({"shop": APP}, 8, 4096, [10]),  # half of the memory decides
        ({"shop": APP}, 8, 512, [2]),  # two are the least; the role refuses what the memory cannot hold
        ({"shop": {**APP, "workers": 3}}, 8, 4096, [3]),
        ({"shop": {**APP, "processes": {"send": WORKER}}}, 8, 4096, [8]),  # extra processes take their part first
        ({"shop": APP, "blog": {**APP, "domains": ["b.example.org"]}}, 8, 4096, [5, 5]),  # two apps share
        ({"shop": {**APP, "workers": 4}, "blog": {**APP, "domains": ["b.example.org"]}}, 8, 4096, [4, 6]),
    ],
)
def test_workers_are_counted_from_cores_and_from_memory_that_is_shared(apps, cores, memory, workers):
    assert [app["workers"] for app in counted(apps, cores, memory)] == workers


@pytest.mark.parametrize(
    ("app", "cores", "threads"),
    [({}, 2, 2), ({"threads": 0}, 2, 2), ({"threads": 0, "workers": 2}, 2, 5), ({"threads": 0, "workers": 2}, 8, 8), ({"threads": 3}, 2, 3)],
)
def test_threads_are_worked_out_where_they_are_0(app, cores, threads):
    (found,) = counted({"shop": {**APP, **app}}, cores, 8192)
    assert found["threads"] == threads
    assert _app_options.needed_connections(found) == found["workers"] * threads


ONE = {"send": {"command": ["manage.py", "send"]}}
FOUR = {name: {**APP, "domains": [f"{name}.example.org"]} for name in ("a", "b", "c", "d")}


@pytest.mark.parametrize(
    ("apps", "memory", "budget", "words"),
    [
        ({"shop": APP}, 1970, 0, []),
        ({"shop": {**APP, "processes": ONE}}, 1970, 0, []),
        ({"shop": {**APP, "processes": {**ONE, "more": ONE["send"]}}}, 1970, 0, []),
        (FOUR, 1970, 0, ["found 1600 MB", "a 400 MB (2 workers of 200 MB), b 400 MB", "at most 985 MB (half of the host"]),
        (FOUR, 1970, 1600, []),
        (FOUR, 1970, 1500, ["at most 1500 MB (gunicorn_memory_budget_mb)", "raise gunicorn_memory_budget_mb"]),
        (FOUR, 24000, 0, []),
        ({"shop": {**APP, "workers": 4, "processes": ONE}}, 1970, 500, ["shop 1000 MB (4 workers of 200 MB, 200 MB of extra processes)"]),
    ],
)
def test_the_memory_of_all_apps_is_added_up(apps, memory, budget, words):
    facts = {"processor_nproc": 2, "memtotal_mb": memory}
    problem = _app_options.memory_problem(counted(apps, 2, memory), facts, budget)
    assert bool(problem) == bool(words)
    assert [word for word in words if word not in problem] == []


@pytest.mark.parametrize("path", ["", None])
def test_a_project_without_the_admin_is_asked_for_none(path):
    contract = {"admin_path": path, "api_path": "/api/"}
    (site,) = _app_options.sites(_apps.resolve_apps({"api": {**APP, "contract": contract}}))
    assert (site["admin_path"], site["redirect_paths"], site["pages"]) == ("", [], ["/"])
    assert [limit["name"] for limit in site["rate_limits"]] == ["api"]


@pytest.mark.parametrize(
    ("timeout", "expected"), [(0, (None, None)), ("0", (None, None)), (30, (30, 60)), (90, (90, 120)), ("90", (90, 120)), (5, (5, 60))]
)
def test_nginx_waits_longer_than_gunicorn_works(timeout, expected):
    (site,) = _app_options.sites(_apps.resolve_apps({"shop": APP}), timeout)
    assert (site.get("upstream_timeout"), site.get("proxy_read_timeout")) == expected


def test_a_pool_is_as_large_as_threads_and_extra_processes_can_need():
    apps = counted({"shop": {**APP, "workers": 4, "threads": 3, "processes": {"send": WORKER}}})
    assert _app_options.pools(apps) == [{"name": "shop", "user": "shop_app", "size": 18, "needed": 18}]
    assert _app_options.server_connections(apps) == 18


def test_a_pool_may_be_smaller_on_purpose_so_that_the_role_can_refuse_it():
    (pool,) = _app_options.pools(counted({"shop": {**APP, "workers": 4, "pool_size": 5}}))
    assert (pool["size"], pool["needed"]) == (5, 8)


def test_an_app_without_a_pool_counts_at_the_server_and_goes_there_directly():
    apps = counted({"shop": {**APP, "workers": 4, "pooling": False}})
    assert (_app_options.pools(apps), _app_options.server_connections(apps)) == ([], 8)
    assert _app_options.app_database(apps[0])["pooler_port"] == 0


@pytest.mark.parametrize(
    ("pooling", "ports", "expected"),
    [
        (True, (), (5432, 6432)),
        (True, ("5433", "6433"), (5433, 6433)),  # a template hands over words
        (False, (5433, 6433), (5433, 0)),
    ],
)
def test_an_app_finds_server_and_pooler_where_they_were_put(pooling, ports, expected):
    (app,) = _apps.resolve_apps({"shop": {**APP, "pooling": pooling}})
    database = _app_options.app_database(app, *ports)
    assert (database["port"], database["pooler_port"]) == expected


def test_verification_needs_no_facts_to_name_the_pools():
    assert _app_options.pools(_apps.resolve_apps({"shop": APP})) == [{"name": "shop", "user": "shop_app"}]


def test_a_user_of_redis_reaches_its_own_keys_and_has_a_password_only_where_asked():
    apps = _apps.resolve_apps({"shop": {**APP, "cache": "redis"}, "blog": {**APP, "domains": ["b.example.org"]}})
    assert _app_options.redis_users(apps) == [{"name": "shop", "keys": ["shop:*"]}]
    assert _app_options.redis_users(apps, {"shop": {"redis_password": "p"}})[0]["password"] == "p"


@pytest.mark.parametrize(
    ("host", "outbound"),
    [
        ("10.0.0.9", ["localhost", "10.0.0.0/8"]),
        ("fd00::9", ["fd00::/8", "10.0.0.0/8"]),
        ("cache.internal", ["10.0.0.9"]),
        ("cache.internal", ["any"]),
        ("localhost", ["localhost"]),
        ("127.0.0.1", ["localhost"]),
    ],
)
def test_another_hosts_redis_is_no_subject_of_this_host(host, outbound):
    apps = {"shop": {**APP, **REDIS, "cache_server": {"host": host}, "outbound": outbound}}
    (shop,) = _apps.resolve_apps(apps)
    assert (shop["cache_server"]["port"], shop["cache_here"]) == (6380, False)
    assert _app_options.redis_users([shop]) == []
    assert [entry for entry in _apps.plan_host("web1", apps) if entry["subject"] == "cache"] == []


def test_log_ins_are_limited_where_they_are_sent_and_the_api_as_a_whole():
    contract = {"login_path": "/in/", "jwt_obtain_path": "/api/token/", "api_path": "/api/"}
    (site,) = _app_options.sites(_apps.resolve_apps({"shop": {**APP, "contract": contract}}))
    login, api = site["rate_limits"]
    assert (login["paths"], login["methods"]) == (["/in/", "/admin/login/", "/api/token/"], ["POST"])
    assert (api["paths"], api["rate"], api["burst"]) == (["/api/"], "20r/s", 40)


def test_an_empty_rate_is_no_limit():
    (site,) = _app_options.sites(_apps.resolve_apps({"shop": {**APP, "rate_limits": {"login": ""}}}))
    assert site["rate_limits"] == []


def test_the_plan_names_poolers_and_caches_only_where_there_are_some():
    apps = {"shop": {**APP, "cache": "redis"}, "blog": {**APP, "domains": ["b.example.org"], "pooling": False}}
    plan = _apps.plan_host("web1", apps)
    assert [entry["instance"] for entry in plan if entry["subject"] in ("pooler", "cache")] == ["shop", "shop"]


@pytest.mark.parametrize(
    ("pooling", "reserve", "connections", "server"),
    [
        (True, 0, (10, 8), 8),
        (True, "5", (15, 13), 13),  # the pool's ceiling is its size and the reserve; a template hands over words
        (False, 5, (10, 0), 8),
    ],
)
def test_a_role_may_hold_what_its_app_can_need_and_two_more(pooling, reserve, connections, server):
    apps = counted({"shop": {**APP, "workers": 4, "pooling": pooling}})
    (database,) = _app_options.databases(apps, reserve)
    assert _app_options.databases_with_passwords(apps, SECRETS, reserve)[0]["pool_size"] == connections[1]
    assert _app_options.server_connections(apps, reserve) == server
    assert (database["connection_limit"], database["pool_size"]) == connections
