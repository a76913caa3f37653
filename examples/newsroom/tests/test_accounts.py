from __future__ import annotations

import re

import pytest
from django.core import mail

from accounts.models import User
from outbox.models import Mail

NEW = {
    "username": "newcomer",
    "email": "new@example.org",
    "display_name": "A Newcomer",
    "password1": "correct horse staple",
    "password2": "correct horse staple",
}


def test_registering_logs_in(client, db):
    response = client.post("/accounts/register/", NEW, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert response.context["user"].byline == "A Newcomer"
    assert not response.context["user"].may_write


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password1": "password12", "password2": "password12"}, "password2"),
        ({"password1": "short", "password2": "short"}, "password2"),
        ({"password2": "something else"}, "password2"),
        ({"username": "READER"}, "username"),
        ({"email": "Reader@Example.org"}, "__all__"),
        ({"email": "not an address"}, "email"),
    ],
)
def test_a_bad_registration_is_refused(client, make_user, changes, field):
    make_user("reader")
    response = client.post("/accounts/register/", NEW | changes)
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert User.objects.count() == 1


def test_registering_cannot_make_staff(client, db):
    client.post("/accounts/register/", NEW | {"is_staff": "on", "is_superuser": "on"})
    user = User.objects.get(username="newcomer")
    assert not user.is_staff and not user.is_superuser


def test_logging_in_and_out(client, make_user):
    make_user("reader")
    login = {"username": "reader", "password": "a long passphrase"}
    assert client.post("/accounts/login/", login | {"password": "wrong"}).status_code == 200
    assert client.post("/accounts/login/?next=/search/", login | {"next": "/search/"}).url == "/search/"
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/").url == "/"
    assert client.get("/accounts/profile/").url == "/accounts/login/?next=/accounts/profile/"


def test_logging_in_never_leads_to_another_site(client, make_user):
    make_user("reader")
    login = {"username": "reader", "password": "a long passphrase", "next": "https://evil.example/"}
    assert client.post("/accounts/login/", login).url == "/"


def test_forms_want_their_token(make_user):
    from tests.conftest import HttpsClient

    response = HttpsClient(enforce_csrf_checks=True).post("/accounts/login/", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert b"That form has expired" in response.content


def test_a_profile_is_ones_own(as_user, make_user):
    user, other = make_user("reader"), make_user("other")
    as_user(user).post("/accounts/profile/", {"display_name": "R. Eader", "email": "r@example.org", "bio": ""})
    user.refresh_from_db()
    other.refresh_from_db()
    assert (user.byline, other.byline) == ("R. Eader", "other")


def test_a_forgotten_password_is_replaced_through_the_mailbox(client, make_user):
    make_user("reader")
    client.post("/accounts/password/reset/", {"email": "reader@example.org"})
    letter = Mail.objects.get()
    assert (letter.to, letter.subject) == ("reader@example.org", "Choose a new password for The Lantern")
    assert mail.outbox == []  # the request waits for no mail server
    link = re.search(r"https://testserver(/\S+)", letter.body)[1]
    form = client.get(link, follow=True)
    new = {"new_password1": "an even longer phrase", "new_password2": "an even longer phrase"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302
    assert User.objects.get(username="reader").check_password("an even longer phrase")


def test_an_unknown_address_is_told_nothing(client, db):
    assert client.post("/accounts/password/reset/", {"email": "who@example.org"}).url == "/accounts/password/reset/sent/"
    assert not Mail.objects.exists()


def test_a_reset_link_leads_to_the_site_whatever_host_was_asked(client, make_user, settings):
    settings.SITE_URL = "https://paper.example:8443"
    make_user("reader")
    client.post("/accounts/password/reset/", {"email": "reader@example.org"}, headers={"Host": "localhost"})
    assert "https://paper.example:8443/accounts/password/reset/" in Mail.objects.get().body


def test_a_reset_link_is_not_shown_to_who_looks_after_the_mail(client, as_user, make_user):
    make_user("reader")
    client.post("/accounts/password/reset/", {"email": "reader@example.org"})
    page = as_user(make_user("chief", is_staff=True, is_superuser=True)).get(f"/admin/outbox/mail/{Mail.objects.get().pk}/change/")
    assert page.status_code == 200
    assert b"Choose a new password" in page.content and b"/password/reset/" not in page.content


def test_a_letter_greets_by_the_name_one_logs_in_with(client, db):
    client.post("/accounts/register/", NEW | {"display_name": "Buy at https://evil.example"})
    letter = Mail.objects.get()
    assert "Hello newcomer," in letter.body and "evil" not in letter.body


def test_registering_is_limited_for_each_address_on_the_page_and_in_the_api_together(client, api, db, throttles, forget_cache):
    throttles["register"] = "2/hour"
    assert client.post("/accounts/register/", {}).status_code == 200
    assert api().post("/api/v1/register/", {}).status_code == 400
    refused = client.post("/accounts/register/", NEW)
    assert refused.status_code == 429 and b"Not so fast" in refused.content
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert client.get("/accounts/register/").status_code == 200  # looking is free
    assert not User.objects.exists()


def test_a_profile_writes_back_nothing_that_was_not_changed(as_user, make_user, monkeypatch):
    from accounts.forms import ProfileForm

    user = make_user("reader")
    clean = ProfileForm.full_clean

    def meanwhile(form):
        User.objects.filter(pk=user.pk).update(is_active=False, bio="From elsewhere")
        clean(form)

    monkeypatch.setattr(ProfileForm, "full_clean", meanwhile)
    as_user(user).post("/accounts/profile/", {"display_name": "R. Eader", "email": user.email, "bio": "", "mail_me": "on"})
    user.refresh_from_db()
    assert (user.display_name, user.bio, user.is_active) == ("R. Eader", "From elsewhere", False)
