# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Redis shall be: its files as text, and what differs from the one that runs. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import re

from ansible_collections.prodready.django.plugins.module_utils import _redis

HEADER = "# Managed by prodready: changes made here are overwritten.\n"

#: Who administers the server; the password lies on the host, for root alone.
ADMIN = "prodready"
ADMIN_RULES = ["-@all", "+ping", "+info", "+config|get", "+config|set", "+acl"]

#: Everything but what harms the server, other users, or shows their keys' names.
APP_RULES = ["+@all", "-@admin", "-@dangerous", "-@scripting", "-scan", "-randomkey", "-dbsize"]
#: With nobody beside it, a user may also empty the database (Django's `cache.clear()`) and walk through it.
ALONE_RULES = ["+flushdb", "+scan"]


#: Settings whose value is one word to Redis, however many it is to a reader.
_ONE_WORD = frozenset(["tls-protocols", "tls-ciphers", "tls-ciphersuites"])


class PlanError(ValueError):
    """A sentence saying what cannot stand in Redis' files; it never quotes a password."""


def digest(password):
    return hashlib.sha256(password.encode()).hexdigest()


def render_config(settings, include=""):
    """The configuration file: one directive per line, in the order given, another file first where one is kept."""
    lines = ["include {0}\n".format(include)] if include else []
    for name, value in settings.items():
        text = str(value)
        if not re.match(r"^[a-z0-9-]+$", name) or any(mark in text for mark in '\n\r"\\'):
            raise PlanError("the setting {0!r} has a name or a value that cannot stand in redis.conf".format(name))
        quoted = not text or text.startswith("#") or (" " in text and name in _ONE_WORD)
        lines.append("{0} {1}\n".format(name, '"{0}"'.format(text) if quoted else text))
    return HEADER + "".join(lines)


def app_user(user, password_digests, alone):
    """One user of a project as it shall be."""
    return {
        "name": user["name"],
        "flags": ["on"],
        "passwords": sorted(password_digests),
        "keys": sorted("~" + key for key in user["keys"] or [user["name"] + ":*"]),
        "channels": sorted("&" + channel for channel in user["channels"] or [user["name"] + ":*"]),
        "rules": APP_RULES + (ALONE_RULES if alone else []) + list(user["commands"]),
    }


def admin_user(password):
    return {"name": ADMIN, "flags": ["on"], "passwords": [digest(password)], "keys": [], "channels": [], "rules": ADMIN_RULES}


def default_user(adopted=None):
    """Nobody without a name gets in; on a server that was taken over, those who got in before still do."""
    if adopted is None:
        return {"name": "default", "flags": ["off"], "passwords": [], "keys": [], "channels": [], "rules": ["-@all"]}
    password = adopted.get("requirepass", [""])[-1]
    return {
        "name": "default",
        "flags": ["on"] if password else ["nopass", "on"],
        "passwords": [digest(password)] if password else [],
        "keys": ["~*"],
        "channels": ["&*"],
        "rules": ["+@all"],
    }


def user_words(user):
    """The rules of a user as ACL SETUSER and the file take them, from nothing."""
    words = ["reset"] + (["on"] if "on" in user["flags"] else ["off"])
    words += ["nopass"] if "nopass" in user["flags"] else ["#" + one for one in user["passwords"]]
    return words + user["keys"] + ["resetchannels"] + user["channels"] + user["rules"]


def render_users(users):
    """The file of the users; a line of a file always starts from nothing, so it needs no `reset`."""
    return "".join("user {0} {1}\n".format(user["name"], " ".join(user_words(user)[1:])) for user in users)


def parse_users(text):
    """The password hashes of the users that a file names."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "user":
            found[words[1]] = [word[1:] for word in words[2:] if re.match(r"^#[0-9a-f]{64}$", word)]
    return found


def without_user(text, name):
    """The file of the users with one of them taken out."""
    return "".join(line for line in text.splitlines(True) if line.split()[:2] != ["user", name])


def differs(user, found, permissions=None):
    """Whether a user of the running server is another one than it shall be; what it may do is asked, not read."""
    if found is None or any(found[part] != user[part] for part in ("flags", "passwords", "keys", "channels")):
        return True
    if permissions is None:
        return False
    return bool(permissions["refused"] or permissions["permitted"]) or permissions["flushes"] != ("+flushdb" in user["rules"])


def settings_to_change(wanted, running):
    """The settings whose value in the running server is another one; those it does not know are left out."""
    return {name: value for name, value in wanted.items() if name in running and _plain(running[name]) != _plain(value)}


def vanished(before, wanted):
    """The settings of a configuration file that are not wanted any more; a running server keeps their values."""
    return sorted(set(_redis.parse_config(before)) - set(wanted) - {"include"})


_UNITS = {"k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}


def _plain(value):
    """Sizes as bytes, words in lower case, so that "64mb" and "67108864" are the same."""
    text = " ".join(str(value).split()).lower()
    sized = re.match(r"^(\d+)(kb|mb|gb|k|m|g)$", text)
    if sized:
        return str(int(sized.group(1)) * _UNITS[sized.group(2)])
    return text.lstrip("0") or "0" if re.match(r"^\d+$", text) else text


def masked(text):
    """Lines of the users' file with the hashes shortened to what tells one from another."""
    return re.sub(r"#([0-9a-f]{8})[0-9a-f]{56}", r"#\1…", text)
