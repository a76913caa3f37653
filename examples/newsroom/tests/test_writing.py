from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def comment_in_a_jpeg():
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "JPEG", comment=b"taken at home", xmp=b"<x>taken at home</x>")
    return out.getvalue()


def text_in_a_png():
    words, out = PngInfo(), io.BytesIO()
    words.add_text("comment", "taken at home")
    words.add_itxt("XML:com.adobe.xmp", "<x>taken at home</x>")
    Image.new("RGB", (40, 20)).save(out, "PNG", pnginfo=words)
    return out.getvalue()


def xmp_in_a_webp():
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "WEBP", xmp=b"<x>taken at home</x>")
    return out.getvalue()


@pytest.mark.parametrize("make", [comment_in_a_jpeg, text_in_a_png, xmp_in_a_webp])
def test_a_cover_loses_what_was_written_into_it(as_user, journalist, words, make):
    content = make()
    assert b"taken at home" in content
    as_user(journalist).post("/desk/write/", words | {"cover": upload(content)})
    with Article.objects.get().cover.open() as file:
        assert b"taken at home" not in file.read()


def test_a_large_photo_is_read_in_a_smaller_size(as_user, journalist, words, picture, monkeypatch):
    read = []
    thumbnail = Image.Image.thumbnail
    monkeypatch.setattr(Image.Image, "thumbnail", lambda self, *args, **more: (read.append(self.size), thumbnail(self, *args, **more)))
    exif = Image.Exif()
    exif[0x0112] = 6
    as_user(journalist).post("/desk/write/", words | {"cover": upload(picture("JPEG", (6400, 3200), exif=exif))})
    assert (Article.objects.get().cover_width, Article.objects.get().cover_height) == (1200, 2400)
    assert read == [(3200, 1600)]


@pytest.mark.parametrize(("kind", "more"), [("PNG", {}), ("WEBP", {}), ("JPEG", {"progressive": True})])
def test_what_must_be_read_as_a_whole_may_be_less_large(as_user, journalist, words, picture, kind, more):
    response = as_user(journalist).post("/desk/write/", words | {"cover": upload(picture(kind, (4001, 3000), **more))})
    assert "at most 12 million unless it is a plain JPEG" in response.context["form"].errors["cover"][0]


def test_a_cover_comes_in_widths_for_every_screen(as_user, client, journalist, words, picture, forget_cache):
    as_user(journalist).post("/desk/write/", words | {"cover": upload(picture("PNG", (2000, 1000)))})
    article = Article.objects.get()
    assert article.cover_widths == [480, 960]
    stem = article.cover.name.removesuffix(".jpg")
    for width in article.cover_widths:
        with article.cover.storage.open(f"{stem}-{width}.jpg") as file, Image.open(file) as kept:
            assert (kept.format, kept.size) == ("JPEG", (width, width // 2))
    srcset = f"/media/{stem}-480.jpg 480w, /media/{stem}-960.jpg 960w, /media/{stem}.jpg 1600w"
    assert f'srcset="{srcset}"' in client.get("/").content.decode()
    assert f'srcset="{srcset}"' in client.get(article.get_absolute_url()).content.decode()


def test_a_small_cover_is_not_blown_up(as_user, client, journalist, words, picture, forget_cache):
    as_user(journalist).post("/desk/write/", words | {"cover": upload(picture("PNG", (300, 200)))})
    assert Article.objects.get().cover_widths == []
    assert "srcset" not in client.get("/").content.decode()


def test_a_tower_of_a_picture_is_bounded(as_user, journalist, words, picture):
    as_user(journalist).post("/desk/write/", words | {"cover": upload(picture("PNG", (500, 5000)))})
    assert (Article.objects.get().cover_width, Article.objects.get().cover_height) == (240, 2400)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_cover_stands_upright_and_does_not_say_where_it_was_taken(as_user, journalist, words, kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (52.0, 22.0, 1.0)
    exif[0x8298] = "Mara Quill"
    picture = Image.new("RGB", (1200, 600), "teal")
    picture.paste("black", (0, 0, 1200, 100))
    out = io.BytesIO()
    picture.save(out, kind, exif=exif)
    as_user(journalist).post("/desk/write/", words | {"cover": upload(out.getvalue())})
    article = Article.objects.get()
    assert (article.cover_width, article.cover_height) == (600, 1200)
    storage = article.cover.storage
    for name in storage.listdir("covers")[1]:
        with storage.open(f"covers/{name}") as file:
            content = file.read()
        assert b"Exif" not in content and b"Mara" not in content and b"http://ns.adobe.com" not in content
        with Image.open(io.BytesIO(content)) as kept:
            assert not kept.getexif() and kept.height == 2 * kept.width
            assert kept.getpixel((kept.width - 2, kept.height // 2))[2] < 60  # the black edge has turned to the right


def test_old_covers_get_their_smaller_pictures_later(make_article, picture):
    from django.core.files.base import ContentFile
    from django.core.management import call_command

    article = make_article()
    article.cover.save("cover.jpg", ContentFile(picture("JPEG", (1600, 900))))
    lost = make_article("Lost", cover="covers/lost.jpg", cover_width=1, cover_height=1)
    for name in article.cover.storage.listdir("covers")[1]:
        if "-" in name:
            article.cover.storage.delete(f"covers/{name}")
    Article.objects.filter(pk=article.pk).update(cover_widths=None, cover_width=None, cover_height=None)
    Article.objects.filter(pk=lost.pk).update(cover_widths=None)
    call_command("make_derivatives", verbosity=0)
    assert dict(Article.objects.values_list("pk", "cover_widths")) == {article.pk: [480, 960], lost.pk: None}
    assert Article.objects.values_list("cover_width", "cover_height").get(pk=article.pk) == (1600, 900)
    assert len(article.cover.storage.listdir("covers")[1]) == 3


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
    settings.COVER_MAX_PIXELS, settings.COVER_MAX_PIXELS_WHOLE = 1000, 900
    for kind in ("JPEG", "PNG"):
        response = as_user(journalist).post("/desk/write/", words | {"cover": upload(picture(kind, (100, 100)))})
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


def test_a_cover_replaced_in_the_admin_leaves_no_file_behind(as_user, make_user, make_article, picture, django_capture_on_commit_callbacks):
    from django.core.files.base import ContentFile

    article = make_article()
    article.cover.save("cover.jpg", ContentFile(picture("JPEG", (600, 400))))
    storage, first = article.cover.storage, article.cover.name
    form = {"title": "T", "slug": article.slug, "standfirst": "S", "body": "B", "section": article.section_id, "author": article.author_id}
    form |= {"status": "draft", "published_at_0": "", "published_at_1": "", "cover": upload(picture())}
    chief = as_user(make_user("chief", is_staff=True, is_superuser=True))
    with django_capture_on_commit_callbacks(execute=True):
        assert chief.post(f"/admin/articles/article/{article.pk}/change/", form).status_code == 302
    article.refresh_from_db()
    assert article.cover.name != first and storage.listdir("covers")[1] == [article.cover.name.removeprefix("covers/")]
