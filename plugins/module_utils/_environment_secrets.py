# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New secrets in the variables of an app: the same addresses, other passwords. PRIVATE to the collection."""

from __future__ import annotations

import re
from urllib.parse import quote

from ansible_collections.prodready.django.plugins.module_utils import _environment_file

_URL = re.compile(r"^(?P<before>[a-z0-9+]+://[^:@/]*:)(?P<password>[^@/]*)(?P<after>@.*)$", re.DOTALL)


def with_password(url, password):
    """The same address with another password; an address without one stays as it is."""
    found = _URL.match(url)
    return found["before"] + quote(str(password), safe="") + found["after"] if found else url


def renewed(variables, secrets, owner=False):
    """The variables with the secrets of the app in them; what the environment does not have, it is not given."""
    found = dict(variables)

    def put(name, value):
        if name in found and value not in (None, ""):
            found[name] = value

    put("SECRET_KEY", secrets.get("secret_key"))
    if "SECRET_KEY_FALLBACKS" in found:
        found["SECRET_KEY_FALLBACKS"] = _environment_file.to_text(secrets.get("secret_key_fallbacks") or [])
    for name, word in (("DATABASE_URL", "database_owner_password" if owner else "database_app_password"), ("CACHE_URL", "redis_password")):
        if found.get(name) and secrets.get(word):
            put(name, with_password(found[name], secrets[word]))
    return found
