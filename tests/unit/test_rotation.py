"""New secrets for old: what changes, what stays valid, and a file that keeps its comments."""

import pytest
import yaml
from ansible_collections.prodready.django.plugins.module_utils import _environment_secrets, _service_hold
from ansible_collections.prodready.django.plugins.plugin_utils import _rotation
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

TEXT = """\
---
# ours, do not lose
prodready_secrets:
  shop:  # the shop
    secret_key: "old"   # rotated in May
    database_owner_password: 'o'
    database_app_password: a
    redis_password: r
    superuser:
      username: root
  news:
    secret_key: n
    secret_key_fallbacks:
      - n1
      # the oldest
      - n2
    redis_password: "q"  # last
# the end
"""
SECRETS = yaml.safe_load(TEXT)["prodready_secrets"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("secret_key", ["secret_key"]),
        ("database_passwords", ["database_owner_password", "database_app_password"]),
        ("redis_password, secret_key", ["secret_key", "redis_password"]),
        (["all"], ["secret_key", "database_owner_password", "database_app_password", "redis_password"]),
    ],
)
def test_words_mean_secrets(asked, names):
    assert _rotation.names_of(asked) == names


@pytest.mark.parametrize("asked", ["", [], None, "everything", "secret_key,passwords"])
def test_an_unknown_word_is_refused(asked):
    with pytest.raises(ChecklistError, match="expected one or more of secret_key"):
        _rotation.names_of(asked)


@pytest.mark.parametrize(("app", "keep", "fallbacks"), [("shop", 2, ["old"]), ("news", 2, ["n", "n1"]), ("news", 1, ["n"]), ("news", 0, [])])
def test_the_key_that_was_in_force_is_the_first_fallback_and_the_oldest_go(app, keep, fallbacks):
    changed = _rotation.rotate(SECRETS, [app], ["secret_key"], keep)[app]
    assert changed["secret_key_fallbacks"] == fallbacks
    assert len(changed["secret_key"]) == 64


def test_the_password_of_a_redis_elsewhere_is_left_alone():
    changed = _rotation.rotate(SECRETS, ["shop", "news"], _rotation.names_of("all"), 2, ["shop"])
    assert ("redis_password" in changed["shop"], "redis_password" in changed["news"]) == (False, True)
    assert _rotation.rotate(SECRETS, ["shop"], ["redis_password"], 2, ["shop"]) == {}


def test_only_what_is_there_is_rotated():
    assert set(_rotation.rotate(SECRETS, ["news"], _rotation.names_of("all"), 2)["news"]) == {"secret_key", "secret_key_fallbacks", "redis_password"}


def test_an_app_without_secrets_is_refused():
    with pytest.raises(ChecklistError, match="no secrets of blog"):
        _rotation.rotate(SECRETS, ["blog"], ["secret_key"], 2)


def test_two_values_are_never_alike():
    assert len({_rotation.new_value("redis_password") for _number in range(50)}) == 50


def test_what_differs_is_named_and_fallbacks_are_not():
    after = {**SECRETS, "shop": {**SECRETS["shop"], "secret_key": "new", "secret_key_fallbacks": ["old"]}}
    assert _rotation.differences(SECRETS, after) == {"shop": ["secret_key"]}
    assert _rotation.differences(SECRETS, SECRETS) == {}


CHANGES = {
    "shop": {"secret_key": 'ne"w', "secret_key_fallbacks": ["old"], "redis_password": "R"},
    "news": {"secret_key": "N", "secret_key_fallbacks": ["n", "n1"], "redis_password": "Q"},
}


def test_comments_and_everything_else_stay_where_they_are():
    text = _rotation.rewritten(TEXT, CHANGES)
    found = yaml.safe_load(text)["prodready_secrets"]
    assert found == {app: {**SECRETS[app], **CHANGES[app]} for app in SECRETS}
    for comment in ("# ours, do not lose", "# the shop", "# rotated in May", "# last", "# the end"):
        assert comment in text


@pytest.mark.parametrize(
    "text", ["prodready_secrets: {shop: {secret_key: old, redis_password: r}}\n", '{"prodready_secrets": {"shop": {"secret_key": "old"}}}']
)
def test_a_file_on_one_line_is_understood_too(text):
    found = yaml.safe_load(_rotation.rewritten(text, {"shop": {"secret_key": "new", "secret_key_fallbacks": ["old"]}}))["prodready_secrets"]["shop"]
    assert (found["secret_key"], found["secret_key_fallbacks"]) == ("new", ["old"])


