from __future__ import annotations

import re

import pytest
from django.core import mail

from accounts.models import User

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
    link = re.search(r"https://testserver(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    new = {"new_password1": "an even longer phrase", "new_password2": "an even longer phrase"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302
    assert User.objects.get(username="reader").check_password("an even longer phrase")


def test_an_unknown_address_is_told_nothing(client, db):
    assert client.post("/accounts/password/reset/", {"email": "who@example.org"}).url == "/accounts/password/reset/sent/"
    assert mail.outbox == []
