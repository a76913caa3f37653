"""The answers to init's questions."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._init import init_answers, read_source
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

ANSWERS = {
    "environment": "production",
    "host": "deploy@203.0.113.7",
    "domains": "Shop.example.org, www.shop.example.org",
    "source": "/home/ada/shop",
    "settings_module": "shop.settings.production",
    "email": "ada@example.org",
}


def test_an_address_of_ipv6_has_no_port():
    assert init_answers({**ANSWERS, "host": "root@2001:db8::7"})["address"] == "2001:db8::7"


def test_good_answers():
    values = init_answers(ANSWERS)
    assert (values["app"], values["user"], values["address"]) == ("shop", "deploy", "203.0.113.7")
    assert values["domains"] == ["shop.example.org", "www.shop.example.org"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://git.example.org/shop.git#v1.2", "git"),
        ("git@git.example.org:shop.git", "git"),
        ("ssh://git.example.org/shop", "git"),
        ("/tmp/shop-1.0.tar.gz", "archive"),
        ("shop.tgz", "archive"),
        ("./shop", "tree"),
    ],
)
def test_a_source_is_recognised(text, kind):
    assert read_source(text)["type"] == kind


def test_a_git_reference_follows_the_hash():
    assert read_source("https://git.example.org/shop.git#v1.2")["version"] == "v1.2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": ""}, "init_host is empty"),
        ({"host": "a b"}, "user@address is expected"),
        ({"host": "deploy@203.0.113.7:2222"}, "with a port; .* ansible_port: 2222"),
        ({"domains": "https://x"}, "not a host name"),
        ({"settings_module": "shop/settings.py"}, "dotted Python module"),
        ({"email": "ada"}, "ops@example.org"),
        ({"environment": "../x"}, "lower case letters"),
        ({"source": "https://hunter22@git.example.org/x.git#v1"}, r"init_source is 'https://\*\*\*@git.example.org/x.git#v1'.*git.token"),
        ({"source": "https://me:hunter22@git.example.org/x.git"}, r"init_source is 'https://\*\*\*@git.example.org/x.git'.*git.token"),
    ],
)
def test_a_mistake_names_its_variable(change, words):
    with pytest.raises(ChecklistError, match=words) as caught:
        init_answers({**ANSWERS, **change})
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(("module", "app"), [("config.settings", "shop"), ("mysite.settings", "shop"), ("9lives.settings", None)])
def test_a_meaningless_module_leaves_the_name_to_the_domain(module, app):
    if app is None:
        with pytest.raises(ChecklistError):
            init_answers({**ANSWERS, "settings_module": module})
    else:
        assert init_answers({**ANSWERS, "settings_module": module})["app"] == app


def test_the_superuser_has_no_default_name():
    assert init_answers({**ANSWERS, "email": "admin@example.org"})["superuser"] == "admin_editor"