def test_what_cannot_be_spliced_is_written_anew():
    text = "defaults: &d {secret_key: old}\nprodready_secrets:\n  shop:\n    <<: *d\n    redis_password: r\n"
    found = yaml.safe_load(_rotation.rewritten(text, {"shop": {"secret_key": "new"}}))["prodready_secrets"]["shop"]
    assert found == {"secret_key": "new", "redis_password": "r"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://shop_app:old@localhost:6432/shop?sslmode=verify-full", "postgresql://shop_app:n%40w@localhost:6432/shop?sslmode=verify-full"),
        ("unix://shop:old@/run/redis/redis-server.sock?db=0", "unix://shop:n%40w@/run/redis/redis-server.sock?db=0"),
        ("postgresql://a:o%40ld@[::1]:5432/a", "postgresql://a:n%40w@[::1]:5432/a"),
        ("dbcache://prodready_cache", "dbcache://prodready_cache"),
        ("sqlite:////srv/db", "sqlite:////srv/db"),
    ],
)
def test_an_address_gets_another_password_and_nothing_else(url, expected):
    assert _environment_secrets.with_password(url, "n@w") == expected


NEW = {"secret_key": "k", "secret_key_fallbacks": ["a", "b"], "database_app_password": "p", "database_owner_password": "o", "redis_password": "r"}
ENVIRONMENT = {"SECRET_KEY": "x", "SECRET_KEY_FALLBACKS": "", "DATABASE_URL": "postgresql://a:x@h/d", "CACHE_URL": "unix://a:x@/s", "DEBUG": "false"}


def test_the_app_gets_its_own_password_and_the_owner_his():
    renewed = _environment_secrets.renewed
    assert renewed(ENVIRONMENT, NEW) == {
        **ENVIRONMENT, "SECRET_KEY": "k", "SECRET_KEY_FALLBACKS": "a,b", "DATABASE_URL": "postgresql://a:p@h/d", "CACHE_URL": "unix://a:r@/s",
    }  # fmt: skip
    assert renewed({"DATABASE_URL": "postgresql://o:x@h/d"}, NEW, owner=True) == {"DATABASE_URL": "postgresql://o:o@h/d"}


def test_an_environment_is_given_no_variable_it_does_not_have():
    assert _environment_secrets.renewed({"DEBUG": "false"}, NEW) == {"DEBUG": "false"}
    assert _environment_secrets.renewed(ENVIRONMENT, {})["SECRET_KEY"] == "x"


SHOWN = """\
Type=notify
TimeoutStopUSec=30s
MainPID=10
Id=shop.service
ActiveState=active

Type=oneshot
TimeoutStopUSec=1min
MainPID=11
Id=shop-clear.service
ActiveState=active

Type=exec
TimeoutStopUSec=1min
MainPID=0
Id=shop-worker@1.service
ActiveState=failed

Type=exec
TimeoutStopUSec=5min
MainPID=12
Id=shop-mail.service
ActiveState=active

Type=exec
TimeoutStopUSec=infinity
MainPID=0
Id=shop-again.service
ActiveState=activating
"""
UNITS = _service_hold.parse_units(SHOWN)


def test_running_services_are_held_and_what_ends_by_itself_is_not():
    assert UNITS == {
        "shop.service": {"state": "active", "pid": 10, "patience": 35},
        "shop-mail.service": {"state": "active", "pid": 12, "patience": 305},
        "shop-again.service": {"state": "activating", "pid": 0, "patience": 905},
    }


@pytest.mark.parametrize(
    ("names", "plan"),
    [
        ([], []),
        (["shop.service"], [(["shop.service"], 35)]),
        (["shop-mail.service"], [(["shop-mail.service"], 305)]),
        (["shop.service", "shop-mail.service", "shop-again.service"], [(["shop-again.service", "shop-mail.service"], 905), (["shop.service"], 35)]),
    ],
)
def test_the_server_ends_when_the_slowest_task_is_done(names, plan):
    assert _service_hold.hold_plan({name: UNITS[name] for name in names}, "shop.service") == plan


def test_who_ends_first_waits_for_everybody():
    units = {name: UNITS[name] for name in ("shop.service", "shop-mail.service")}
    assert _service_hold.hold_seconds(units, "shop.service") == {"shop.service": 60, "shop-mail.service": 60 + 305 + 35}


def test_a_hold_ends_by_itself():
    text = _service_hold.drop_in("/run/flag", 60)
    assert "seq 600" in text
    assert "TimeoutStartSec=150" in text
