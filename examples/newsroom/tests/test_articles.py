from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from articles.models import Article, Comment, Tag
from articles.slugs import MAX_LENGTH, make_free_slug, make_slug
from articles.templatetags.prose import highlight, prose


@given(st.text())
def test_a_slug_is_never_empty_and_always_fits_an_address(title):
    slug = make_slug(title)
    assert 1 <= len(slug) <= MAX_LENGTH
    assert slug.isascii() and slug.replace("-", "").replace("_", "").isalnum()


@given(st.text(min_size=1), st.integers(0, 120))
def test_a_free_slug_is_free(title, copies):
    taken: set[str] = set()
    for _ in range(copies % 12 + 1):
        slug = make_free_slug(title, taken.__contains__)
        assert slug not in taken and len(slug) <= MAX_LENGTH
        taken.add(slug)


@given(st.text())
def test_prose_lets_no_markup_through(text):
    html = str(prose(text + "\n\n<script>alert(1)</script>\n\n## <b>x\n\n> <i>y"))
    assert "<script" not in html and "<b>" not in html and "<i>" not in html


def test_prose_knows_headings_and_quotations():
    assert prose("One\r\n\r\n## Two\n\n> Three\n> four") == (
        "<p>One</p>\n<h2>Two</h2>\n<blockquote><p>Three\nfour</p></blockquote>"
    )


def test_highlight_marks_and_escapes():
    assert highlight("## a \ue000<b>\ue001 > c") == "a <mark>&lt;b&gt;</mark> c"


def test_equal_titles_get_addresses_of_their_own(make_article):
    assert [make_article("Same").slug for _ in range(3)] == ["same", "same-2", "same-3"]


def test_a_published_article_always_has_a_time(make_article):
    article = make_article()
    assert article.published_at is not None
    with pytest.raises(IntegrityError):
        Article.objects.filter(pk=article.pk).update(published_at=None)


@pytest.mark.parametrize("hidden", [{"status": "draft"}, {"published_at": timezone.now() + timedelta(hours=1)}])
def test_the_public_sees_only_what_is_published(client, make_article, make_user, as_user, forget_cache, hidden):
    article = make_article("Hidden harbour", **hidden)
    for path in ("/", "/section/city/", "/search/?q=hidden", "/feed/", "/sitemap.xml"):
        response = client.get(path)
        assert response.status_code == 200
        assert b"idden-harbour" not in response.content
    assert client.get(article.get_absolute_url()).status_code == 404
    assert as_user(make_user("rival", journalist=True)).get(article.get_absolute_url()).status_code == 404
    assert as_user(article.author).get(article.get_absolute_url()).status_code == 200
    assert as_user(make_user("editor", is_staff=True)).get(article.get_absolute_url()).status_code == 200


# --- Search


def test_search_ranks_titles_over_bodies_and_marks_what_it_found(client, make_article):
    make_article("Quiet rooms", body="Somewhere a herring is mentioned.")
    make_article("Herring return")
    make_article("Nothing to see")
    response = client.get("/search/?q=herrings")  # English knows the plural
    assert [article.title for article in response.context["articles"]] == ["Herring return", "Quiet rooms"]
    assert b"<mark>herring</mark>" in response.content


def test_search_follows_an_edit(client, make_article):
    article = make_article("First words")
    article.title = "Lighthouse"
    article.save()
    assert client.get("/search/?q=lighthouse").context["paginator"].count == 1
    assert client.get("/search/?q=first").context["paginator"].count == 0


def test_search_can_use_its_index(make_article):
    make_article("Herring")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Article.objects.search("herring").values("pk").explain()
    assert "article_search" in plan


@given(words=st.one_of(st.text(), st.sampled_from(["\x00", "a\x00b", "'", "& | !", '"open', "-", "or or", "<->", "%", "\\"])))
def test_search_answers_whatever_is_asked(client, make_article_once, words):
    assert client.get("/search/", {"q": words}).status_code == 200


@pytest.fixture
def make_article_once(make_article):
    return make_article("Only one", body="or and not")


@given(words=st.text(max_size=60))
def test_the_query_itself_survives_any_text(make_article_once, words):
    list(Article.objects.all().search(words))


def test_a_long_search_and_a_far_page_are_no_errors(client, make_article):
    make_article("Tide")
    assert client.get("/search/", {"q": "x" * 5000}).status_code == 200
    assert client.get("/?page=99").status_code == 404
    assert client.get("/search/?q=tide&page=x").status_code == 404


# --- Queries stay the same however much there is to show


