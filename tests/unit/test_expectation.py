"""What each operator accepts, refuses, and does not know."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._expectation import check_expectation, dig, is_missing

MISSING = dig({}, ["no"])


@pytest.mark.parametrize(
    ("expect", "value", "status"),
    [
        ({"equals": "h2"}, "h2", "pass"),
        ({"equals": "h2"}, "http/1.1", "fail"),
        ({"equals": True}, 1, "fail"),
        ({"equals": False}, 0, "fail"),
        ({"equals": 0}, 0, "pass"),
        ({"one_of": ["a", "b"]}, "b", "pass"),
        ({"one_of": ["a", "b"]}, "on", "fail"),
        ({"at_least": 21}, 21, "pass"),
        ({"at_least": 21}, 20.9, "fail"),
        ({"at_least": 21}, "100", "error"),
        ({"at_least": 1}, True, "error"),
        ({"at_most": 2.0}, 2.0, "pass"),
        ({"at_least": 2, "at_most": 5}, 6, "fail"),
        ({"contains": "nosniff"}, ["nosniff"], "pass"),
        ({"contains": ["a", "b"]}, ["a"], "fail"),
        ({"contains": "a"}, 3, "error"),
        ({"matches": "^on$"}, "none", "fail"),
        ({"matches": "^on$"}, "on", "pass"),
        ({"matches": "x"}, 3, "error"),
        ({"present": True}, "", "fail"),
        ({"present": True}, MISSING, "fail"),
        ({"present": True}, 0, "pass"),
        ({"absent": True}, None, "pass"),
        ({"absent": True}, MISSING, "pass"),
        ({"absent": True}, "here", "fail"),
        ({"every": {"equals": 1}}, [], "fail"),
        ({"every": {"equals": 1}}, [1, 1], "pass"),
        ({"every": {"at": "status", "one_of": [301, 308]}}, [{"status": 301}, {"status": 200}], "fail"),
        ({"every": {"at": "status", "equals": 301}}, {"a": {"status": 301}}, "pass"),
        ({"every": {"at": "status", "equals": 301}}, [{}], "error"),
        ({"none": {"equals": "*"}}, [], "pass"),
        ({"none": {"equals": "*"}}, ["a", "*"], "fail"),
        ({"none": {"equals": "*"}}, "text", "error"),
        ({"equals": 1}, MISSING, "error"),
        ({"equals": {"param": "domains"}}, ["a.test"], "pass"),
        ({"equals": {"param": "nowhere"}}, 1, "error"),
    ],
)
def test_operator(expect, value, status):
    assert check_expectation(expect, value, {"domains": ["a.test"]}).status == status


def test_an_undefined_parameter_is_named():
    assert "'nowhere'" in check_expectation({"equals": {"param": "nowhere"}}, 1, {}).reason


def test_a_failure_says_what_was_expected():
    verdict = check_expectation({"at_least": 21}, 6, {})
    assert (verdict.observed, verdict.expected) == (6, "at least 21")


@pytest.mark.parametrize(
    ("path", "value"),
    [(["a", "b"], 1), (["list", "1"], "y"), (["a", "no"], None), (["list", "9"], None), (["a", "b", "c"], None)],
)
def test_dig(path, value):
    found = dig({"a": {"b": 1}, "list": ["x", "y"]}, path)
    assert is_missing(found) if value is None else found == value
