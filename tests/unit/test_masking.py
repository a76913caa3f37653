"""No form of a secret gets through."""

import base64
from urllib.parse import quote

import pytest
from ansible_collections.prodready.django.plugins.module_utils._masking import last_line, mask

PASSWORD = "p/w:@secret%1"
URL = f"postgresql://app:{quote(PASSWORD, safe='')}@localhost/news"


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        URL,
        quote(PASSWORD, safe=""),
        base64.b64encode(PASSWORD.encode()).decode(),
    ],
)
def test_every_form_of_a_password_in_a_url_is_masked(form):
    assert mask(f"failed: {form}.", [URL]).replace("=", "") == "failed: ***."


@pytest.mark.parametrize("secret", ["", "true", "5432", None])
def test_short_values_are_left_alone(secret):
    assert mask("true on port 5432", [secret]) == "true on port 5432"


def test_the_longer_of_two_secrets_is_masked_whole():
    assert mask("abcdefgh-ijklmnop", ["abcdefgh", "abcdefgh-ijklmnop"]) == "***"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback (most recent call last):\n  File x\nValueError: no\n\n", "ValueError: no"),
        ("", "it said nothing"),
    ],
)
def test_the_last_line_says_what_happened(text, line):
    assert last_line(text) == line
