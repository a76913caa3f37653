from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from accounts.models import User
from articles.models import Article, Comment, Tag
from outbox.models import Mail

V1 = "/api/v1"
NEW = {"title": "A new pier", "standfirst": "It is long.", "body": "Very.", "section": "city", "status": "published"}


# --- Articles


def test_a_list_has_pages_and_a_page_has_no_texts(api, make_article):
    for number in range(14):
        make_article(f"Tide {number}")
    first = api().get(f"{V1}/articles/").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (14, 12, None)
    assert first["results"][0]["title"] == "Tide 13"
    assert first["results"][0]["author"] == {"username": "journalist", "byline": "journalist"}
    assert "body" not in first["results"][0]
    assert len(api().get(first["next"]).json()["results"]) == 2
    assert len(api().get(f"{V1}/articles/?page_size=1000").json()["results"]) == 14
    assert api().get(f"{V1}/articles/?page=9").status_code == 404


def test_a_list_takes_the_same_number_of_queries_however_long(api, make_article, make_user, django_assert_num_queries):
    tag = Tag.objects.create(name="Water", slug="water")
    for number in range(9):
        make_article(f"Tide {number}", author=make_user(f"author{number}")).tags.add(tag)
    with django_assert_num_queries(3):  # the count, the page, its tags
        assert len(api().get(f"{V1}/articles/").json()["results"]) == 9


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("search=herrings", ["Herring return", "Quiet rooms"]),
        ("search=herrings&ordering=title", ["Herring return", "Quiet rooms"]),
        ("search=herrings&ordering=-title", ["Quiet rooms", "Herring return"]),
        ("section=harbour", ["Herring return"]),
        ("section=nowhere", []),
        ("tag=water", ["Quiet rooms"]),
        ("author=other", ["Old news"]),
        ("published_before=2020-01-02T00:00:00Z", ["Old news"]),
        ("published_after=2020-01-02T00:00:00Z&ordering=title", ["Herring return", "Quiet rooms"]),
        ("status=draft", []),
    ],
)
def test_a_list_is_filtered(api, make_article, make_user, section, query, titles):
    harbour = type(section).objects.create(name="Harbour", slug="harbour")
    quiet = make_article("Quiet rooms", body="Somewhere a herring is mentioned.")
    quiet.tags.add(Tag.objects.create(name="Water", slug="water"))
    make_article("Herring return", section=harbour)
    make_article("Old news", author=make_user("other"), published_at=timezone.datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone()))
    make_article("Herring draft", status="draft")
    assert [article["title"] for article in api().get(f"{V1}/articles/?{query}").json()["results"]] == titles


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=lost", "status"),
        ("published_after=soon", "published_after"),
        ("published_before=0001-01-01T00:00:00%2B14:00", "published_before"),
        ("ordering=body", "ordering"),
        ("search=a%00b", "search"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(api, db, query, field):
    response = api().get(f"{V1}/articles/?{query}")
    assert response.status_code == 400
    assert list(response.json()) == [field]


def test_an_article_is_written_changed_and_deleted(api, journalist, section, django_capture_on_commit_callbacks):
    Tag.objects.create(name="Water", slug="water")
    client = api(journalist)
    made = client.post(f"{V1}/articles/", NEW | {"tags": ["water"]})
    assert made.status_code == 201, made.json()
    assert made.json()["slug"] == "a-new-pier"
    assert (made.json()["author"]["username"], made.json()["tags"], made.json()["minutes"]) == ("journalist", ["water"], 1)
    address = f"{V1}/articles/a-new-pier/"
    assert client.patch(address, {"title": "An old pier", "tags": []}).json()["title"] == "An old pier"
    whole = client.put(address, NEW | {"body": "Shorter."}).json()
    assert (whole["title"], whole["body"]) == ("A new pier", "Shorter.")
    assert api().get(address).json()["body"] == "Shorter."
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_nobody_writes_in_another_name_or_chooses_an_address(api, journalist, make_user, section):
    other = make_user("other", journalist=True)
    made = api(journalist).post(f"{V1}/articles/", NEW | {"author": other.pk, "slug": "admin", "id": 1, "created_at": "2001-01-01T00:00:00Z"})
    article = Article.objects.get()
    assert made.status_code == 201
    assert (article.author, article.slug, article.created_at.year > 2001) == (journalist, "a-new-pier", True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 141}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": {"not": "text"}}, "title"),
        ({"body": "x" * 60_001}, "body"),
        ({"section": "nowhere"}, "section"),
        ({"section": "a\x00b"}, "section"),
        ({"section": None}, "section"),
        ({"section": ["city"]}, "section"),
        ({"tags": ["nothing"]}, "tags"),
        ({"tags": "nothing"}, "tags"),
        ({"status": "lost"}, "status"),
        ({"status": "scheduled"}, "published_at"),
        ({"published_at": "soon"}, "published_at"),
        ({"published_at": "0001-01-01T00:00:00+14:00"}, "published_at"),
        ({"cover": "not a file"}, "cover"),
    ],
)
def test_a_wrong_field_is_named(api, journalist, section, changes, field):
    response = api(journalist).post(f"{V1}/articles/", NEW | changes)
    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert not Article.objects.exists()


