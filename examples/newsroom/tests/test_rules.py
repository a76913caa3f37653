"""Who may do what: one table, asked of the API and of the pages."""

from __future__ import annotations

import pytest

from articles.models import Article, Comment

PEOPLE = ["anonymous", "reader", "author", "rival", "editor", "staff", "gone"]

# Operation → the status each of PEOPLE gets from the API. The article and the draft are the author's, the comment is the reader's.
TABLE = {
    "list articles": [200, 200, 200, 200, 200, 200, 401],
    "read an article": [200, 200, 200, 200, 200, 200, 401],
    "read a draft": [404, 404, 200, 404, 200, 200, 401],
    "write an article": [401, 403, 201, 201, 201, 201, 401],
    "change an article": [401, 403, 200, 403, 200, 200, 401],
    "change a draft": [401, 403, 200, 404, 200, 200, 401],
    "delete an article": [401, 403, 204, 403, 204, 204, 401],
    "read comments": [200, 200, 200, 200, 200, 200, 401],
    "comment": [401, 201, 201, 201, 201, 201, 401],
    "change a comment": [401, 200, 403, 403, 403, 403, 401],
    "delete a comment": [401, 204, 403, 403, 204, 204, 401],
    "hide a comment": [401, 403, 403, 403, 204, 204, 401],
    "see oneself": [401, 200, 200, 200, 200, 200, 401],
    "list sections": [200, 200, 200, 200, 200, 200, 401],
    "list tags": [200, 200, 200, 200, 200, 200, 401],
}


@pytest.fixture
def people(make_user):
    return {
        "anonymous": None,
        "reader": make_user("reader"),
        "author": make_user("author", journalist=True),
        "rival": make_user("rival", journalist=True),
        "editor": make_user("editor", editor=True),
        "staff": make_user("staff", is_staff=True),
        "gone": make_user("gone", journalist=True, editor=True, is_active=False),
    }


@pytest.fixture
def paper(people, make_article):
    article = make_article("Shown", author=people["author"])
    draft = make_article("Draft", author=people["author"], status="draft")
    return {"article": article, "draft": draft, "comment": Comment.objects.create(article=article, author=people["reader"], body="Hm")}


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize(("place", "person"), list(enumerate(PEOPLE)))
def test_the_api_keeps_the_rules(api, people, paper, operation, place, person):
    client, comment = api(people[person]), f"/api/v1/comments/{paper['comment'].pk}/"
    new = {"title": "New", "standfirst": "S", "body": "B", "section": "city"}
    ask = {
        "list articles": lambda: client.get("/api/v1/articles/"),
        "read an article": lambda: client.get("/api/v1/articles/shown/"),
        "read a draft": lambda: client.get("/api/v1/articles/draft/"),
        "write an article": lambda: client.post("/api/v1/articles/", new),
        "change an article": lambda: client.patch("/api/v1/articles/shown/", {"title": "Changed"}),
        "change a draft": lambda: client.patch("/api/v1/articles/draft/", {"title": "Changed"}),
        "delete an article": lambda: client.delete("/api/v1/articles/shown/"),
        "read comments": lambda: client.get("/api/v1/articles/shown/comments/"),
        "comment": lambda: client.post("/api/v1/articles/shown/comments/", {"body": "Hear"}),
        "change a comment": lambda: client.patch(comment, {"body": "Changed"}),
        "delete a comment": lambda: client.delete(comment),
        "hide a comment": lambda: client.post(f"{comment}hide/"),
        "see oneself": lambda: client.get("/api/v1/me/"),
        "list sections": lambda: client.get("/api/v1/sections/"),
        "list tags": lambda: client.get("/api/v1/tags/"),
    }
    assert ask[operation]().status_code == TABLE[operation][place]


# The same rules on the pages: 302 leads to the log-in, or on after success.
PAGES = {
    "read a draft": [404, 404, 200, 404, 200, 200, 404],
    "reach the desk": [302, 403, 200, 200, 200, 200, 302],
    "open the editor": [302, 403, 200, 403, 200, 200, 302],
    "delete an article": [302, 403, 302, 403, 302, 302, 302],
    "comment": [302, 302, 302, 302, 302, 302, 302],
    "take a comment off": [302, 302, 403, 403, 302, 302, 302],
}
# What is left behind when it went through.
DONE = {
    "delete an article": lambda paper: not Article.objects.filter(pk=paper["article"].pk).exists(),
    "comment": lambda paper: Comment.objects.filter(body="Hear").exists(),
    "take a comment off": lambda paper: not Comment.objects.filter(pk=paper["comment"].pk, is_visible=True).exists(),
}
MAY = {
    "delete an article": {"author", "editor", "staff"},
    "comment": {"reader", "author", "rival", "editor", "staff"},
    "take a comment off": {"reader", "editor", "staff"},
}


@pytest.mark.parametrize("operation", PAGES)
@pytest.mark.parametrize(("place", "person"), list(enumerate(PEOPLE)))
def test_the_pages_keep_the_same_rules(client, as_user, people, paper, operation, place, person):
    browser = as_user(people[person]) if people[person] else client
    ask = {
        "read a draft": lambda: browser.get("/articles/draft/"),
        "reach the desk": lambda: browser.get("/desk/"),
        "open the editor": lambda: browser.get("/articles/shown/edit/"),
        "delete an article": lambda: browser.post("/articles/shown/delete/"),
        "comment": lambda: browser.post("/articles/shown/comments/", {"body": "Hear"}),
        "take a comment off": lambda: browser.post(f"/articles/shown/comments/{paper['comment'].pk}/delete/"),
    }
    assert ask[operation]().status_code == PAGES[operation][place]
    if operation in DONE:
        assert DONE[operation](paper) is (person in MAY[operation])


def test_who_is_taken_out_of_the_readers_comments_no_more(api, as_user, people, paper):
    reader = people["reader"]
    reader.groups.clear()
    assert api(reader).post("/api/v1/articles/shown/comments/", {"body": "Hear"}).status_code == 403
    assert as_user(reader).post("/articles/shown/comments/", {"body": "Hear"}).status_code == 403
    assert b"may not comment" in as_user(reader).get("/articles/shown/").content


def test_a_page_offers_what_its_reader_may_do(as_user, people, paper):
    def page(person):
        return as_user(people[person]).get("/articles/shown/").content.decode()

    assert "/articles/shown/edit/" in page("author") and "/articles/shown/edit/" not in page("rival")
    assert ">Delete</button>" in page("reader") and ">Hide</button>" not in page("reader")
    assert ">Hide</button>" in page("editor") and ">Hide</button>" not in page("author")
