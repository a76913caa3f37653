from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from PIL import Image
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import EDITORS, JOURNALISTS, User
from articles.models import Article, Section

PROJECT = Path(__file__).resolve().parent.parent

hypothesis_settings.register_profile(
    "newsroom", max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("newsroom")


@pytest.fixture(autouse=True)
def _test_settings(settings, tmp_path):
    """Production's settings, but for what needs a collected tree, a kept file or an expensive hash."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.MEDIA_ROOT = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PAGE_CACHE_SECONDS = 0  # tests of kept pages switch it on


@pytest.fixture(autouse=True)
def throttles(monkeypatch):
    """No limits, unless a test sets one; the framework reads them once, when it starts."""
    rates = dict.fromkeys(SimpleRateThrottle.THROTTLE_RATES)
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    return rates


class HttpsClient(Client):
    """Asks as the proxy does: TLS is terminated before Django."""

    def __init__(self, **defaults):
        super().__init__(**({"headers": {"X-Forwarded-Proto": "https", "Host": "testserver"}} | defaults))


@pytest.fixture
def client():
    return HttpsClient()


@pytest.fixture
def section(db):
    return Section.objects.create(name="City", slug="city")


@pytest.fixture
def make_user(db):
    def make(username="reader", *, journalist=False, editor=False, **fields):
        user = User.objects.create_user(username, f"{username}@example.org", "a long passphrase", **fields)
        if journalist:
            user.groups.add(Group.objects.get(name=JOURNALISTS))
        if editor:
            user.groups.add(Group.objects.get(name=EDITORS))
        return user

    return make


@pytest.fixture
def journalist(make_user):
    return make_user("journalist", journalist=True)


@pytest.fixture
def make_article(section, journalist):
    def make(title="Tide tables", **fields):
        defaults = {"standfirst": "A standfirst.", "body": "A body.", "section": section, "author": journalist}
        return Article.objects.create(title=title, **(defaults | {"status": "published"} | fields))

    return make


@pytest.fixture
def as_user():
    def log_in(user):
        client = HttpsClient()
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def api():
    """A client of the API, with a genuine token when given a user."""

    def make(user=None):
        client = APIClient(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
        if user:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
        return client

    return make


@pytest.fixture
def forget_cache(db):
    cache.clear()


@pytest.fixture
def picture():
    def draw(kind="PNG", size=(64, 36), **save):
        out = io.BytesIO()
        Image.new("RGB", size, "teal").save(out, kind, **save)
        return out.getvalue()

    return draw


@pytest.fixture
def manage():
    """Run a command as an operator does, in a process with an environment of its own."""

    def run(*arguments, **changes):
        environment = {key: value for key, value in (os.environ | changes).items() if value is not None}
        return subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), *arguments],
            env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
        )

    return run