def test_all_missing_fields_are_named_at_once(api, journalist):
    assert set(api(journalist).post(f"{V1}/articles/", {}).json()) == {"title", "standfirst", "body", "section"}


@pytest.mark.parametrize(("content", "kind", "status"), [("{", "application/json", 400), ("<a/>", "text/xml", 415), ("[]", "application/json", 400)])
def test_what_is_no_article_at_all_is_refused(api, journalist, content, kind, status):
    response = api(journalist).generic("POST", f"{V1}/articles/", content, content_type=kind)
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"


def test_a_time_to_come_schedules(api, journalist, section):
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    made = api(journalist).post(f"{V1}/articles/", NEW | {"published_at": later}).json()
    assert made["status"] == "scheduled"
    assert api().get(f"{V1}/articles/{made['slug']}/").status_code == 404
    assert api(journalist).get(f"{V1}/articles/?status=scheduled").json()["count"] == 1


def test_a_cover_is_made_anew_and_removed_with_null(api, journalist, section, django_capture_on_commit_callbacks):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8825)[1] = "N"  # a place
    out = io.BytesIO()
    Image.new("RGB", (1000, 500), "teal").save(out, "JPEG", exif=exif)
    upload = SimpleUploadedFile("holiday.jpg", out.getvalue(), "image/jpeg")
    made = api(journalist).post(f"{V1}/articles/", NEW | {"cover": upload}, format="multipart")
    assert made.status_code == 201, made.json()
    assert (made.json()["cover_width"], made.json()["cover_height"]) == (500, 1000)
    assert made.json()["cover_srcset"].split(", ")[0].endswith("-480.jpg 480w")
    article = Article.objects.get()
    with article.cover.open() as file, Image.open(file) as kept:
        assert not kept.getexif()
    storage = article.cover.storage
    with django_capture_on_commit_callbacks(execute=True):
        gone = api(journalist).patch(f"{V1}/articles/{article.slug}/", {"cover": None}).json()
    assert (gone["cover"], gone["cover_width"], gone["cover_srcset"]) == (None, None, "")
    assert storage.listdir("covers")[1] == []


def test_what_is_no_picture_is_refused_by_name(api, journalist, section):
    upload = SimpleUploadedFile("x.png", b"<script>alert(1)</script>", "image/png")
    response = api(journalist).post(f"{V1}/articles/", NEW | {"cover": upload}, format="multipart")
    assert response.json() == {"cover": ["This is not a picture we can read. Upload a JPEG, PNG or WebP file."]}


@pytest.mark.parametrize("moment", ["1610-10-20T10:34:57+16:46", "9999-12-31T23:59:59-15:59", "2026-01-01T00:00:00-23:59"])
def test_a_time_zone_the_database_does_not_know_is_no_error_of_ours(api, as_user, journalist, section, moment):
    quoted = moment.replace("+", "%2B")
    assert api().get(f"{V1}/articles/?published_after={quoted}").status_code in {200, 400}
    assert api(journalist).post(f"{V1}/articles/", NEW | {"published_at": moment}).status_code in {201, 400}
    assert as_user(journalist).post("/desk/write/", NEW | {"section": section.pk, "published_at": moment}).status_code in {200, 302}


# --- Comments


def test_a_comment_is_written_changed_and_taken_back(api, make_user, make_article):
    article, client = make_article(), api(make_user("reader"))
    thread = f"{V1}/articles/{article.slug}/comments/"
    made = client.post(thread, {"body": "Hear, hear", "is_visible": False, "author": 1})
    assert (made.status_code, made.json()["author"]["username"], made.json()["is_visible"]) == (201, "reader", True)
    address = f"{V1}/comments/{made.json()['id']}/"
    assert client.patch(address, {"body": "Well said"}).json()["body"] == "Well said"
    assert [comment["body"] for comment in api().get(thread).json()["results"]] == ["Well said"]
    assert client.delete(address).status_code == 204
    assert api().get(address).status_code == 404


@pytest.mark.parametrize("body", ["", "   ", "x" * 2001, "a\x00b", None, []])
def test_an_empty_or_endless_comment_is_refused_by_name(api, make_user, make_article, body):
    response = api(make_user("reader")).post(f"{V1}/articles/{make_article().slug}/comments/", {"body": body})
    assert (response.status_code, list(response.json())) == (400, ["body"])


