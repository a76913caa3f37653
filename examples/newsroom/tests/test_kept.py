"""Kept pages: strangers get them without a query, and never after something they show has changed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from articles.models import Comment, Section, Tag
from newsroom import env
from ops.caches import State

FRONT = "/"


def count(client, path):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len([query for query in queries if not any(word in query["sql"] for word in ("django_cache", "SAVEPOINT"))])


@pytest.fixture(autouse=True)
def _a_cache_that_is_there(monkeypatch):
    monkeypatch.setattr(State, "away", False)


@pytest.fixture
def kept(settings, forget_cache):
    settings.PAGE_CACHE_SECONDS = 60


def test_the_page_of_the_benchmark_asks_at_least_five_times(client, make_article, forget_cache):
    """README names the page of an article: with PAGE_CACHE_SECONDS=0 each request asks the database."""
    article = make_article()
    assert [count(client, article.get_absolute_url()) for _ in range(3)] == [5, 5, 5]
    comment(article)
    assert [count(client, article.get_absolute_url()) for _ in range(3)] == [6, 6, 6]
    assert count(client, FRONT) >= 3


@pytest.mark.parametrize("path", ["/", "/section/city/", "/tag/water/", "/articles/tide/"])
def test_a_kept_page_asks_nothing_and_is_the_same(client, make_article, kept, path):
    make_article("Tide").tags.add(Tag.objects.create(name="Water", slug="water"))
    first = client.get(path)
    assert count(client, path) == 0
    second = client.get(path)
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert "Cookie" in first["Vary"] and "Cookie" in second["Vary"]
    assert second["X-Request-ID"] != first["X-Request-ID"]


def change_title(article):
    article.title = "Changed"
    article.save()


def rename_author(article):
    article.author.display_name = "Changed"
    article.author.save()


def rename_section(article):
    article.section.name = "Changed"
    article.section.save()


def comment(article):
    Comment.objects.create(article=article, author=article.author, body="Changed")


def add_tag(article):
    article.tags.add(Tag.objects.create(name="Changed", slug="changed"))


def add_section(article):
    Section.objects.create(name="Changed", slug="changed")


@pytest.mark.parametrize("change", [change_title, rename_author, rename_section, comment, add_tag, add_section])
def test_a_change_is_seen_at_once(client, make_article, kept, change, django_capture_on_commit_callbacks):
    article = make_article("Tide")
    address = article.get_absolute_url()
    assert b"Changed" not in client.get(address).content
    with django_capture_on_commit_callbacks(execute=True):
        change(article)
    assert b"Changed" in client.get(address).content


@pytest.mark.parametrize("path", ["/", "/section/city/"])
def test_a_deleted_article_is_gone_at_once(client, make_article, kept, path, django_capture_on_commit_callbacks):
    article = make_article("Unmistakable")
    assert b"Unmistakable" in client.get(path).content
    with django_capture_on_commit_callbacks(execute=True):
        article.delete()
    assert b"Unmistakable" not in client.get(path).content


def test_a_page_made_from_what_has_just_changed_is_not_kept(client, make_article, kept, monkeypatch, django_capture_on_commit_callbacks):
    from articles import views

    article = make_article("Before")
    make_context = views.ArticlePage.get_context_data

    def change_meanwhile(view, **kwargs):
        context = make_context(view, **kwargs)
        monkeypatch.setattr(views.ArticlePage, "get_context_data", make_context)
        with django_capture_on_commit_callbacks(execute=True):
            type(article).objects.get(pk=article.pk).save()
            other = type(article).objects.get(pk=article.pk)
            other.title = "After"
            other.save()
        return context

    monkeypatch.setattr(views.ArticlePage, "get_context_data", change_meanwhile)
    assert b"Before" in client.get(article.get_absolute_url()).content
    assert b"After" in client.get(article.get_absolute_url()).content


def test_logging_in_forgets_nothing(client, make_article, make_user, kept, django_capture_on_commit_callbacks):
    make_user("reader")
    make_article()
    client.get(FRONT)
    with django_capture_on_commit_callbacks(execute=True):
        type(client)().post("/accounts/login/", {"username": "reader", "password": "a long passphrase"})
    assert count(client, FRONT) == 0


def test_pages_of_the_logged_in_and_of_questions_are_not_kept(client, as_user, make_user, make_article, kept):
    article = make_article()
    reader = as_user(make_user("reader"))
    for _ in range(2):
        assert b"Log out" in reader.get(FRONT).content
    assert b"Log out" not in client.get(FRONT).content
    assert b"utm" not in client.get(article.get_absolute_url()).content
    assert count(client, f"{FRONT}?utm=1") > 0 and count(client, f"{FRONT}?utm=1") > 0
    for path in (FRONT, article.get_absolute_url()):
        assert client.get(f"{path}?page=9").status_code == 404 == client.get(f"{path}?page=9").status_code


@pytest.mark.parametrize("question", ["page=", "page=01", "page=last", "page=1&page=1", "page=+1", "page=%31"])
def test_a_page_number_is_kept_in_one_way_only(client, make_article, kept, question):
    make_article("Tide")
    client.get(FRONT)
    for _ in range(2):
        assert count(client, f"{FRONT}?{question}") > 0


def test_a_number_of_a_page_is_kept(client, make_article, kept):
    make_article("Tide")
    assert count(client, f"{FRONT}?page=1") > 0
    assert count(client, f"{FRONT}?page=1") == 0


def test_a_page_that_is_not_there_is_not_kept(client, make_article, kept, django_capture_on_commit_callbacks):
    assert client.get("/articles/tide/").status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        make_article("Tide")
    assert client.get("/articles/tide/").status_code == 200


def test_a_release_with_other_static_files_makes_its_own_pages(client, make_article, kept, monkeypatch):
    """The other tests here run without a manifest, as with DEBUG."""
    make_article("Tide")
    for digest in ("0123abcd", "4567abcd"):
        monkeypatch.setattr("articles.kept.staticfiles_storage", SimpleNamespace(manifest_hash=digest))
        assert count(client, FRONT) > 0
        assert count(client, FRONT) == 0


# --- A cache that is away

@pytest.mark.parametrize("url", ["unix://u:sesame@/nowhere/redis.sock?db=0", "redis://u:sesame@127.0.0.1:1/0", "dbcache://no_such_table"])
def test_without_its_cache_the_site_is_slower_and_says_so_once(client, api, make_article, settings, monkeypatch, throttles, caplog, url):
    make_article()
    monkeypatch.setenv("CACHE_URL", url)
    settings.CACHES = {"default": env.cache("CACHE_URL", prefix="paper")}
    settings.PAGE_CACHE_SECONDS = 60
    throttles["anon"] = "1/min"
    assert [client.get("/").status_code for _ in range(2)] == [200, 200]
    assert [api().get("/api/v1/sections/").status_code for _ in range(2)] == [200, 200]
    cache.set("a", 1), cache.set_many({"a": 1}), cache.add("a", 1), cache.touch("a"), cache.delete("a"), cache.delete_many(["a"]), cache.clear()
    assert (cache.get("a", 5), cache.get_many(["a"]), "a" in cache, cache.get_or_set("a", 7)) == (5, {}, False, 7)
    assert len([record for record in caplog.records if "going on without it" in record.message]) == 1
    assert client.get("/health/ready").status_code == 503  # readers read on, and operators are told
    assert "sesame" not in caplog.text


def test_a_cache_that_fails_spoils_nobodys_transaction(settings, make_article):
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "no_such_table"}}
    cache.set("a", 1)
    assert cache.get("a") is None
    make_article()


def test_a_cache_that_answers_again_is_used_again(settings, db, caplog):
    there = settings.CACHES
    settings.CACHES = {"default": there["default"] | {"LOCATION": "no_such_table"}}
    cache.get("a")
    cache.get("a")
    assert State.away
    settings.CACHES = there
    cache.set("a", 1)
    assert cache.get("a") == 1 and not State.away
    assert [record.message for record in caplog.records if record.name == "ops.caches"] == [
        "the cache does not answer (ProgrammingError); going on without it",
        "the cache answers again",
    ]
