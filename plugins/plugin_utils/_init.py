# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The answers to init's questions become what an inventory needs. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ._apps import _DOMAIN
from ._git_source import has_credentials, hide_credentials
from ._verdict import ChecklistError

_MODULE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")
_ENVIRONMENT = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_HOST = re.compile(r"^(?:([A-Za-z_][A-Za-z0-9_.-]*)@)?([A-Za-z0-9.:_-]+)$")
_EMAIL = re.compile(r"^([^@\s]+)@[^@\s]+\.[^@\s]+$")


def read_source(text: str) -> dict[str, str]:
    """A git address (with `#ref`), an archive, or a directory."""
    if re.match(r"^(https?|ssh|git)://|^[\w.-]+@[\w.-]+:", text):
        repository, _sign, version = text.partition("#")
        return {"type": "git", "repository": repository, "version": version or "main"}
    if re.search(r"\.(tar(\.\w+)?|tgz|zip)$", text):
        return {"type": "archive", "path": text}
    return {"type": "tree", "path": text}


def init_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Validated answers, or a sentence that names the variable, what was found and what is expected."""
    given = {key: str(value or "").strip() for key, value in answers.items()}
    for key in ("environment", "host", "domains", "source", "settings_module", "email"):
        if not given.get(key):
            raise ChecklistError(f"init_{key} is empty; answer the question or pass -e init_{key}=…")
    host = _HOST.match(given["host"])
    email = _EMAIL.match(given["email"])
    domains = [domain.strip().lower() for domain in given["domains"].split(",") if domain.strip()]
    if not _ENVIRONMENT.match(given["environment"]):
        raise ChecklistError(f"init_environment is '{given['environment']}'; lower case letters, digits, - and _ are expected")
    if not host:
        raise ChecklistError(f"init_host is '{given['host']}'; user@address is expected")
    if host[2].count(":") == 1:
        raise ChecklistError(
            f"init_host is '{given['host']}' with a port; user@address is expected. Add ansible_port: {host[2].partition(':')[2]} to the host in hosts.yml "
            "that init writes"
        )
    for domain in domains:
        if not _DOMAIN.match(domain):
            raise ChecklistError(f"init_domains holds '{domain}', which is not a host name")
    if has_credentials(given["source"]):
        raise ChecklistError(
            f"init_source is '{hide_credentials(given['source'])}' with a user, token or password in it; a URL without is expected. "
            "Once init has written secrets.yml, set the token there as git.token of the app, its user, if it needs one, as git.username"
        )
    if not _MODULE.match(given["settings_module"]):
        raise ChecklistError(f"init_settings_module is '{given['settings_module']}'; a dotted Python module is expected")
    if not email:
        raise ChecklistError(f"init_email is '{given['email']}'; an address like ops@example.org is expected")
    app = re.sub(r"[^a-z0-9_]", "_", given["settings_module"].split(".")[0].lower())
    if app in ("config", "settings", "project", "core", "mysite"):
        app = re.sub(r"[^a-z0-9_]", "_", domains[0].split(".")[0])
    superuser = re.sub(r"[^A-Za-z0-9_.-]", "_", email[1])
    return {
        "app": app if app[0].isalpha() else f"app_{app}",
        "host_name": domains[0].split(".")[0] if len(domains[0].split(".")) > 1 else "web1",
        "address": host[2],
        "user": host[1] or "",
        "domains": domains,
        "source": read_source(given["source"]),
        "settings_module": given["settings_module"],
        "email": given["email"],
        "superuser": f"{superuser}_editor" if superuser.lower() in ("admin", "administrator", "root", "test", "user") else superuser,
    }