def test_a_hidden_comment_is_seen_by_moderators_alone(api, make_user, make_article):
    article, reader, editor = make_article(), make_user("reader"), make_user("editor", editor=True)
    comment = Comment.objects.create(article=article, author=reader, body="Rude")
    thread, address = f"{V1}/articles/{article.slug}/comments/", f"{V1}/comments/{comment.pk}/"
    assert api(editor).post(f"{address}hide/").status_code == 204
    assert api().get(thread).json()["count"] == 0
    assert api(reader).patch(address, {"body": "Ruder"}).status_code == 404
    assert api(editor).get(thread).json()["count"] == 1
    assert api(editor).post(f"{address}show/").status_code == 204
    assert api().get(thread).json()["count"] == 1


def test_a_draft_has_no_thread(api, make_article, make_user, journalist):
    draft = make_article(status="draft")
    thread = f"{V1}/articles/{draft.slug}/comments/"
    assert api().get(thread).status_code == 404
    assert api(make_user("reader")).post(thread, {"body": "First"}).status_code == 404
    assert api(journalist).post(thread, {"body": "First"}).status_code == 403


# --- Accounts


def test_a_profile_is_ones_own(api, make_user):
    user, other = make_user("reader"), make_user("other")
    client = api(user)
    found = client.get(f"{V1}/me/").json()
    assert (found["username"], found["roles"], found["may_write"]) == ("reader", ["Readers"], False)
    changed = client.patch(f"{V1}/me/", {"display_name": "R. Eader", "username": "root", "roles": ["Editors"], "is_staff": True})
    assert (changed.status_code, changed.json()["byline"], changed.json()["username"]) == (200, "R. Eader", "reader")
    user.refresh_from_db()
    assert not user.is_staff and user.groups.count() == 1
    assert list(client.patch(f"{V1}/me/", {"email": other.email.upper()}).json()) == ["email"]


def test_registering_makes_a_reader_and_a_letter(api, db):
    new = {"username": "newcomer", "email": "new@example.org", "password": "correct horse staple"}
    response = api().post(f"{V1}/register/", new | {"is_staff": True})
    assert response.status_code == 201
    assert "password" not in response.json()
    user = User.objects.get()
    assert user.check_password("correct horse staple") and not user.is_staff
    assert [group.name for group in user.groups.all()] == ["Readers"]
    assert (Mail.objects.get().to, Mail.objects.get().subject) == ("new@example.org", "Welcome to The Lantern")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "READER"}, "username"),
        ({"username": "no spaces"}, "username"),
        ({"email": "Reader@Example.org"}, "email"),
        ({"email": ""}, "email"),
        ({"password": "password12"}, "password"),
        ({"password": "newcomer1"}, "password"),
        ({"password": "short"}, "password"),
    ],
)
def test_a_bad_registration_is_refused_by_name(api, make_user, changes, field):
    make_user("reader")
    new = {"username": "newcomer", "email": "new@example.org", "password": "correct horse staple"}
    response = api().post(f"{V1}/register/", new | changes)
    assert (response.status_code, list(response.json())) == (400, [field])
    assert User.objects.count() == 1


def test_two_who_want_the_same_name_at_once_are_told(api, make_user, monkeypatch):
    from api import serializers

    make_user("reader")
    monkeypatch.setattr(serializers.RegistrationSerializer, "validate_username", lambda self, username: username)
    response = api().post(f"{V1}/register/", {"username": "READER", "email": "new@example.org", "password": "correct horse staple"})
    assert response.status_code == 409


# --- Whatever is asked


def test_errors_are_json_below_api_and_pages_elsewhere(api, client, db):
    assert api().get("/api/v1/nothing/").json() == {"detail": "There is nothing at this address."}
    assert b"not in the paper" in client.get("/nothing/").content
    assert api().get("/api/v1/articles/", headers={"Host": "evil.example"}).json() == {"detail": "The request is malformed."}


def test_a_crash_is_json_without_details(api, monkeypatch, db):
    from api import views

    monkeypatch.setattr(views.Articles, "get_queryset", lambda self: 1 / 0)
    client = api()
    client.raise_request_exception = False
    response = client.get(f"{V1}/articles/")
    assert (response.status_code, response.json()) == (500, {"detail": "Something broke on our side."})


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["city", "draft", "\x00", "\ud800", "🦞", "2026-01-01"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=4,
)
FIELDS = st.sampled_from(["title", "standfirst", "body", "section", "tags", "cover", "cover_alt", "status", "published_at"])


@pytest.mark.parametrize("changes", [{"section": "\ud800"}, {"tags": ["a\udfff"]}, {"title": {"\ud800": 1}}])
def test_half_a_character_is_refused_in_words(api_once, changes):
    response = api_once.generic("POST", f"{V1}/articles/", json.dumps(NEW | changes), content_type="application/json")
    assert response.status_code == 400
    assert "alone is no character" in response.json()["detail"]


