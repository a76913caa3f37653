# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an app's options must not be, each said in a sentence before anything is touched. PRIVATE to the collection."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._apps import _DOMAIN, _NAME
from ._git_source import has_credentials, hide_credentials, in_the_clear
from ._source_tree import Source

_KEY_LENGTH, _KEY_UNIQUE, _PASSWORD_LENGTH = 50, 5, 12
#: What the roles postgresql and redis ask of theirs.
_SERVER_PASSWORD_LENGTH = 16
_PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]+\])?$")
_VERSION = re.compile(r"^\d+([.!]\d+)*((a|b|rc|\.post|\.dev)\d+)*(\+[A-Za-z0-9.]+)?$")
_INDEX = re.compile(r"(?:([\w.-]+)=)?(.*)")
_UV_SECRET = re.compile(r"_(PASSWORD|TOKEN)$")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
#: Names that mean somebody else on every Debian system.
_TAKEN = frozenset(
    ["root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "backup", "list", "irc"]
    + ["nobody", "postgres", "nginx", "ansible"]
)
#: Variables the role itself writes; a second place to set them would be one too many.
OWN_VARIABLES = {
    "SECRET_KEY": "secret_key of the app in prodready_secrets",
    "SECRET_KEY_FALLBACKS": "secret_key_fallbacks of the app in prodready_secrets",
    "DATABASE_URL": "database_app_password of the app in prodready_secrets (and django_app_database)",
    "DJANGO_SETTINGS_MODULE": "settings_module of the app in prodready_apps",
    "ALLOWED_HOSTS": "domains of the app in prodready_apps",
    "CSRF_TRUSTED_ORIGINS": "django_app_csrf_trusted_origins",
    "STATIC_ROOT": "nothing: its place is fixed",
    "MEDIA_ROOT": "nothing: its place is fixed",
    "CACHE_URL": "cache of the app in prodready_apps (django_app_cache) and redis_password in prodready_secrets",
    "CACHE_KEY_PREFIX": "nothing: it is the app's name",
}


def objections(options: Mapping[str, Any]) -> list[str]:
    """Every objection to the options, so that all are corrected in one go."""
    return [
        *_name(options),
        *_domains(options),
        *_secrets(options),
        *_environment(options),
        *_cache(options),
        *_uv(options),
        *_source_options(options),
    ]


def _name(options: Mapping[str, Any]) -> Iterator[str]:
    name = options["name"]
    if not _NAME.match(name):
        yield (
            f"the app's name is '{name}'; expected a letter and up to 30 more lower case letters, digits and _: "
            "it names a user, a database and a unit. Change the app's key in prodready_apps (django_app_name)"
        )
    elif name in _TAKEN:
        yield f"the app's name is '{name}', which is a user of the system; expected a name of its own. Change the app's key in prodready_apps (django_app_name)"


def _domains(options: Mapping[str, Any]) -> Iterator[str]:
    where = f"Change domains of {options['name']} in prodready_apps (django_app_domains)"
    if not options["domains"]:
        yield f"domains is empty; expected at least one name the site is served under. {where}"
    for domain in options["domains"]:
        text = str(domain)
        if "*" in text:
            yield f"domains holds '{text}', with which Django answers to any Host header; expected each name in full. {where}"
        elif text.startswith("."):
            yield f"domains holds '{text}', which lets every subdomain in; expected each name in full. {where}"
        elif not _DOMAIN.match(text):
            yield f"domains holds '{text}'; expected a host name in lower case, without scheme, port and path. {where}"


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    secrets, name = options["secrets"], options["name"]

    def there(key: str) -> str:
        return f"prodready_secrets.{name}.{key} (django_app_secrets.{key})"

    if not secrets.get("secret_key"):
        yield f"the secret key is missing; expected at least {_KEY_LENGTH} random characters. Set {there('secret_key')}"
    else:
        yield from _key(str(secrets["secret_key"]), there("secret_key"))
    fallbacks = secrets.get("secret_key_fallbacks") or []
    for number, key in enumerate(fallbacks):
        yield from _key(str(key), there(f"secret_key_fallbacks[{number}]"))
        if key == secrets.get("secret_key"):
            yield f"{there(f'secret_key_fallbacks[{number}]')} is the secret key itself; expected older keys only. Remove it"
    for key in ("database_owner_password", "database_app_password"):
        if not secrets.get(key):
            yield f"the database password {key} is missing; expected at least {_SERVER_PASSWORD_LENGTH} characters. Set {there(key)}"
        elif len(str(secrets[key])) < _SERVER_PASSWORD_LENGTH:
            yield f"{there(key)} has {len(str(secrets[key]))} characters; expected at least {_SERVER_PASSWORD_LENGTH}. Set a longer one"
    yield from _superuser(secrets.get("superuser") or {}, there)
    for key, value in (secrets.get("environment") or {}).items():
        if key in OWN_VARIABLES:
            yield f"{there('environment')} sets {key}, which the role writes; expected it in one place. Remove it there and set {OWN_VARIABLES[key]}"
        if 0 < len(str(value)) < 8:
            yield (
                f"{there('environment.' + key)} has {len(str(value))} characters, and masking so short a value would make every "
                "message unreadable; expected a secret of 8 or more. What is no secret belongs into environment in prodready_apps"
            )
    fallback_text = "".join(str(key) for key in fallbacks)
    if "," in fallback_text:
        yield f"a key in {there('secret_key_fallbacks')} holds a comma, which separates keys in the environment. Replace that key"


def _key(key: str, where: str) -> Iterator[str]:
    if key.startswith("django-insecure-"):
        yield f"{where} starts with 'django-insecure-': startproject made it for development; expected a random one. Replace it"
    elif len(key) < _KEY_LENGTH:
        yield f"{where} has {len(key)} characters; expected at least {_KEY_LENGTH} random ones. Replace it"
    elif len(set(key)) < _KEY_UNIQUE:
        yield f"{where} has only {len(set(key))} different characters; expected a random key. Replace it"


def _superuser(superuser: Mapping[str, Any], there: Any) -> Iterator[str]:
    if not superuser:
        return
    for key in ("username", "email", "password"):
        if not superuser.get(key):
            yield f"{there('superuser.' + key)} is missing; expected username, email and password, or no superuser at all. Set it"
    password = str(superuser.get("password") or "")
    if 0 < len(password) < _PASSWORD_LENGTH:
        yield f"{there('superuser.password')} has {len(password)} characters; expected at least {_PASSWORD_LENGTH}. Set a longer one"


def _environment(options: Mapping[str, Any]) -> Iterator[str]:
    where = f"environment of {options['name']} in prodready_apps (django_app_environment)"
    for key, value in options["environment"].items():
        if not _VARIABLE.match(key):
            yield f"'{key}' is no name for a variable; expected letters, digits and _. Correct {where}"
        if key in OWN_VARIABLES:
            yield f"{where} sets {key}, which the role writes; expected it in one place. Remove it there and set {OWN_VARIABLES[key]}"
        if key == "DEBUG" and str(value).lower() not in ("false", "0", "no", "off", ""):
            yield f"{where} sets DEBUG to {value}; expected false on a server: debug pages show settings and code. Remove it there"


def _cache(options: Mapping[str, Any]) -> Iterator[str]:
    backend = (options.get("cache") or {}).get("backend") or "database"
    password = str(options["secrets"].get("redis_password") or "")
    there = f"prodready_secrets.{options['name']}.redis_password (django_app_secrets.redis_password)"
    if backend == "redis" and not password:
        yield f"{there} is missing, and cache is redis; expected at least {_SERVER_PASSWORD_LENGTH} characters. Set it, or cache: database in prodready_apps"
    elif backend == "redis" and len(password) < _SERVER_PASSWORD_LENGTH:
        yield f"{there} has {len(password)} characters; expected at least {_SERVER_PASSWORD_LENGTH}. Set a longer one"


def _urls(value: Any) -> dict[str, str]:
    """The URLs in a variable of uv, each with the name of its index if it has one: name=URL."""
    return {url: name for name, url in (_INDEX.findall(word)[0] for word in str(value).split())}


def _uv(options: Mapping[str, Any]) -> Iterator[str]:
    """Credentials of an index are a secret, and travel to it encrypted."""
    name, index = options["name"], str(options["source"].get("index_url") or "")
    plain, secret = options.get("uv_environment") or {}, options["secrets"].get("uv_environment") or {}
    where, there = (
        f"uv_environment of {name} (django_app_uv_environment)",
        f"prodready_secrets.{name}.uv_environment (django_app_secrets.uv_environment)",
    )
    found = [("index_url", "package", index)]
    found += [(key, index_name, url) for key, value in [*plain.items(), *secret.items()] for url, index_name in _urls(value).items()]
    for key, value in plain.items():
        if _UV_SECRET.search(key) or any(has_credentials(url) for url in _urls(value)):
            yield f"{where} holds credentials in {key}, which logs would show; expected them among the secrets. Move {key} to {there}"
    for key, index_name, url in found:
        login = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", index_name.upper())
        known = index_name and any(secret.get(login + end) or plain.get(login + end) for end in ("_USERNAME", "_PASSWORD"))
        if in_the_clear(url) and (known or has_credentials(url)):
            yield f"{key} of {name} holds '{hide_credentials(url)}', to which credentials would travel unencrypted; expected https. Correct {key}"


def _source_options(options: Mapping[str, Any]) -> Iterator[str]:
    source, where = options["source"], f"source of {options['name']} in prodready_apps (django_app_source)"
    if source["type"] == "package":
        yield from _package_options(source, where)
        return
    needs = "repository" if source["type"] == "git" else "path"
    if not source.get(needs):
        yield f"{where} has type {source['type']} and no {needs}; expected one. Set {needs} there"
    project_path = source.get("project_path") or "."
    if posixpath.isabs(project_path) or ".." in project_path.split("/"):
        yield f"{where} has the project_path '{project_path}'; expected a directory inside the source. Correct project_path there"


def _package_options(source: Mapping[str, Any], where: str) -> Iterator[str]:
    name, version, index = str(source.get("name") or ""), str(source.get("version") or ""), str(source.get("index_url") or "")
    if not _PACKAGE.match(name):
        yield f"{where} has type package and the name '{name}'; expected a distribution's name, with its extras if any, such as bugsink. Set name there"
    if not _VERSION.match(version):
        yield (
            f"{where} has type package and the version '{version}'; expected exactly one, such as 2.6.1: "
            "another one would be another release without anybody asking for it. Set version there"
        )
    if index and (not index.startswith(("https://", "http://", "file://")) or has_credentials(index)):
        yield (
            f"{where} has the index_url '{hide_credentials(index)}'; expected a URL without credentials, and these as UV_INDEX_PACKAGE_USERNAME and "
            "UV_INDEX_PACKAGE_PASSWORD in uv_environment of the app in prodready_secrets (django_app_secrets.uv_environment)"
        )
    for path in source.get("files") or {}:
        if posixpath.isabs(str(path)) or ".." in str(path).split("/"):
            yield f"{where} has '{path}' in files; expected a path below the project's directory. Correct files there"


def project_objections(source: Source, *, settings_module: str, project_path: str, name: str) -> list[str]:
    """What is missing in the files of a project."""
    if not source.entries:
        return [f"{source.origin} holds no files that would be deployed; expected a Django project. Correct source of {name} in prodready_apps"]
    if not source.has_directory(project_path):
        return [
            f"{source.origin} has no directory '{project_path}'; expected the one the project's packages are imported from. "
            f"Correct source.project_path of {name} in prodready_apps (django_app_source.project_path)"
        ]
    base = posixpath.join(project_path, *settings_module.split("."))
    if not source.has(base + ".py") and not source.has(base + "/__init__.py"):
        return [
            f"the settings module '{settings_module}' is not in {source.origin}: neither {posixpath.normpath(base)}.py nor "
            f"{posixpath.normpath(base)}/__init__.py exists. Expected one of them. Correct settings_module of {name} in "
            "prodready_apps (django_app_settings_module), or source.project_path"
        ]
    return []
