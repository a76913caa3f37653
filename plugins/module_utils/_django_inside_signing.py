# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Django project signs, and with what: its keys, a cookie, tokens. PRIVATE to the collection.

Handed over as text together with `_django_inside.py`; see there. Keys become numbers here. What is signed goes to the probe on the same
host and no further.
"""

from __future__ import annotations

import base64
import datetime
import hmac
import importlib
import json
import os
import re
import sys


class SigningError(Exception):
    """A sentence saying why something could not be looked at."""

    sentence = True


def part_secret_key(inside):
    """How strong the keys in force are."""
    settings, describe = inside.settings, inside.secrets.describe
    found = describe(settings.SECRET_KEY)
    found["fallbacks"] = [describe(key) for key in settings.SECRET_KEY_FALLBACKS or []]
    found["variables"] = sorted(name for name, value in os.environ.items() if value and value == inside.private["SECRET_KEY"])
    return found


JWT_APPS = (
    "rest_framework_simplejwt",
    "rest_framework_jwt",
    "ninja_jwt",
    "graphql_jwt",
    "rest_framework_jwt_refresh",
    "oauth2_provider_jwt",
    "jwt_auth",
    "knox_jwt",
)


def _jwt_traces(settings):
    """Where the project shows that it uses JSON Web Tokens."""
    traces = ["INSTALLED_APPS: " + name for name in settings.INSTALLED_APPS if name.split(".")[0] in JWT_APPS]
    drf = getattr(settings, "REST_FRAMEWORK", None) or {}
    traces += [
        "DEFAULT_AUTHENTICATION_CLASSES: " + str(name)
        for name in drf.get("DEFAULT_AUTHENTICATION_CLASSES", ())
        if re.search("jwt|jsonwebtoken", str(name), re.I)
    ]
    traces += ["MIDDLEWARE: " + str(name) for name in settings.MIDDLEWARE if re.search("jwt|jsonwebtoken", str(name), re.I)]
    traces += [name + " is set" for name in ("SIMPLE_JWT", "JWT_AUTH", "GRAPHQL_JWT", "NINJA_JWT") if getattr(settings, name, None)]
    traces += ["REST_USE_JWT"] * bool(getattr(settings, "REST_USE_JWT", False) or (getattr(settings, "REST_AUTH", None) or {}).get("USE_JWT"))
    for package in JWT_APPS:
        if package in sys.modules and not any(package in trace for trace in traces):
            traces.append("imported: " + package)
    return traces


def part_jwt(inside):
    """Whether JSON Web Tokens are used, and how their keys are set."""
    settings = inside.settings
    traces = _jwt_traces(settings)
    found = {"installed": bool(traces), "traces": traces}
    if not traces:
        return found
    try:
        effective = importlib.import_module("rest_framework_simplejwt.settings").api_settings
    except ImportError:
        found["readable"] = False
        return found
    key = effective.SIGNING_KEY
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key or "")
    found.update(inside.secrets.describe(text), readable=True, algorithm=str(effective.ALGORITHM), bytes=len(text.encode("utf-8")))
    django_keys = [str(settings.SECRET_KEY)] + [str(item) for item in settings.SECRET_KEY_FALLBACKS or []]
    found["equals_secret_key"] = text in django_keys
    found["key_bits"] = _asymmetric_bits(text)
    found["access_seconds"] = effective.ACCESS_TOKEN_LIFETIME.total_seconds()
    found["refresh_seconds"] = effective.REFRESH_TOKEN_LIFETIME.total_seconds()
    found["rotate"] = bool(effective.ROTATE_REFRESH_TOKENS)
    found["blacklist"] = bool(effective.BLACKLIST_AFTER_ROTATION)
    inside.private["SIMPLE_JWT.SIGNING_KEY"] = text
    return found


def _asymmetric_bits(text):
    """Size of an RSA or EC key in PEM; None for another key, or where no library can read it."""
    if "-----BEGIN" not in text:
        return None
    try:
        serialization = importlib.import_module("cryptography.hazmat.primitives.serialization")
        return serialization.load_pem_private_key(text.encode("utf-8"), password=None).key_size
    except (ImportError, ValueError, TypeError):
        return None


def part_jwt_tokens(inside):
    """A genuine token of a minute for some active user (the control) and forged ones; for the probe on the target only."""
    if not _jwt_traces(inside.settings):
        return {}
    from django.contrib.auth import get_user_model

    tokens = importlib.import_module("rest_framework_simplejwt.tokens")
    user = get_user_model()._default_manager.filter(is_active=True).order_by("pk").first()
    if user is None:
        raise SigningError("there is no active user for whom a token could be made")
    token = tokens.AccessToken.for_user(user)
    token.set_exp(lifetime=datetime.timedelta(seconds=60))
    payload = dict(token.payload)
    keys = {"SECRET_KEY": str(inside.settings.SECRET_KEY)} if not part_jwt(inside).get("equals_secret_key") else {}
    keys.update({"guess {0}".format(number): key for number, key in enumerate(("secret", "changeme", "your-256-bit-secret", ""))})
    forged = {"no algorithm": _token({"alg": "none", "typ": "JWT"}, payload, None), "None": _token({"alg": "None", "typ": "JWT"}, payload, None)}
    forged.update({name: _token({"alg": "HS256", "typ": "JWT"}, payload, key) for name, key in keys.items()})
    return {"control": str(token), "forged": forged}


def _token(header, payload, key):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(encode(json.dumps(part).encode()) for part in (header, payload))
    signature = b"" if key is None else encode(hmac.new(key.encode("utf-8"), signed, "sha256").digest())
    return (signed + b"." + signature).decode()


def part_forgery(inside):
    """Messages cookies signed with the key in force (the control) and with known ones; for the probe on the target only."""
    settings = inside.settings
    if "django.contrib.messages.middleware.MessageMiddleware" not in settings.MIDDLEWARE:
        return {"possible": False, "why": "the project has no messages middleware, and signs no other cookie for strangers"}
    if not re.search(r"\.(CookieStorage|FallbackStorage)$", settings.MESSAGE_STORAGE):
        return {
            "possible": False,
            "why": "the project keeps messages in {0}, and signs no other cookie for strangers".format(settings.MESSAGE_STORAGE),
        }
    from django.contrib.messages import constants
    from django.contrib.messages.storage.base import Message
    from django.contrib.messages.storage.cookie import CookieStorage
    from django.http import HttpRequest

    genuine, fallbacks = settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS

    def cookie(key, text):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, []
        try:
            return CookieStorage(HttpRequest())._encode([Message(constants.INFO, text)])
        finally:
            settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = genuine, fallbacks

    marker = "prodready{0}".format(os.urandom(8).hex())
    return {
        "possible": True,
        "name": CookieStorage.cookie_name,
        "marker": marker,
        "control": cookie(genuine, marker),
        "forged": [cookie(key, marker) for key in inside.secrets.KNOWN_KEYS[:6]],
    }


PARTS = {
    "secret_key": part_secret_key,
    "jwt": part_jwt,
    "forgery": part_forgery,
    "jwt_tokens": part_jwt_tokens,
}