@given(changes=st.dictionaries(FIELDS, ANYTHING, max_size=4))
@example(changes={"section": "\ud800"})
def test_no_article_however_odd_is_an_error_of_ours(api_once, changes):
    content = json.dumps(NEW | changes).encode("utf-8", "surrogatepass")
    response = api_once.generic("POST", f"{V1}/articles/", content, content_type="application/json")
    assert response.status_code in {201, 400}
    if response.status_code == 400:
        assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("field", ["published_at", "-title", "updated_at"])
def test_pages_of_equal_ones_do_not_overlap(api, make_article, field):
    for _ in range(5):
        make_article()
    now = timezone.now() - timedelta(hours=1)
    Article.objects.update(published_at=now, updated_at=now)
    address, slugs = f"{V1}/articles/?page_size=2&ordering={field}", []
    for page in (1, 2, 3):
        slugs += [article["slug"] for article in api().get(f"{address}&page={page}").json()["results"]]
    assert slugs == list(Article.objects.order_by("-pk").values_list("slug", flat=True))


def test_a_search_makes_no_headlines_nobody_reads(api, make_article, django_assert_num_queries):
    make_article("Herring")
    with django_assert_num_queries(3) as queries:
        assert api().get(f"{V1}/articles/?search=herring").json()["count"] == 1
    assert not any("ts_headline" in query["sql"] for query in queries)


@pytest.fixture
def meanwhile(monkeypatch):
    """Something happens between the reading and the saving of a change."""
    from rest_framework.serializers import Serializer

    def happen(change):
        run = Serializer.run_validation

        def validate(self, *args, **kwargs):
            change()
            return run(self, *args, **kwargs)

        monkeypatch.setattr(Serializer, "run_validation", validate)

    return happen


def test_a_change_of_oneself_writes_nothing_else_back(api, make_user, meanwhile):
    user = make_user("reader")
    meanwhile(lambda: User.objects.filter(pk=user.pk).update(is_active=False, bio="From elsewhere"))
    assert api(user).patch(f"{V1}/me/", {"display_name": "R. Eader"}).status_code == 200
    user.refresh_from_db()
    assert (user.display_name, user.bio, user.is_active) == ("R. Eader", "From elsewhere", False)


def test_a_change_of_a_comment_does_not_bring_it_back(api, make_user, make_article, meanwhile):
    reader = make_user("reader")
    comment = Comment.objects.create(article=make_article(), author=reader, body="Rude")
    meanwhile(lambda: Comment.objects.filter(pk=comment.pk).update(is_visible=False))
    assert api(reader).patch(f"{V1}/comments/{comment.pk}/", {"body": "Ruder"}).status_code == 200
    comment.refresh_from_db()
    assert (comment.body, comment.is_visible) == ("Ruder", False)


def test_an_article_is_locked_while_it_is_changed(api, as_user, make_article, section):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    article = make_article()
    form = NEW | {"section": section.pk}
    for change in (
        lambda: api(article.author).patch(f"{V1}/articles/{article.slug}/", {"title": "Changed"}),
        lambda: as_user(article.author).post(f"{article.get_absolute_url()}edit/", form),
    ):
        with CaptureQueriesContext(connection) as queries:
            assert change().status_code in {200, 302}
        reads = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and 'FROM "articles_article"' in query["sql"]]
        assert any("FOR UPDATE OF" in sql for sql in reads)


def test_a_list_of_comments_reads_no_article_texts(api, make_article, make_user):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    article = make_article()
    Comment.objects.create(article=article, author=make_user("reader"), body="Hear")
    with CaptureQueriesContext(connection) as queries:
        assert api().get(f"{V1}/articles/{article.slug}/comments/").json()["count"] == 1
    assert not any('articles_article"."body' in query["sql"] for query in queries)


@pytest.mark.parametrize("content", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000])
def test_what_is_nested_without_end_is_refused_in_words(api, db, content):
    response = api().generic("POST", f"{V1}/register/", content, content_type="application/json")
    assert (response.status_code, response.json()) == (400, {"detail": "JSON parse error - nested too deeply"})


@pytest.fixture
def api_once(api, journalist, section):
    return api(journalist)


@given(
    name=st.sampled_from(["search", "section", "tag", "author", "status", "published_after", "ordering", "page", "page_size"]),
    value=st.one_of(st.text(max_size=30), st.sampled_from(["\x00", "🦞", "'", "%", "-1", "9" * 30, '"', "10000-01-01T00:00:00Z"])),
)
def test_no_question_however_odd_is_an_error_of_ours(api_once, name, value):
    assert api_once.get(f"{V1}/articles/", {name: value}).status_code in {200, 400, 404}
