"""Every format says the same: 176 lines, one verdict."""

import json
import re
from xml.etree import ElementTree

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils import _renderers
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import GREEN
from readiness_fixture import make_green_readiness, make_readiness


@pytest.fixture(scope="module", params=[make_readiness, make_green_readiness], ids=["mixed", "green"])
def readiness(request):
    return request.param()


@pytest.fixture(scope="module")
def files(readiness):
    return _renderers.render_all(readiness)


def items(readiness):
    return [item for group in readiness["groups"] for item in group["items"]]


def test_the_json_is_the_data(readiness, files):
    assert json.loads(files["readiness.json"]) == json.loads(json.dumps(readiness))


def test_markdown_has_a_box_for_every_line_ticked_only_if_green(readiness, files):
    boxes = re.findall(r"^(?:-|\d+\.) \[([ x])\] (.*?) — ", files["readiness.md"], re.MULTILINE)
    assert [title for _mark, title in boxes] == [item["title"] for item in items(readiness)]
    assert [mark == "x" for mark, _title in boxes] == [item["status"] in GREEN for item in items(readiness)]


def test_junit_fails_exactly_the_required_items_that_are_not_green(readiness, files):
    root = ElementTree.fromstring(files["junit.xml"])
    cases = root.findall(".//testcase")
    red = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert len(cases) == 176
    assert red == [f"{item['number']} {item['title']}" for item in items(readiness) if item["required"] and item["status"] not in GREEN]
    for suite in root:
        assert int(suite.get("failures")) == len(suite.findall(".//failure"))


def test_the_textfile_carries_no_timestamps_and_every_item(readiness, files):
    samples = [line for line in files["readiness.prom"].splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z_]+\{.*\} -?\d+", line) for line in samples)
    assert sum(line.startswith("readiness_item{") for line in samples) == 176
    green = f'readiness_green{{environment="{readiness["run"]["environment"]}"}} {int(readiness["verdict"]["green"])}'
    assert green in samples


def test_the_terminal_names_every_required_item_that_is_not_green_and_the_verdict_last(readiness):
    text = _renderers.terminal(readiness, directory="/reports/x")
    for item in items(readiness):
        if item["required"] and item["status"] not in GREEN:
            assert f"{item['number']:>3}  {item['title']}" in text
    assert text.index(readiness["verdict"]["line"]) > text.index("Required:")
    assert "\033" not in text


def test_hostile_values_leave_every_format_well_formed():
    readiness = make_readiness()
    for result in readiness["results"].values():
        result["observed"] = ']]></failure><script>`\x00\x1b[31m"\n# x'
        result["reason"] = "`- [x]`\n\x07 <b>"
    files = _renderers.render_all(readiness)
    ElementTree.fromstring(files["junit.xml"])
    assert "<script>`" not in files["readiness.html"]
    assert len(re.findall(r"^(?:-|\d+\.) \[", files["readiness.md"], re.MULTILINE)) == 176
