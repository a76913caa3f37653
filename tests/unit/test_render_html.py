# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HTML report is one safe file that says everything readiness.json says."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
import time
from html.parser import HTMLParser

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._render_html import render
from ansible_collections.prodready.django.plugins.plugin_utils._report_assets import _ICONS, MEANING, Html, el, titled, visible
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import resolve
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import STATUSES
from ansible_collections.prodready.django.plugins.plugin_utils._words import iterate_items
from readiness_fixture import every_result, make_catalogue, make_green_readiness, make_inputs, make_readiness

VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """Every element with its attributes, the text of the page, and a check that elements nest."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in ("style", "script"):
            self.raw[self._open[-1]] = self.raw.get(self._open[-1], "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).replace("\u00a0", " ").split())

    def all(self, tag: str, **wanted: str) -> list[dict]:
        return [attrs for name, attrs in self.elements if name == tag and all(attrs.get(key) == value for key, value in wanted.items())]


@pytest.fixture(scope="module")
def readiness():
    return make_readiness()


@pytest.fixture(scope="module")
def html(readiness):
    return render(readiness)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_loaded_from_anywhere(html, page):
    for tag, attrs in page.elements:
        assert tag not in ("iframe", "object", "embed", "img", "base", "audio", "video")
        for name in ("src", "href", "action", "srcset"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/svg+xml")), attrs
        assert "style" not in attrs and not any(name.startswith("on") for name in attrs)
    assert "@import" not in html and "url(" not in html


def test_only_the_style_and_script_of_the_page_are_permitted(page):
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
        assert len(page.all(kind)) == 1


def test_every_item_stands_once_in_the_order_of_the_checklist(readiness, page):
    items = [item["id"] for _group, item in iterate_items(readiness)]
    assert [attrs["id"] for attrs in page.all("details") if attrs.get("class", "").split()[:1] == ["item"]] == items


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [attrs["id"] for _tag, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for attrs in page.all("a")} | {attrs["href"][1:] for attrs in page.all("use")} <= set(ids)


def test_every_status_has_an_icon_a_word_and_a_meaning():
    assert set(_ICONS) == set(MEANING) == set(STATUSES)


def test_the_verdict_is_told_with_its_denominators(readiness, page):
    verdict = readiness["verdict"]
    assert f"{verdict['required']} required in this run" in page.text
    assert f"of all {sum(verdict['counts_all'].values())} on the checklist" in page.text
    assert "%" not in page.text.split("Pre-Deployment Checklist")[0]
    for said in ("Grade F:", "d1: the newest deployment is 5 hours old", "14 Mar 2026, 16:05 UTC", "20260314-110212-4f2a91c", "ada on ops1"):
        assert said in page.text


@pytest.mark.parametrize("status", ["fail", "error", "blocked", "unproven", "pending", "waived", "not_applicable", "not_run"])
def test_the_evidence_of_every_result_is_there(readiness, page, status):
    for result in every_result(readiness, status):
        for key in ("reason", "expected", "remedy", "source", "repeat", "check"):
            assert " ".join(result[key].split()) in page.text, key


def test_notes_waivers_changes_and_declarations_are_told(page):
    for said in (
        "web2.example.org is unreachable",
        "does not count : it ended on 2026-01-31",
        "covers 1 result",
        "2 items changed since run",
        "Declared, not observed",
        "declared by Grace Hopper, not observed: The newsroom offers no public API.",
    ):
        assert said in page.text


def test_the_worst_is_to_be_done_first(page):
    cards = page.text.split("What to do next")[-1].split("Since the last run")[0]
    order = [
        "fail DEBUG is set to",
        "error PostgreSQL is configured",
        "blocked HTTP/2 is enabled",
        "unproven 6 items: no signature",
        "24 items: no check proves this yet",
        "pending 5 items",
    ]
    places = [cards.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_green_run_has_nothing_to_do_and_says_what_it_left_out():
    page = Page(render(make_green_readiness()))
    assert "SCOPE GREEN" in page.text and "cannot say READY" in page.text
    assert "35 whole groups left out" in page.text
    assert "Nothing: everything that was required is proved" in page.text
    assert "there is nothing to compare with" in page.text


def test_a_run_that_reached_nothing_still_has_every_item():
    inputs = make_inputs(records=[{"note": "unreachable", "host": host, "message": "timed out"} for host in ("web1.example.org", "db1.example.org")])
    page = Page(render(resolve(make_catalogue(), inputs)))
    assert sum("data-s" in attrs for attrs in page.all("details")) == 176
    assert "web1.example.org is unreachable: timed out" in page.text


def test_a_result_shown_twice_is_told_in_full_once(readiness):
    report = copy.deepcopy(readiness)
    key = report["groups"][0]["items"][0]["facets"][0]["results"][0]
    report["groups"][5]["items"][0]["facets"][0]["results"].append(key)
    assert "in full at item 1" in Page(render(report)).text


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "</pre></details><!--",
    "' onclick='alert(1)",
    "a\x00b\x1b[31mc\u202egpj.exe\ud800",
    "`</code><script>`",
    "&lt;b&gt; &amp;",
    "x" * 200_000,
    "]]>\n\r\n\t",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_text_stays_text(readiness, text):
    report = copy.deepcopy(readiness)
    report["run"].update(environment=text, by=text, profile_reason=text, finished=text)
    report["verdict"].update(grade_reason=text, line=text, left_out=[text], excluded=[text], scoped=True)
    report["subjects"][1].update(host=text, facts={"release": text, "deployed_at": text, text: text})
    report["notes"][0].update(host=text, message=text)
    report["changes"]["items"][0].update(title=text, item=text)
    report["waivers"][0].update(justification=text, owner=text, check=text, host=text)
    group = report["groups"][0]
    group["title"], group["path"] = text, [text, text]
    for item in group["items"]:
        item.update(title=text, reason=text)
        item["facets"][0].update(title=text, reason=text)
    for number, result in enumerate(report["results"].values()):
        if number % 60 == 0:
            result.update(
                observed=text if number % 120 else {text: [text]},
                reason=text,
                repeat=text,
                title=text,
                expected=text,
                remedy=text,
                source=text,
                observed_from=text,
            )
            result["subject"] = {"kind": text, "host": text, "instance": text}
    html = render(report)
    page = Page(html)
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not page.all("img")
    assert not any(name.startswith("on") for _tag, attrs in page.elements for name in attrs)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", html)
    html.encode("utf-8")
    if len(text) < 100 and "\r" not in text and "`" not in text:
        assert visible(text).split() == [word for word in visible(text).split() if word in page.text]


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (el("p", "<b>"), "<p>&lt;b&gt;</p>"),
        (el("p", el("b", "x"), ["&", None]), "<p><b>x</b>&amp;</p>"),
        (el("i", cls='"', data_x="<", hidden=True, open=False), '<i class="&quot;" data-x="&lt;" hidden></i>'),
        (el("p", Html("<hr>")), "<p><hr></p>"),
        (el("p", titled("set `A<B` to `1`")), "<p>set <code>A&lt;B</code> to <code>1</code></p>"),
        (el("p", titled("a lone ` is itself")), "<p>a lone ` is itself</p>"),
        (el("p", "a\0b"), "<p>a\u27e8U+0000\u27e9b</p>"),
    ],
)
def test_what_is_not_markup_is_escaped(built, expected):
    assert built == expected


def test_the_page_is_small_and_quickly_made(readiness):
    begun = time.perf_counter()
    html = render(readiness)
    assert time.perf_counter() - begun < 0.5
    assert len(html.encode()) < 1_500_000


def test_the_same_report_makes_the_same_page(readiness, html):
    assert render(readiness) == html
