"""Bad options are refused by sentences that name what to change and never quote a secret."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._django_preflight import objections, project_objections
from ansible_collections.prodready.django.plugins.plugin_utils._source_tree import Entry, Source

KEY = "k3y-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMN"
GOOD = {
    "name": "blog",
    "domains": ["blog.example.org", "localhost"],
    "environment": {"LOG_LEVEL": "INFO", "DEBUG": False},
    "source": {"type": "tree", "path": "/srv/project", "project_path": "."},
    "secrets": {
        "secret_key": KEY,
        "secret_key_fallbacks": [KEY[::-1]],
        "database_owner_password": "owner-password-1",
        "database_app_password": "app-password-222",
        "superuser": {"username": "chief", "email": "chief@example.org", "password": "first-password-1"},
        "environment": {"API_TOKEN": "token-12345678", "UNSET": ""},
    },
}


INDEX = {"type": "package", "name": "a", "version": "1", "index_url": "http://index.test/simple"}


def with_(**changes):
    options = {**GOOD, "secrets": dict(GOOD["secrets"])}
    for key, value in changes.items():
        if key in options or key == "cache":
            options[key] = value
        else:
            options["secrets"][key] = value
    return options


def test_good_options_meet_no_objection():
    assert objections(GOOD) == []


@pytest.mark.parametrize(
    ("source", "plain", "secret", "words"),
    [
        ({}, {"UV_INDEX": "https://me:hunter22@index.test/simple"}, {}, ["credentials in UV_INDEX", "prodready_secrets.blog.uv_environment"]),
        ({}, {"UV_INDEX": "https://a.test/ own=https://hunter22@index.test/simple"}, {}, ["credentials in UV_INDEX"]),
        ({}, {"UV_INDEX_OWN_PASSWORD": "hunter22"}, {}, ["credentials in UV_INDEX_OWN_PASSWORD"]),
        (INDEX, {}, {"UV_INDEX_PACKAGE_PASSWORD": "hunter22"}, ["index_url of blog holds 'http://index.test/simple'", "expected https"]),
        ({}, {"UV_INDEX": "my-own=http://index.test/"}, {"UV_INDEX_MY_OWN_PASSWORD": "hunter22"}, ["UV_INDEX of blog holds 'http://index.test/'"]),
        ({}, {}, {"UV_INDEX": "http://me:hunter22@index.test/"}, ["UV_INDEX of blog holds 'http://***@index.test/'", "unencrypted"]),
    ],
)
def test_credentials_of_an_index_are_secrets_and_travel_encrypted(source, plain, secret, words):
    found = objections({**with_(uv_environment=secret, source=source or GOOD["source"]), "uv_environment": plain})
    assert len(found) == 1
    assert all(word in found[0] for word in words)
    assert "hunter22" not in found[0]


@pytest.mark.parametrize(
    ("plain", "secret"),
    [
        ({"UV_DEFAULT_INDEX": "http://mirror.test/simple", "UV_INDEX": "own=https://index.test/?a=b"}, {"UV_INDEX_OWN_PASSWORD": "hunter22"}),
        ({}, {"UV_INDEX": "https://me:hunter22@index.test/ http://me:hunter22@localhost:3141/"}),
        ({"UV_HTTP_TIMEOUT": 30, "UV_INDEX": ""}, {}),
    ],
)
def test_an_index_without_secrets_or_with_encryption_is_taken(plain, secret):
    assert objections({**with_(uv_environment=secret, source=INDEX), "uv_environment": plain}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "My-App"}, ["the app's name is 'My-App'", "prodready_apps (django_app_name)"]),
        ({"name": "postgres"}, ["a user of the system"]),
        ({"domains": []}, ["domains is empty", "prodready_apps (django_app_domains)"]),
        ({"domains": ["*"]}, ["holds '*'", "any Host header"]),
        ({"domains": ["*.example.org"]}, ["holds '*.example.org'"]),
        ({"domains": [".example.org"]}, ["every subdomain"]),
        ({"domains": ["https://example.org"]}, ["without scheme"]),
        ({"domains": ["example.org:8443"]}, ["port"]),
        ({"domains": [""]}, ["holds ''"]),
        ({"secret_key": ""}, ["the secret key is missing", "prodready_secrets.blog.secret_key"]),
        ({"secret_key": "django-insecure-" + KEY}, ["starts with 'django-insecure-'"]),
        ({"secret_key": KEY[:49]}, ["has 49 characters", "at least 50"]),
        ({"secret_key": "abcd" * 20}, ["only 4 different characters"]),
        ({"secret_key_fallbacks": ["short"]}, ["secret_key_fallbacks[0]", "has 5 characters"]),
        ({"secret_key_fallbacks": [KEY]}, ["is the secret key itself"]),
        ({"secret_key_fallbacks": [KEY[:-1] + ",x"]}, ["holds a comma"]),
        ({"database_app_password": None}, ["database_app_password is missing"]),
        ({"database_owner_password": "short"}, ["database_owner_password", "has 5 characters"]),
        ({"database_owner_password": "p" * 15}, ["has 15 characters; expected at least 16"]),
        ({"database_app_password": "p" * 15}, ["has 15 characters; expected at least 16"]),
        ({"cache": {"backend": "redis"}, "redis_password": "p" * 15}, ["redis_password", "has 15 characters; expected at least 16"]),
        ({"superuser": {"username": "a", "password": "first-password-1"}}, ["superuser.email", "is missing"]),
        ({"superuser": {"username": "a", "email": "b", "password": "short"}}, ["superuser.password", "has 5 characters"]),
        ({"source": {"type": "git"}}, ["type git and no repository"]),
        ({"source": {"type": "tree"}}, ["type tree and no path"]),
        ({"source": {"type": "tree", "path": "x", "project_path": "../y"}}, ["project_path '../y'"]),
        ({"source": {"type": "package", "version": "1.0"}}, ["type package and the name ''"]),
        ({"source": {"type": "package", "name": "bugsink", "version": "HEAD"}}, ["the version 'HEAD'", "exactly one"]),
        ({"source": {"type": "package", "name": "bugsink", "version": ">=2"}}, ["the version '>=2'"]),
        (
            {"source": {"type": "package", "name": "a", "version": "1", "index_url": "https://me:hunter22@index.test/simple"}},
            ["https://***@index.test", "UV_INDEX_PACKAGE_PASSWORD"],
        ),
        ({"source": {"type": "package", "name": "a", "version": "1", "files": {"../etc/x": "y"}}}, ["'../etc/x' in files"]),
    ],
)
def test_each_bad_value_is_one_sentence(changes, words):
    found = objections(with_(**changes))
    assert len(found) == 1
    assert all(word in found[0] for word in words)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"A B": "x"}, ["'A B' is no name"]),
        ({"SECRET_KEY": "x"}, ["sets SECRET_KEY", "prodready_secrets"]),
        ({"DEBUG": True}, ["sets DEBUG to True"]),
    ],
)
def test_variables_the_role_writes_are_refused(environment, words):
    (sentence,) = objections({**GOOD, "environment": environment})
    assert all(word in sentence for word in words)


def test_secret_variables_are_judged_like_the_others():
    secrets = {**GOOD["secrets"], "environment": {"DATABASE_URL": "postgres://x:y@z", "FLAG": "on"}}
    assert ["sets DATABASE_URL" in one or "environment.FLAG" in one for one in objections({**GOOD, "secrets": secrets})] == [True, True]


def test_no_sentence_quotes_a_secret():
    secrets = {
        "secret_key": "abcabcabc",
        "secret_key_fallbacks": ["xyzxyz,xyz"],
        "database_owner_password": "hunter2",
        "database_app_password": "hunter3",
    }
    text = " ".join(objections({**GOOD, "secrets": secrets}))
    assert not [word for word in ("abcabcabc", "xyzxyz", "hunter") if word in text]


@pytest.mark.parametrize(
    ("files", "settings", "project_path", "words"),
    [
        (["site/settings.py"], "site.settings", ".", None),
        (["app/site/settings/__init__.py"], "site.settings", "app", None),
        (["site/settings.py"], "site.production", ".", "the settings module 'site.production' is not in"),
        (["site/settings.py"], "site.settings", "app", "has no directory 'app'"),
        ([], "site.settings", ".", "holds no files"),
    ],
)
def test_the_settings_module_has_to_be_in_the_source(files, settings, project_path, words):
    source = Source([Entry(path, False, "", bytes) for path in files], "the project")
    found = project_objections(source, settings_module=settings, project_path=project_path, name="blog")
    assert (words is None and found == []) or words in found[0]


def test_redis_needs_its_password_and_the_database_none():
    assert objections({**GOOD, "cache": {"backend": "database"}}) == []
    assert "redis_password" in objections({**GOOD, "cache": {"backend": "redis"}})[0]
    assert "has 3 characters" in objections({**with_(redis_password="abc"), "cache": {"backend": "redis"}})[0]
    assert "expected at least 16" in objections({**with_(redis_password="fifteen letters"), "cache": {"backend": "redis"}})[0]
    assert objections({**with_(redis_password="long enough for it"), "cache": {"backend": "redis"}}) == []


@pytest.mark.parametrize("name, version", [("bugsink", "2.6.1"), ("a-b.c[redis, mail]", "1.0rc1"), ("x", "2026.4.post1")])
def test_a_package_is_named_exactly(name, version):
    assert objections(with_(source={"type": "package", "name": name, "version": version})) == []