def count_queries(client, path):
    from django.test.utils import CaptureQueriesContext

    client.get(path)  # the first fills the cache
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", ["/", "/section/city/", "/search/?q=tide", "/feed/", "/sitemap.xml", "/articles/tide-0/", "/tag/water/"])
def test_the_number_of_queries_does_not_grow(client, make_article, make_user, forget_cache, path):
    tag = Tag.objects.create(name="Water", slug="water")

    def fill(start, stop):
        for number in range(start, stop):
            article = make_article(f"Tide {number}", slug=f"tide-{number}", author=make_user(f"author{start}{number}"))
            article.tags.add(tag)
            Comment.objects.create(article_id=Article.objects.get(slug="tide-0").pk, author=article.author, body="Well said.")

    fill(0, 4)
    few = count_queries(client, path)
    fill(4, 11)
    assert count_queries(client, path) == few <= 8


# --- Comments


def test_a_reader_comments_and_is_shown(as_user, make_user, make_article, client, forget_cache):
    article = make_article()
    response = as_user(make_user("reader")).post(f"{article.get_absolute_url()}comments/", {"body": "<b>Hear, hear</b>"})
    comment = Comment.objects.get()
    assert response.url == f"{article.get_absolute_url()}#comment-{comment.pk}"
    page = client.get(article.get_absolute_url()).content
    assert b"&lt;b&gt;Hear, hear&lt;/b&gt;" in page
    comment.is_visible = False
    comment.save()
    assert b"Hear, hear" not in client.get(article.get_absolute_url()).content


def talk(article, reader, number):
    return Comment.objects.bulk_create([Comment(article=article, author=reader, body=f"Voice {place}.") for place in range(1, number + 1)])


def voices(client, address):
    return re.findall(r"Voice \d+[.]", client.get(address).content.decode())


def test_an_article_that_everybody_talks_about_has_pages(client, make_user, make_article, forget_cache):
    article = make_article()
    talk(article, make_user("reader"), 60)
    address = article.get_absolute_url()
    for page, shown in ((1, range(1, 26)), (2, range(26, 51)), (3, range(51, 61))):
        assert voices(client, f"{address}?page={page}") == [f"Voice {place}." for place in shown]
    first, second = client.get(address).content.decode(), client.get(f"{address}?page=2").content.decode()
    assert "60 comments" in first and "60 comments" in second
    assert 'href="?page=2#comments">Later →' in first and 'href="?page=1#comments">← Earlier' in second
    assert client.get(f"{address}?page=4").status_code == client.get(f"{address}?page=x").status_code == 404


@pytest.mark.parametrize(("before", "question"), [(0, ""), (24, ""), (25, "?page=2"), (50, "?page=3")])
def test_a_comment_is_shown_where_its_writer_is_led(as_user, make_user, make_article, before, question):
    article, reader = make_article(), make_user("reader")
    talk(article, reader, before)
    hidden = Comment.objects.create(article=article, author=reader, body="Spam", is_visible=False)
    browser = as_user(reader)
    led = browser.post(f"{article.get_absolute_url()}comments/", {"body": "Hear, hear"}).url
    comment = Comment.objects.get(body="Hear, hear")
    assert led == f"{article.get_absolute_url()}{question}#comment-{comment.pk}" == comment.get_absolute_url()
    assert hidden.get_absolute_url().endswith(f"{question}#comment-{hidden.pk}")
    assert f'id="comment-{comment.pk}"' in browser.get(led).content.decode()


@pytest.mark.parametrize(("place", "question"), [(1, ""), (25, ""), (26, ""), (27, "?page=2"), (51, "?page=2")])
def test_who_takes_a_comment_off_is_led_to_a_page_that_is_there(as_user, make_user, make_article, place, question):
    article, reader = make_article(), make_user("reader")
    comment = talk(article, reader, 51)[place - 1]
    browser = as_user(reader)
    led = browser.post(f"{article.get_absolute_url()}comments/{comment.pk}/delete/").url
    assert led == f"{article.get_absolute_url()}{question}#comments"
    assert browser.get(led).status_code == 200


def test_comments_of_one_moment_have_one_order(make_user, make_article):
    article, now = make_article(), timezone.now()
    comments = talk(article, make_user("reader"), 3)
    Comment.objects.update(created_at=now)
    for comment in comments:
        comment.refresh_from_db()
    assert [comment.count_before() for comment in comments] == [0, 1, 2]
    assert list(article.comments.all()) == comments


@pytest.mark.parametrize("body", ["", "   ", "x" * 2001, "a\x00b"])
def test_an_empty_or_endless_comment_is_refused(as_user, make_user, make_article, body):
    article = make_article()
    response = as_user(make_user("reader")).post(f"{article.get_absolute_url()}comments/", {"body": body}, follow=True)
    assert response.status_code == 200
    assert b"message error" in response.content
    assert not Comment.objects.exists()


def test_strangers_log_in_first_and_drafts_take_no_comments(client, as_user, make_user, make_article):
    url = f"{make_article().get_absolute_url()}comments/"
    assert client.post(url, {"body": "Hello"}).url.startswith("/accounts/login/")
    draft = make_article("Draft", status="draft")
    assert as_user(make_user("reader")).post(f"{draft.get_absolute_url()}comments/", {"body": "Hello"}).status_code == 404
    assert not Comment.objects.exists()


