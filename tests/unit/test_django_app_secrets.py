"""What may be said about a secret, where one is found, and that none gets out."""

import base64
import json
import secrets as random
import string

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _django_leaks as leaks
from ansible_collections.prodready.django.plugins.module_utils import _django_secrets as secrets

PASSWORD = "Xq7-appPASS_/9fK+z2"
KEY = "n0t-really-but-l0ng-enough-to-be-one-kJ8#s)w&q2=vE5!m@tZ"


@pytest.mark.parametrize(
    "secret",
    ["", "changeme", "a" * 64, "password" * 8, "abcdefghijklmnopqrstuvwxyz" * 2, "0123456789" * 6, "django-insecure-changeme", "qwerty" * 10],
)
def test_what_people_type_has_less_than_128_bits(secret):
    assert secrets.entropy_bits(secret) < 128


@pytest.mark.parametrize(
    "make",
    [
        lambda: random.token_urlsafe(48),
        lambda: random.token_hex(32),
        lambda: "".join(random.choice(string.ascii_lowercase + "0123456789!@#$%^&*(-_=+)") for _number in range(50)),
    ],
)
def test_what_generators_make_has_more_than_128_bits(make):
    assert all(secrets.entropy_bits(make()) > 128 for _number in range(50))


@pytest.mark.parametrize(
    "secret, fact",
    [
        ("changeme", "known_default"),
        ("ChangeMe", "known_default"),
        ("django-insecure-x", "insecure_prefix"),
        ("my-secret-key-2024-which-is-long", "placeholder"),
    ],
)
def test_a_default_is_recognised(secret, fact):
    assert secrets.describe(secret)[fact]


def test_a_description_does_not_contain_the_secret():
    assert KEY not in json.dumps(secrets.describe(KEY))


@pytest.mark.parametrize(
    "name, secret",
    [
        ("CACHE_KEY_PREFIX", False),
        ("JWT_ACCESS_TOKEN_MINUTES", False),
        ("SECRET_KEY", True),
        ("DATABASE_PASSWORD", True),
        ("SENTRY_DSN", True),
        ("STRIPE_API_KEY", True),
        ("PATH", False),
        ("ALLOWED_HOSTS", False),
    ],
)
def test_variables_that_hold_secrets_are_known_by_name(name, secret):
    assert secrets.looks_secret(name) is secret


def test_the_password_of_a_url_is_a_secret_encoded_and_decoded():
    environ = {
        "DATABASE_URL": "postgresql://app:a%2Fb%40secret@localhost/app",
        "HOME": "/srv",
        "SECRET_KEY_FALLBACKS": "first-old-key,second-old-key",
    }
    assert secrets.secrets_of_environment(environ) == sorted(
        ["a%2Fb%40secret", "a/b@secret", "first-old-key", "second-old-key", "first-old-key,second-old-key"]
    )


def test_base64_is_found_at_every_alignment_and_length():
    for length in range(9, 40):
        secret = random.token_urlsafe(40)[:length]
        needles = secrets.forms(secret)["base64"]
        for before in ("", "a", "ab", "user:"):
            for after in ("", "x", "xy", "@host"):
                text = base64.b64encode((before + secret + after).encode())
                assert any(needle in text for needle in needles), (length, before, after)


@pytest.mark.parametrize(
    "text, kind",
    [
        (f"password = {PASSWORD}", "plain"),
        ("postgresql://app:Xq7-appPASS_%2F9fK%2Bz2@localhost/app", "url"),
        ("Authorization: Basic " + base64.b64encode(f"app:{PASSWORD}".encode()).decode(), "base64"),
    ],
)
def test_a_secret_is_found_in_every_form(text, kind):
    assert leaks.Needles({"DATABASES.default": PASSWORD}).found_in(text.encode()) == [f"DATABASES.default ({kind})"]


@pytest.mark.parametrize("written", [json.dumps, repr], ids=["json", "python"])
def test_a_secret_with_quotes_is_found_as_programs_write_it(written):
    secret = """Planted "q" \\t ' %n"""
    assert leaks.Needles({"DATABASES.default": secret}).found_in(f"databases=[{{{written(secret)}}}]".encode()) == ["DATABASES.default (escaped)"]


def test_a_name_of_the_secret_is_no_leak():
    assert leaks.Needles({"SECRET_KEY": KEY}).found_in(b"SECRET_KEY = env('SECRET_KEY')") == []


def test_a_short_secret_is_not_searched_for_and_said_to_be_short():
    needles = leaks.Needles({"DATABASES.default": "blog"})
    assert (needles.too_short, needles.found_in(b"blog")) == (["DATABASES.default"], [])


def test_a_tree_is_searched_without_environments_and_links(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "settings.py").write_text(f'PASSWORD = "{PASSWORD}"')
    (tmp_path / "source" / "fine.py").write_text('PASSWORD = env("PASSWORD")')
    for name in ("venv", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hidden.py").write_text(PASSWORD)
    (tmp_path / "other" / "pyvenv.cfg").write_text("home = /usr/bin")
    (tmp_path / "source" / "link").symlink_to("/etc/passwd")
    found = leaks.search_tree(str(tmp_path), leaks.Needles({"DATABASES.default": PASSWORD}))
    assert found["found"] == ["source/settings.py: DATABASES.default (plain)"]
    assert (found["files"], found["incomplete"]) == (2, [])
    assert PASSWORD not in json.dumps(found)


def test_a_search_that_is_stopped_says_so(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / f"{number}.py").write_text("x")
    monkeypatch.setattr(leaks, "FILES", 2)
    assert leaks.search_tree(str(tmp_path), leaks.Needles({"SECRET_KEY": KEY}))["incomplete"]


def test_command_lines_are_searched(tmp_path):
    for pid, cmdline in (("10", f"psql\0postgresql://app:{PASSWORD}@db\0"), ("11", "sleep\0" + "10\0")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text(cmdline)
        (tmp_path / pid / "comm").write_text("psql\n")
    found = leaks.search_processes(leaks.Needles({"DATABASES.default": PASSWORD}), proc=str(tmp_path))
    assert found["found"] == ["10 psql: DATABASES.default (plain)"]
    assert PASSWORD not in json.dumps(found)


def test_bare_and_working_repositories_are_found(tmp_path):
    for place in ("source/.git", "cache.git"):
        for part in ("objects", "refs"):
            (tmp_path / place / part).mkdir(parents=True)
        (tmp_path / place / "HEAD").write_text("ref: refs/heads/main")
    assert leaks.find_repositories([str(tmp_path)]) == sorted([str(tmp_path / "cache.git"), str(tmp_path / "source" / ".git")])


def test_nothing_planted_gets_out_of_what_the_module_returns():
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    observations = {
        "settings": {"error": f"ImproperlyConfigured: cannot parse postgres://u:{PASSWORD}@h"},
        "email": {"value": {"default_from": f"x {KEY} y", KEY: ["a", {"b": encoded}]}},
        "short": {"value": "blog is a word", "error": "FATAL: password blog"},
    }
    shown = json.dumps(secrets.mask(observations, [PASSWORD, KEY, "blog"]))
    assert PASSWORD not in shown and KEY not in shown and encoded not in shown
    assert "blog is a word" in shown and "password blog" not in shown
