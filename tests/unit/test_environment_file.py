"""An environment file says to systemd and to a shell exactly what was put in."""

import shutil
import subprocess

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _environment_file as environment

VALUES = [
    "",
    "plain",
    "two words",
    " space around ",
    'quo"te',
    "it's",
    "back\\slash",
    "trailing\\",
    "$HOME ${PATH} `id`",
    "line\nbreak",
    "#hash;semicolon",
    "a=b=c",
    "ümläut €",
    "tab\tinside",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_survives_the_file(value):
    assert environment.parse(environment.render({"NAME": value, "OTHER": "x"})) == {"NAME": value, "OTHER": "x"}


@pytest.mark.skipif(not shutil.which("sh"), reason="no shell")
@pytest.mark.parametrize("value", VALUES)
def test_a_shell_reads_the_same(value):
    script = environment.render({"NAME": value}) + 'printf "%s|" "$NAME"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode() == value + "|"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\n", {"A": "1"}),
        ("# comment\n; comment\n\nA = 1  \n", {"A": "1"}),
        ("A='single $x \\n'\n", {"A": "single $x \\n"}),
        ('A="double \\"x\\" \\$y \\n"\n', {"A": 'double "x" $y \\n'}),
        ("A=one\\\ntwo\n", {"A": "onetwo"}),
        ("A=x 'y'  \n", {"A": "x y"}),
        ("A='  '\nB=2", {"A": "  ", "B": "2"}),
        ("no equals sign\nA=1\n", {"A": "1"}),
        ("A=\nB=b\n", {"A": "", "B": "b"}),
        ("A=1\nA=2\n", {"A": "2"}),
    ],
)
def test_systemd_rules_for_reading(text, expected):
    assert environment.parse(text) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (None, ""), (7, "7"), (["a", "b"], "a,b"), ("x", "x")],
)
def test_yaml_values_are_written_as_projects_expect(value, text):
    assert environment.to_text(value) == text


def test_a_bad_name_is_refused_with_its_name_and_a_bad_value_without_it():
    with pytest.raises(environment.EnvironmentFileError, match="'A B' is no name"):
        environment.render({"A B": "x"})
    with pytest.raises(environment.EnvironmentFileError) as caught:
        environment.render({"A": "secret\0value"})
    assert "A:" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_diff_names_secrets_and_shows_none():
    before = {"A": "old", "KEY": "hunter22", "GONE": "whatever1", "SAME": "stays-same"}
    after = {"A": "new", "KEY": "hunter23", "SAME": "stays-same"}
    old, new = environment.changes(before, after, {"KEY": 1, "SAME": 1})
    assert old == 'A="old"\nGONE=(secret value)\nKEY=(secret value)\nSAME=(secret value)\n'
    assert new == 'A="new"\nKEY=(another secret value)\nSAME=(secret value)\n'


@pytest.mark.parametrize(
    ("database", "password", "url"),
    [
        (
            {"name": "news", "sslrootcert": "/ca.pem"},
            "p/w:@ ?#&%",
            "postgresql://app:p%2Fw%3A%40%20%3F%23%26%25@localhost:5432/news?sslmode=verify-full&sslrootcert=/ca.pem",
        ),
        (
            {"name": "a b", "host": "::1", "port": 6432, "sslmode": "require"},
            "x",
            "postgresql://app:x@[::1]:6432/a%20b?sslmode=require",
        ),
    ],
)
def test_a_database_url_is_percent_encoded_and_verifies_the_server(database, password, url):
    assert environment.database_url(database, "app", password) == url


@pytest.mark.parametrize(
    ("cache", "url"),
    [
        ({"backend": "database", "table": "prodready_cache"}, "dbcache://prodready_cache"),
        ({"backend": "database", "table": "other"}, "dbcache://other"),
        (
            {"backend": "redis", "host": "", "socket": "/run/redis/redis-server.sock"},
            "unix://shop:a%3Ab%2Fc%40d%25@/run/redis/redis-server.sock?db=0",
        ),
        (
            {"backend": "redis", "host": "cache.internal", "port": 6381, "ca_file": "/etc/prodready/ca/ca.pem"},
            "rediss://shop:a%3Ab%2Fc%40d%25@cache.internal:6381/0?ssl_check_hostname=true&ssl_ca_certs=/etc/prodready/ca/ca.pem",
        ),
        (
            {"backend": "redis", "host": "fd00::9", "port": 6380, "ca_file": "/etc/ssl/certs/ca-certificates.crt"},
            "rediss://shop:a%3Ab%2Fc%40d%25@[fd00::9]:6380/0?ssl_check_hostname=true&ssl_ca_certs=/etc/ssl/certs/ca-certificates.crt",
        ),
    ],
)
def test_a_cache_is_a_table_or_redis_behind_its_socket_or_tls(cache, url):
    assert environment.cache_url(cache, "shop", "a:b/c@d%") == url
