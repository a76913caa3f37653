from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from articles.models import Article


@pytest.fixture
def words(section):
    return {"title": "A new pier", "standfirst": "It is long.", "body": "Very.", "section": section.pk, "status": "published"}


def upload(content, name="cover.png", kind="image/png"):
    return SimpleUploadedFile(name, content, kind)


@pytest.mark.parametrize("path", ["/desk/", "/desk/write/"])
def test_only_writers_reach_the_desk(client, as_user, make_user, journalist, path):
    assert client.get(path).url == f"/accounts/login/?next={path}"
    refused = as_user(make_user("reader")).get(path)
    assert refused.status_code == 403
    assert b"not for you" in refused.content
    assert as_user(journalist).get(path).status_code == 200
    assert as_user(make_user("editor", is_staff=True)).get(path).status_code == 200


def test_a_journalist_publishes_under_her_own_name(as_user, make_user, journalist, words):
    other = make_user("other")
    response = as_user(journalist).post("/desk/write/", words | {"author": other.pk})
    article = Article.objects.get()
    assert response.url == article.get_absolute_url() == "/articles/a-new-pier/"
    assert article.author == journalist
    assert article.is_public


def test_a_reader_cannot_publish(as_user, make_user, words):
    assert as_user(make_user("reader")).post("/desk/write/", words).status_code == 403
    assert not Article.objects.exists()


def test_an_article_is_edited_by_its_author_and_editors_alone(client, as_user, make_user, make_article, words):
    article = make_article("Mine")
    edit = f"{article.get_absolute_url()}edit/"
    assert client.post(edit, words).url.startswith("/accounts/login/")
    for stranger in (make_user("reader"), make_user("rival", journalist=True)):
        assert as_user(stranger).get(edit).status_code == 403
        assert as_user(stranger).post(edit, words).status_code == 403
    article.refresh_from_db()
    assert article.title == "Mine"
    for writer in (article.author, make_user("editor", is_staff=True)):
        assert as_user(writer).post(edit, words | {"title": f"By {writer.username}"}).url == article.get_absolute_url()
        article.refresh_from_db()
        assert article.title == f"By {writer.username}"


def test_a_journalist_who_left_the_group_edits_no_more(as_user, make_article, journalist, words):
    article = make_article()
    journalist.groups.clear()
    assert as_user(journalist).post(f"{article.get_absolute_url()}edit/", words).status_code == 403


def test_the_desk_shows_ones_own(as_user, make_user, make_article):
    make_article("Mine")
    make_article("Yours", author=make_user("rival", journalist=True))
    page = as_user(Article.objects.get(title="Mine").author).get("/desk/").content
    assert b"Mine" in page and b"Yours" not in page


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_cover_is_kept_as_a_plain_jpeg(as_user, journalist, words, picture, kind):
    as_user(journalist).post("/desk/write/", words | {"cover": upload(picture(kind, (2000, 1000)), "../../x.php")})
    article = Article.objects.get()
    assert article.cover.name.startswith("covers/") and article.cover.name.endswith(".jpg")
    assert (article.cover_width, article.cover_height) == (1600, 800)
    with article.cover.open() as file, Image.open(file) as kept:
        assert kept.format == "JPEG"


def test_a_cover_loses_its_metadata(as_user, journalist, words):
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "JPEG", exif=exif)
    as_user(journalist).post("/desk/write/", words | {"cover": upload(out.getvalue(), "a.jpg", "image/jpeg")})
    with Article.objects.get().cover.open() as file:
        assert b"taken at home" not in file.read()


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"<html><script>alert(1)</script></html>", "cover.png", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "cover.svg", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "cover.png", "not a picture"),
        (b"GIF89a" + b"\0" * 64, "cover.gif", "not a picture"),
        (b"x" * (5 * 1024 * 1024 + 1), "cover.png", "too big"),
    ],
)
def test_what_is_no_picture_is_refused(as_user, journalist, words, content, name, sentence):
    response = as_user(journalist).post("/desk/write/", words | {"cover": upload(content, name)})
    assert response.status_code == 200
    assert sentence in response.context["form"].errors["cover"][0]
    assert not Article.objects.exists()


def test_a_small_file_with_a_huge_picture_is_refused(as_user, journalist, words, picture, settings):
    settings.COVER_MAX_PIXELS = 1000
    response = as_user(journalist).post("/desk/write/", words | {"cover": upload(picture(size=(100, 100)))})
    assert "too large" in response.context["form"].errors["cover"][0]


def test_a_replaced_cover_leaves_no_file_behind(as_user, journalist, words, picture, django_capture_on_commit_callbacks):
    client = as_user(journalist)
    client.post("/desk/write/", words | {"cover": upload(picture())})
    article = Article.objects.get()
    storage, first = article.cover.storage, article.cover.name
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{article.get_absolute_url()}edit/", words | {"cover": upload(picture())})
    article.refresh_from_db()
    assert article.cover.name != first and storage.exists(article.cover.name) and not storage.exists(first)
    with django_capture_on_commit_callbacks(execute=True):
        article.delete()
    assert storage.listdir("covers")[1] == []
