"""Redis' protocol and files: what is sent, what is understood, and what of a running server differs."""

import io
import socket
import threading
import time

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _redis, _redis_plan, _redis_server, _redis_tls
from ansible_collections.prodready.django.plugins.modules import redis_config

GETUSER = [
    "flags", ["on", "sanitize-payload"], "passwords", ["a" * 64], "commands", "-@all +get", "keys", "~shop:*", "channels", "&shop:*",
    "selectors", [],
]  # fmt: skip
USER = {"name": "shop", "keys": [], "channels": [], "commands": []}
FREE = {"refused": [], "foreign_keys": [], "permitted": [], "flushes": True}


def test_a_command_is_an_array_of_bulk_strings():
    assert _redis.encode(["GET", "ключ", 5]) == b"*3\r\n$3\r\nGET\r\n$8\r\n\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87\r\n$1\r\n5\r\n"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":42\r\n", 42),
        (b"$-1\r\n", None),
        (b"$0\r\n\r\n", ""),
        (b"$4\r\na\r\nb\r\n", "a\r\nb"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", ["a", [1]]),
        (b"*0\r\n", []),
    ],
)
def test_every_kind_of_answer_is_understood(data, value):
    assert _redis.decode(io.BytesIO(data)) == value


@pytest.mark.parametrize("data", [b"-NOPERM no\r\n", b"", b"+OK", b"HTTP/1.1 400\r\n"])
def test_a_refusal_or_a_stranger_is_an_error(data):
    with pytest.raises(_redis.RedisError):
        _redis.decode(io.BytesIO(data))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix://shop:p%40ss@/run/redis/redis-server.sock?db=0", ({"path": "/run/redis/redis-server.sock"}, "shop", "p@ss")),
        ("rediss://shop:x@10.0.0.5:6380/0?ssl_ca_certs=/ca.pem", ({"host": "10.0.0.5", "port": 6380, "ca_file": "/ca.pem"}, "shop", "x")),
    ],
)
def test_the_address_of_a_cache_is_understood(url, expected):
    assert _redis.parse_url(url) == expected


@pytest.mark.parametrize("url", ["redis://shop:secret@127.0.0.1:6379/0", "dbcache://prodready_cache", "", None])
def test_another_address_is_refused_without_quoting_it(url):
    with pytest.raises(_redis.RedisError) as caught:
        _redis.parse_url(url)
    assert "secret" not in str(caught.value)


def test_a_configuration_file_keeps_the_last_word_and_loses_quotes():
    text = '# port 1\nport 6379\nPort 0\nlogfile ""\nsave 3600 1\n\nrequirepass "a b"\n'
    assert _redis.parse_config(text) == {"port": ["6379", "0"], "logfile": [""], "save": ["3600 1"], "requirepass": ["a b"]}


def test_a_user_is_reduced_to_what_is_compared():
    assert _redis.parse_user(None) is None
    assert _redis.parse_user(GETUSER) == {
        "flags": ["on"], "passwords": ["a" * 64], "keys": ["~shop:*"], "channels": ["&shop:*"], "commands": "-@all +get",
    }  # fmt: skip


def test_the_rendered_configuration_reads_back():
    text = _redis_plan.render_config({"port": "0", "save": "", "tls-protocols": "TLSv1.2 TLSv1.3"}, "/etc/redis/redis.conf")
    assert _redis.parse_config(text) == {"include": ["/etc/redis/redis.conf"], "port": ["0"], "save": [""], "tls-protocols": ["TLSv1.2 TLSv1.3"]}


@pytest.mark.parametrize("settings", [{"port 0\nuser": "x"}, {"dir": "/a\nuser default on"}, {"Port": "0"}, {"dir": 'a"b'}])
def test_a_setting_cannot_bring_a_second_line(settings):
    with pytest.raises(_redis_plan.PlanError):
        _redis_plan.render_config(settings)


def test_a_password_is_in_the_file_as_digest_only():
    text = _redis_plan.render_users([_redis_plan.app_user(USER, {_redis_plan.digest("clear-text")}, alone=False)])
    assert "clear-text" not in text
    assert _redis_plan.parse_users(text) == {"shop": [_redis_plan.digest("clear-text")]}


def test_only_a_user_alone_may_empty_the_database():
    assert "+flushdb" in _redis_plan.app_user(USER, set(), alone=True)["rules"]
    assert "+flushdb" not in _redis_plan.app_user(USER, set(), alone=False)["rules"]


@pytest.mark.parametrize(
    ("adopted", "flags", "passwords"),
    [(None, ["off"], []), ({}, ["nopass", "on"], []), ({"requirepass": ["x"]}, ["on"], [_redis_plan.digest("x")])],
)
def test_nobody_without_a_name_gets_in_unless_he_did_before(adopted, flags, passwords):
    user = _redis_plan.default_user(adopted)
    assert (user["flags"], user["passwords"]) == (flags, passwords)


def test_one_user_is_taken_out_of_the_file_and_no_namesake():
    text = "user shop on\nuser shop2 on\nuser other on ~shop\n"
    assert _redis_plan.without_user(text, "shop") == "user shop2 on\nuser other on ~shop\n"


def found(**changes):
    wanted = _redis_plan.app_user(USER, {"a" * 64}, alone=True)
    return {**{part: wanted[part] for part in ("flags", "passwords", "keys", "channels")}, **changes}