def test_most_discussed_is_kept_until_somebody_speaks(client, make_article, make_user, forget_cache, django_capture_on_commit_callbacks):
    article, reader = make_article(), make_user("reader")
    assert client.get("/").context["discussed"] == []
    with django_capture_on_commit_callbacks(execute=True):
        Comment.objects.create(article=article, author=reader, body="First")
    assert [item["voices"] for item in client.get("/").context["discussed"]] == [1]


def test_most_discussed_knows_a_section_by_its_new_name(client, make_article, make_user, forget_cache, django_capture_on_commit_callbacks):
    article = make_article()
    Comment.objects.create(article=article, author=make_user("reader"), body="First")
    assert client.get("/").context["discussed"][0]["section__name"] == "City"
    with django_capture_on_commit_callbacks(execute=True):
        article.section.name = "Town"
        article.section.save()
    assert client.get("/").context["discussed"][0]["section__name"] == "Town"


def test_most_discussed_made_during_a_change_is_not_kept(make_article, make_user, forget_cache, monkeypatch, django_capture_on_commit_callbacks):
    from articles import discussed

    article, reader = make_article(), make_user("reader")
    Comment.objects.create(article=article, author=reader, body="First")

    def somebody_speaks(*args):
        monkeypatch.setattr(discussed, "cache", cache)
        with django_capture_on_commit_callbacks(execute=True):
            Comment.objects.create(article=article, author=reader, body="Second")
        cache.set(*args)

    monkeypatch.setattr(discussed, "cache", SimpleNamespace(get_many=cache.get_many, set=somebody_speaks))
    assert [item["voices"] for item in discussed.most_discussed()] == [1]
    assert [item["voices"] for item in discussed.most_discussed()] == [2]


def test_comments_are_limited_on_the_page_and_in_the_api_together(as_user, api, make_user, make_article, throttles, forget_cache):
    throttles["write"] = "2/min"
    article, reader = make_article(), make_user("reader")
    page, program = f"{article.get_absolute_url()}comments/", f"/api/v1/articles/{article.slug}/comments/"
    assert as_user(reader).post(page, {"body": "Hear"}).status_code == 302
    assert api(reader).post(program, {"body": "Hear"}).status_code == 201
    assert as_user(reader).post(page, {"body": "Hear"}).status_code == 429
    assert Comment.objects.count() == 2


@pytest.mark.parametrize("path", ["edit/", "delete/"])
def test_nobody_else_learns_that_there_is_a_draft(as_user, make_user, make_article, path):
    rival, address = as_user(make_user("rival", journalist=True)), make_article("Draft", status="draft").get_absolute_url()
    assert rival.get(f"{address}{path}").status_code == rival.get(f"/articles/nothing/{path}").status_code == 404
    assert rival.post(f"{address}{path}").status_code == 404


# --- The rest of the paper


def test_error_pages_are_ours(client, db):
    response = client.get("/no-such-page/")
    assert response.status_code == 404
    assert b"not in the paper" in response.content


def test_feed_sitemap_and_robots(client, make_article):
    url = make_article("Tide & time").get_absolute_url()
    assert f"https://testserver{url}" in client.get("/feed/").content.decode()
    assert f"<loc>https://testserver{url}</loc>" in client.get("/sitemap.xml").content.decode()
    assert "Sitemap: https://testserver/sitemap.xml" in client.get("/robots.txt").content.decode()
    assert client.get("/favicon.ico").url == "/static/favicon.svg"


def test_no_page_has_inline_code(client, make_article, forget_cache):
    article = make_article()
    for path in ("/", article.get_absolute_url(), "/accounts/login/", "/accounts/register/", "/search/?q=tide"):
        page = client.get(path).content.decode()
        assert "<style" not in page and "<script" not in page and " style=" not in page and " onclick=" not in page


def test_the_admin_opens_for_staff(as_user, make_user, make_article):
    article = make_article()
    admin = as_user(make_user("chief", is_staff=True, is_superuser=True))
    for path in ("", "articles/article/", f"articles/article/{article.pk}/change/", "articles/comment/", "accounts/user/", "accounts/user/add/"):
        assert admin.get(f"/admin/{path}").status_code == 200


def test_seeding_twice_prints_one_paper(client, db, forget_cache):
    call_command("seed_newsroom", verbosity=0)
    call_command("seed_newsroom", "--without-covers", verbosity=0)
    assert Article.objects.published().count() == 12
    assert Article.objects.exclude(cover="").count() == 12
    assert not Article.objects.filter(cover_width=None).exists()  # else every list would open every file
    assert set(User.objects.get(username="nell.archer").groups.values_list("name", flat=True)) == {"Readers", "Editors"}
    assert not any(article.author.has_usable_password() for article in Article.objects.select_related("author"))
    assert b"The harbour wall will be raised" in client.get("/").content
