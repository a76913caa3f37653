"""A person with a browser: the whole way, on a desk and on a phone, and not one complaint of the browser's."""

from __future__ import annotations

import os
import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from articles.models import Article, Comment, Tag

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
SCREENS = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2},
}


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is not there: install the package chromium, or run the tests with --without-browser.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's driver runs a loop in our thread
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(browser, transactional_db, settings):
    """The paper on a port, with kept pages; plain HTTP to localhost, which a browser trusts with secure cookies."""
    settings.SECURE_SSL_REDIRECT = False
    settings.PAGE_CACHE_SECONDS = 60
    cache.clear()
    # Groups come with the migrations, and the test before has emptied all tables.
    for name, codenames in import_module("articles.migrations.0005_roles").ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set(Permission.objects.filter(content_type__app_label="articles", codename__in=codenames))
    server = LiveServer("localhost")
    yield server.url
    server.stop()


@pytest.fixture(params=SCREENS)
def page(request, browser: Browser, site):
    """A page that remembers what the browser complained about, and fails for it."""
    context = browser.new_context(base_url=site, locale="en-GB", **SCREENS[request.param])
    context.set_default_timeout(10_000)
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def failed(asked):
        # Whoever leaves a page, or closes it, makes the browser give up what it was still fetching.
        if asked.failure != "net::ERR_ABORTED":
            complaints.append(f"failed: {asked.url} ({asked.failure})")

    page.on("requestfailed", failed)
    page.on("response", lambda answer: complaints.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    page.screen = request.param
    yield page
    context.close()
    assert complaints == []


def keep_picture(page: Page, name: str) -> None:
    """For somebody to look at, when a directory is named."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{page.screen}-{name}.png", full_page=True)


def no_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def log_in(page: Page, username: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill("a long passphrase")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_from_an_empty_paper_to_a_conversation(page: Page, make_user, section, picture, tmp_path):
    make_user("mara", journalist=True, display_name="Mara Quill")
    make_user("ida", display_name="Ida Lindqvist")
    Tag.objects.create(name="Water", slug="water")
    cover = tmp_path / "cover.png"
    cover.write_bytes(picture("PNG", (1400, 788)))

    page.goto("/")
    expect(page.get_by_text("Nothing has been published yet.")).to_be_visible()
    log_in(page, "mara")
    page.get_by_role("link", name="Write").click()
    page.get_by_label("Title").fill("The lobsters are back")
    page.get_by_label("Standfirst").fill("After nine years, the harbour counts again.")
    page.get_by_label("Section", exact=True).select_option("City")
    page.get_by_label("Water").check()
    page.get_by_label("Body").fill("They came on a Tuesday.\n\n## How many\n\nForty lobsters, says the harbour master.\n\n> Forty-one.")
    page.get_by_label("Cover", exact=True).set_input_files(cover)
    page.get_by_label("Cover description").fill("A lobster")
    page.get_by_label("Status").select_option("Published")
    keep_picture(page, "write")
    no_wider_than_the_screen(page)
    page.get_by_role("button", name="Save").click()

    expect(page).to_have_url(re.compile("/articles/the-lobsters-are-back/$"))
    expect(page.get_by_role("heading", name="The lobsters are back")).to_be_visible()
    image = page.get_by_role("img", name="A lobster")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert image.get_attribute("srcset").count(",") == 2
    no_wider_than_the_screen(page)
    log_out(page)

    page.goto("/")  # a kept page would still be empty
    page.get_by_role("link", name="The lobsters are back").last.click()
    expect(page.get_by_text("to join the conversation")).to_be_visible()
    log_in(page, "ida")
    page.goto("/articles/the-lobsters-are-back/")
    page.get_by_label("Your comment").fill("<script>alert(1)</script> Hear, hear")
    page.get_by_role("button", name="Post comment").click()
    expect(page.get_by_text("<script>alert(1)</script> Hear, hear")).to_be_visible()
    expect(page.get_by_role("heading", name="1 comment")).to_be_visible()
    keep_picture(page, "article")

    page.get_by_role("link", name="Search").first.click()
    page.get_by_label("Search the paper").fill("lobster")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("mark").first).to_have_text(re.compile("lobster", re.I))
    keep_picture(page, "search")
    log_out(page)
    assert Article.objects.get().comments.get().author.username == "ida"


def test_whoever_speaks_last_is_led_to_the_last_page(page: Page, make_user, make_article):
    article, ida = make_article("The ferry"), make_user("ida")
    Comment.objects.bulk_create([Comment(article=article, author=ida, body=f"Voice {place}.") for place in range(1, 27)])
    log_in(page, "ida")
    page.goto(article.get_absolute_url())
    page.get_by_label("Your comment").fill("The last word")
    page.get_by_role("button", name="Post comment").click()
    expect(page).to_have_url(re.compile(r"/articles/the-ferry/\?page=2#comment-[0-9]+$"))
    expect(page.get_by_text("The last word")).to_be_in_viewport()
    expect(page.get_by_text("Voice 26.")).to_be_visible()
    keep_picture(page, "thread")
    no_wider_than_the_screen(page)
    page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_text("Voice 25.")).to_be_visible()
    expect(page.get_by_role("heading", name="27 comments")).to_be_in_viewport()
    keep_picture(page, "thread-earlier")
    page.get_by_role("link", name="Later").click()
    expect(page.get_by_text("The last word")).to_be_visible()


def test_the_admin_and_the_profile_live_under_the_policy(page: Page, make_user):
    make_user("chief", is_staff=True, is_superuser=True)
    log_in(page, "chief")
    for path in ("/admin/", "/admin/articles/article/add/", "/admin/outbox/mail/", "/accounts/profile/", "/desk/"):
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
    no_wider_than_the_screen(page)


def test_a_printed_paper_fits_its_screen(page: Page, db):
    from django.core.management import call_command

    call_command("seed_newsroom", verbosity=0, without_covers=not os.environ.get("SCREENSHOTS"))
    pages = {"front": "/", "section": "/section/city/", "register": "/accounts/register/", "lead": Article.objects.first().get_absolute_url()}
    for name, path in pages.items():
        page.goto(path)
        keep_picture(page, name)
        no_wider_than_the_screen(page)
