"""The user's few values: defaults, refusals, and what each role is handed."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils import _apps
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
        ("Shop", {}, "starts with a letter"),
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
    assert _apps.app_secrets(secrets, "shop") == {}
    (database,) = _apps.databases_with_passwords(_apps.resolve_apps({"shop": APP}), secrets)
    assert (database["owner_password"], database["app_password"]) == ("", "")


def test_databases_carry_passwords_only_where_asked():
    apps = _apps.resolve_apps({"shop": APP})
    assert not any("password" in key for key in _apps.databases(apps)[0])
    assert _apps.databases_with_passwords(apps, SECRETS)[0]["app_password"] == "a"


def test_the_plan_names_every_subject_of_every_app():
    plan = _apps.plan_host("web1", {"shop": APP, "blog": {**APP, "domains": ["blog.example.org"]}})
    assert {(entry["owner"], entry["instance"]) for entry in plan if entry["subject"] == "site"} == {("nginx", "shop"), ("nginx", "blog")}
    assert {"host": "web1", "owner": "postgresql", "subject": "cluster", "instance": "main"} in plan