@pytest.mark.parametrize(
    ("running", "asked", "expected"),
    [
        (found(), FREE, False),
        (found(), None, False),
        (None, None, True),
        (found(flags=["off"]), FREE, True),
        (found(passwords=["b" * 64]), FREE, True),
        (found(keys=["~*"]), FREE, True),
        (found(channels=["&*"]), FREE, True),
        (found(), {**FREE, "refused": ["GET"]}, True),
        (found(), {**FREE, "permitted": ["CONFIG GET"]}, True),
        (found(), {**FREE, "flushes": False}, True),
    ],
)
def test_a_user_differs_by_what_it_is_or_may(running, asked, expected):
    assert _redis_plan.differs(_redis_plan.app_user(USER, {"a" * 64}, alone=True), running, asked) is expected


@pytest.mark.parametrize(
    ("wanted", "running", "changes"),
    [
        ({"maxmemory": "64mb"}, {"maxmemory": "67108864"}, {}),
        ({"maxmemory": "64mb"}, {"maxmemory": "0"}, {"maxmemory": "64mb"}),
        ({"unixsocketperm": "0777"}, {"unixsocketperm": "777"}, {}),
        ({"port": "0"}, {"port": "0"}, {}),
        ({"save": ""}, {"save": "3600 1"}, {"save": ""}),
        ({"unknown-to-it": "1"}, {}, {}),
    ],
)
def test_settings_differ_by_meaning(wanted, running, changes):
    assert _redis_plan.settings_to_change(wanted, running) == changes


@pytest.mark.parametrize(
    ("before", "wanted", "gone"),
    [
        ("", {"port": "0"}, []),
        ("port 0\nhz 50\n", {"port": "0", "hz": "50"}, []),
        ("port 0\nhz 50\n", {"port": "6379"}, ["hz"]),
        ("include /etc/redis/redis.conf\nport 0\n", {"port": "0"}, []),
        ("# hz 50\nport 0\ntls-port 6380\n", {"port": "0"}, ["tls-port"]),
    ],
)
def test_a_setting_that_is_taken_out_of_the_file_is_noticed(before, wanted, gone):
    assert _redis_plan.vanished(before, wanted) == gone


class Running(_redis_server.Server):
    """A server that answers with these settings and knows no users."""

    def __init__(self, **settings):
        self.settings, self.said = settings, []

    def service(self):
        return {"ActiveState": "active"}

    def answers(self):
        return True

    def stale(self, unit):
        return []

    def client(self):
        return self

    def call(self, *words):
        if words[:2] == ("CONFIG", "GET"):
            return [word for pair in self.settings.items() for word in pair]
        self.said.append(words)
        return [] if words == ("ACL", "USERS") else "OK"


def test_a_setting_that_is_taken_out_is_given_back_by_a_restart():
    server = Running(hz="50", port="0")
    applied, restart = server.bring_up_to_date({"port": "0"}, [], False, False, ["hz"])
    assert applied == []
    assert len(restart) == 1 and restart[0].startswith("hz ")
    assert server.bring_up_to_date({"port": "0"}, [], False, False) == ([], [])


def test_a_certificate_that_is_not_served_is_given_to_the_running_server_again(monkeypatch):
    settings = {"tls-port": "6380", "tls-cert-file": "/c", "tls-key-file": "/k"}
    for served, applied in ((True, []), (False, ["tls-cert-file", "tls-key-file"])):
        monkeypatch.setattr(_redis_tls, "serves", lambda *_asked, served=served: served)
        assert Running(bind="10.0.0.5", **settings).bring_up_to_date(settings, [], False, False) == (applied, [])


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("10.0.0.5 fd00::5", ["10.0.0.5", "fd00::5"]),
        ("127.0.0.1 -::1", ["127.0.0.1", "::1"]),
        ("* -::*", ["127.0.0.1", "::1"]),
        ("", []),
    ],
)
def test_a_server_is_asked_where_it_listens(bind, expected):
    assert _redis_tls.addresses(bind) == expected


def test_a_port_that_says_nothing_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(_redis_tls, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        assert not _redis_tls.serves({"tls-port": port, "tls-cert-file": "/nowhere"}, "127.0.0.1")
        assert not _redis_tls.answers_plain("127.0.0.1", port)
        place = _redis_tls.look({"tls-port": str(port), "bind": "127.0.0.1"}, [])["places"][0]
        assert (place["answered"], bool(place["problem"])) == (False, True)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(("said", "plain"), [(b"-NOAUTH Authentication required.\r\n", True), (b"+PONG\r\n", True), (b"\x15\x03\x03", False)])
def test_a_refusal_in_plain_text_is_an_answer_without_encryption(said, plain):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            client = server.accept()[0]
            client.recv(100)
            client.sendall(said)
            client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        assert _redis_tls.answers_plain("127.0.0.1", server.getsockname()[1]) is plain
        thread.join()


def test_without_an_encrypted_port_the_others_are_seen():
    found = _redis_tls.look({"tls-port": "0", "bind": "127.0.0.1"}, ["127.0.0.1:6379"])
    assert (found["used"], found["unencrypted"], found["places"]) == (False, ["127.0.0.1:6379"], [])


def test_a_diff_shows_enough_of_a_digest_to_tell_two_apart():
    assert _redis_plan.masked("#" + "ab" * 32) == "#abababab…"


@pytest.mark.parametrize(("pattern", "key"), [("~shop:*", "shop:prodready-canary:"), ("~*", "prodready-canary:"), ("~fixed", "fixed")])
def test_a_canary_fits_the_first_pattern(pattern, key):
    assert _redis_server.own_key([pattern]) == key


@pytest.mark.parametrize(("log", "snapshots", "keeps"), [("no", "", False), ("no", "3600 1 300 100", True), ("yes", "", True)])
def test_values_outlive_a_restart_by_log_or_by_snapshot(log, snapshots, keeps):
    class Client:
        def call(self, *words):
            return [words[-1], {"appendonly": log, "save": snapshots}[words[-1]]]

    assert redis_config.keeps_values(Client()) is keeps
