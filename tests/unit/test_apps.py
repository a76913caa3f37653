"""The user's few values: defaults, refusals, and what each role is handed."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils import _app_options, _apps
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

APP = {"domains": ["shop.example.org"], "source": {"type": "tree", "path": "/x"}, "settings_module": "shop.settings"}
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
        ("acme", {}, "taken by what the host keeps"),
        ("Shop", {}, "starts with a letter"),
        ("shop", {"pooling": 1}, "pooling must be a bool"),
        ("shop", {"cache": "memcached"}, "cache is 'memcached'; one of database, redis, none"),
        ("shop", {"settings_overlay": "yes"}, "settings_overlay is 'yes'; one of auto, always, never"),
        ("shop", {"wsgi": "a:b", "asgi": "a:c"}, "wsgi and asgi are both set"),
        ("shop", {"processes": {"Worker": {"command": ["x"]}}}, "processes holds 'Worker'"),
        ("shop", {"processes": {"worker": {}}}, "processes.worker.command is missing"),
        ("shop", {"processes": {"worker": {"command": "x"}}}, "processes.worker.command must be a list"),
        ("shop", {"processes": {"worker": {"command": ["x"], "count": 2}}}, "processes.worker has the unknown key 'count'"),
        ("shop", {"processes": {"worker": {"command": ["x"], "instances": True}}}, "processes.worker.instances must be a int"),
        ("shop", {"rate_limits": {"login": "10/m"}}, "rate_limits.login is '10/m'; requests per second"),
        ("shop", {"admin_allow": ["203.0.113.7/24"]}, "has host bits set"),
        ("shop", {"maintenance_allow": ["office"]}, "maintenance_allow holds 'office'"),
        ("shop", {"rate_limits": {"logins": "10r/m"}}, "rate_limits has the unknown key 'logins'"),
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


def test_the_plan_names_every_subject_of_every_app():
    plan = _apps.plan_host("web1", {"shop": APP, "blog": {**APP, "domains": ["blog.example.org"]}})
    assert {(entry["owner"], entry["instance"]) for entry in plan if entry["subject"] == "site"} == {("nginx", "shop"), ("nginx", "blog")}
    assert {"host": "web1", "owner": "postgresql", "subject": "cluster", "instance": "main"} in plan


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


def test_verification_needs_no_facts_to_name_the_pools():
    assert _app_options.pools(_apps.resolve_apps({"shop": APP})) == [{"name": "shop", "user": "shop_app"}]


def test_a_user_of_redis_reaches_its_own_keys_and_has_a_password_only_where_asked():
    apps = _apps.resolve_apps({"shop": {**APP, "cache": "redis"}, "blog": {**APP, "domains": ["b.example.org"]}})
    assert _app_options.redis_users(apps) == [{"name": "shop", "keys": ["shop:*"]}]
    assert _app_options.redis_users(apps, {"shop": {"redis_password": "p"}})[0]["password"] == "p"


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


@pytest.mark.parametrize(("pooling", "connections"), [(True, (10, 8)), (False, (10, 0))])
def test_a_role_may_hold_what_its_app_can_need_and_two_more(pooling, connections):
    (database,) = _app_options.databases(counted({"shop": {**APP, "workers": 4, "pooling": pooling}}))
    assert (database["connection_limit"], database["pool_size"]) == connections
