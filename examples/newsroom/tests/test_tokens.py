"""Who comes with which token, and what becomes of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

TOKEN = "/api/v1/token"
ME = "/api/v1/me/"


@pytest.fixture
def pair(api, make_user):
    make_user("reader")
    response = api().post(f"{TOKEN}/", {"username": "reader", "password": "a long passphrase"})
    assert response.status_code == 200
    return response.json()


def ask(api, token, **headers):
    return api().get(ME, headers={"Authorization": f"Bearer {token}"} | headers)


def test_a_pair_opens_what_a_wrong_password_does_not(api, pair):
    assert set(pair) == {"access", "refresh"}
    assert ask(api, pair["access"]).json()["username"] == "reader"
    refused = api().post(f"{TOKEN}/", {"username": "reader", "password": "wrong"})
    unknown = api().post(f"{TOKEN}/", {"username": "nobody", "password": "wrong"})
    assert refused.status_code == unknown.status_code == 401
    assert refused.json() == unknown.json()
    assert set(api().post(f"{TOKEN}/", {}).json()) == {"username", "password"}


def test_tokens_live_no_longer_than_promised(pair):
    access, refresh = AccessToken(pair["access"]), RefreshToken(pair["refresh"])
    assert access["exp"] - access["iat"] <= 15 * 60
    assert refresh["exp"] - refresh["iat"] <= 7 * 24 * 60 * 60


def test_no_token_is_asked_for_one(api, db):
    response = api().get(ME)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_refresh_token_is_no_key(api, pair):
    assert ask(api, pair["refresh"]).status_code == 401
    assert api().post(f"{TOKEN}/refresh/", {"refresh": pair["access"]}).status_code == 401


def test_a_refresh_token_works_once(api, pair):
    second = api().post(f"{TOKEN}/refresh/", {"refresh": pair["refresh"]})
    assert second.status_code == 200
    assert second.json()["refresh"] != pair["refresh"]
    assert ask(api, second.json()["access"]).status_code == 200
    assert api().post(f"{TOKEN}/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    assert api().post(f"{TOKEN}/refresh/", {"refresh": second.json()["refresh"]}).status_code == 200


def test_after_logging_out_nothing_is_refreshed(api, pair):
    assert api().post(f"{TOKEN}/logout/", {"refresh": pair["refresh"]}).status_code == 200
    assert api().post(f"{TOKEN}/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    assert api().post(f"{TOKEN}/logout/", {"refresh": pair["refresh"]}).status_code == 401
    assert api().post(f"{TOKEN}/verify/", {"token": pair["refresh"]}).status_code == 400


def test_verify_knows_the_genuine(api, pair):
    assert api().post(f"{TOKEN}/verify/", {"token": pair["access"]}).status_code == 200
    assert api().post(f"{TOKEN}/verify/", {"token": "nonsense"}).status_code == 401


def test_verify_knows_what_has_ended(api, pair, make_user):
    from accounts.models import User

    user = User.objects.get()
    user.set_password("another long passphrase")
    user.save()
    left = make_user("left")
    gone = [str(AccessToken.for_user(left)), str(RefreshToken.for_user(left))]
    User.objects.filter(pk=left.pk).update(is_active=False)
    for token in (*pair.values(), *gone):
        assert api().post(f"{TOKEN}/verify/", {"token": token}).status_code == 401


def test_a_new_password_ends_the_old_tokens(api, pair, make_user):
    from accounts.models import User

    user = User.objects.get()
    user.set_password("another long phrase")
    user.save()
    assert ask(api, pair["access"]).status_code == 401
    assert api().post(f"{TOKEN}/refresh/", {"refresh": pair["refresh"]}).status_code == 401


@pytest.mark.parametrize("leave", ["inactive", "deleted"])
def test_an_account_that_is_gone_takes_its_tokens_along(api, pair, leave):
    from accounts.models import User

    if leave == "deleted":
        User.objects.all().delete()
    else:
        User.objects.update(is_active=False)
    assert ask(api, pair["access"]).status_code == 401
    assert api().post(f"{TOKEN}/refresh/", {"refresh": pair["refresh"]}).status_code == 401


def test_an_expired_token_is_refused(api, make_user):
    token = AccessToken.for_user(make_user())
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert ask(api, token).status_code == 401


def forge(header, payload, key=None, digest="sha256"):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(encode(json.dumps(part).encode()) for part in (header, payload))
    signature = b"" if key is None else encode(hmac.new(key.encode(), signed, getattr(hashlib, digest)).digest())
    return (signed + b"." + signature).decode()


@pytest.mark.parametrize(
    "make",
    [
        lambda payload: forge({"alg": "none", "typ": "JWT"}, payload),
        lambda payload: forge({"alg": "None", "typ": "JWT"}, payload, ""),
        lambda payload: forge({"alg": "nOnE"}, payload),
        lambda payload: forge({"alg": "HS256", "typ": "JWT"}, payload, django_settings.SECRET_KEY),
        lambda payload: forge({"alg": "HS256", "typ": "JWT"}, payload, ""),
        lambda payload: forge({"alg": "HS256", "typ": "JWT"}, payload, "secret"),
        lambda payload: forge({"alg": "HS512", "typ": "JWT"}, payload, django_settings.JWT_SIGNING_KEY, "sha512"),
        lambda payload: forge({"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}, payload, "secret"),
        lambda payload: forge({"alg": "HS256"}, {**payload, "user_id": "1 OR 1=1"}, django_settings.JWT_SIGNING_KEY)[:-2],
    ],
    ids=["none", "None", "nOnE", "SECRET_KEY", "empty key", "guess", "other algorithm", "own key", "cut"],
)
def test_a_forged_token_is_refused(api, make_user, make):
    payload = dict(AccessToken.for_user(make_user()).payload)
    assert ask(api, make(payload)).status_code == 401
    # The same claims, signed as they should be, are let in: it is the signature that is refused.
    assert ask(api, forge({"alg": "HS256", "typ": "JWT"}, payload, django_settings.JWT_SIGNING_KEY)).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer \xff", "Bearer a.b.c", "Basic cmVhZGVyOng=", "Bearer " + "x" * 5000])
def test_a_header_that_makes_no_sense_is_refused(api, db, header):
    assert api().get(ME, headers={"Authorization": header}).status_code == 401


def test_a_session_is_no_token(as_user, make_user):
    assert as_user(make_user()).get(ME).status_code == 401


def test_expired_tokens_are_swept_up(api, pair):
    OutstandingToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("housekeeping")
    assert not OutstandingToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_gets_a_new_pair(api, make_user):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    refresh = str(RefreshToken.for_user(make_user()))

    def use(_):
        try:
            return api().post(f"{TOKEN}/refresh/", {"refresh": refresh}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [200, 401, 401, 401]


# --- How often, and from where


def test_guessing_passwords_is_slowed_down_for_each_address(api, make_user, throttles, forget_cache):
    make_user("reader")
    throttles["login"] = "3/min"

    def guess(forwarded):
        return api().post(f"{TOKEN}/", {"username": "reader", "password": "wrong"}, headers={"X-Forwarded-For": forwarded})

    # What the client claims itself stands before what our proxy has added, and changes nothing.
    assert [guess(f"203.0.113.{number}, 198.51.100.7").status_code for number in range(4)] == [401, 401, 401, 429]
    assert int(guess("198.51.100.7")["Retry-After"]) > 0
    assert guess("198.51.100.8").status_code == 401


def test_readers_and_writers_have_limits_of_their_own(api, make_user, make_article, throttles, forget_cache):
    throttles |= {"anon": "2/min", "user": "4/min", "write": "1/min"}
    article, reader = make_article(), make_user("reader")
    address = f"/api/v1/articles/{article.slug}/"
    assert [api().get(address).status_code for _ in range(3)] == [200, 200, 429]
    comments = [api(reader).post(f"{address}comments/", {"body": "Hear"}).status_code for _ in range(2)]
    assert comments == [201, 429]
    assert [api(reader).get(address).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("rate", [None, "1/min"])
def test_registering_is_limited(api, db, throttles, forget_cache, rate):
    throttles["register"] = rate
    tries = [api().post("/api/v1/register/", {}).status_code for _ in range(2)]
    assert tries == ([400, 400] if rate is None else [400, 429])


def test_registering_is_limited_for_each_address_whoever_asks(api, make_user, throttles, forget_cache):
    throttles["register"] = "1/min"
    tries = [api(make_user(name)).post("/api/v1/register/", {}).status_code for name in ("one", "two")]
    assert tries == [400, 429]


FRIEND, STRANGER = "https://app.example.org", "https://evil.invalid"


def test_only_named_origins_may_ask_and_only_the_api(client, db, settings, api):
    preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization, content-type"}
    allow = "Access-Control-Allow-Origin"
    assert allow not in client.options(ME, headers={"Origin": FRIEND} | preflight)  # by default there is nobody
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    response = client.options(ME, headers={"Origin": FRIEND} | preflight)
    assert (response.status_code, response[allow]) == (200, FRIEND)
    assert "authorization" in response["Access-Control-Allow-Headers"]
    assert "PATCH" in response["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response
    for stranger in (STRANGER, "null", FRIEND + ".evil.invalid", FRIEND.replace("https", "http")):
        assert allow not in client.options(ME, headers={"Origin": stranger} | preflight)
        assert allow not in client.get("/api/v1/articles/", headers={"Origin": stranger})
    assert client.get("/api/v1/articles/", headers={"Origin": FRIEND})[allow] == FRIEND
    assert allow not in client.get("/", headers={"Origin": FRIEND})
