# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory and a command line may say: type, default and meaning of each key, said once. PRIVATE to the collection.

`_apps.py` refuses what does not fit, and `tools/docs` writes the tables of docs/inventory.md from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """One key: `shown` stands for the default where that depends on something else; `zero` says what 0 stands for."""

    kind: type | tuple[type, ...]
    default: Any
    meaning: str
    shown: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    nullable: bool = False
    least: int | None = None
    zero: str = ""

    @property
    def kinds(self) -> tuple[type, ...]:
        return self.kind if isinstance(self.kind, tuple) else (self.kind,)

    @property
    def kind_name(self) -> str:
        return " or ".join(kind.__name__ for kind in self.kinds)


def defaults_of(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {name: key.default for name, key in keys.items()}


#: What a probe has to know of an app; works for any Django project.
CONTRACT: dict[str, Key] = {
    "home_path": Key(str, "/", "A page that anybody may see."),
    "liveness_path": Key(str, None, "Says that the app runs, and asks nothing of the database."),
    "readiness_path": Key(str, None, "Says whether the app, its database included, is ready."),
    "login_path": Key(str, None, "The log-in page; log-ins there are limited."),
    "admin_path": Key(str, "/admin/", "Where the admin begins; `''` or `null` where the project has none.", nullable=True),
    "cors_origins": Key(list, [], "Origins of other sites whose pages may ask this one, such as `https://app.example.org`."),
    "cors_path": Key(str, None, "An address that answers them, for a live probe."),
    "jwt_path": Key(str, None, "An address that wants a JSON Web Token, for a live probe."),
    "jwt_obtain_path": Key(str, None, "Where tokens are given out; limited like log-ins."),
    "api_path": Key(str, None, "What the API's addresses begin with; limited by `rate_limits.api`."),
    "hot_queries": Key(list, [], "Queries that have to use an index, each one SELECT with its values filled in. They are explained, never run."),
    "text_search_config": Key(
        (str, dict),
        None,
        "The text search configuration that the project declares: one that PostgreSQL ships, such as `english`, or what one of its own is made "
        "from, below.",
    ),
}

#: A text search configuration of the project's own, which is made for it.
TEXT_SEARCH: dict[str, Key] = {
    "config": Key(str, "", "Its name, as the project says it, such as `english_unaccent`.", required=True),
    "copy": Key(str, "", "The one that PostgreSQL ships and that it is a copy of, such as `english`.", required=True),
    "unaccent": Key(bool, False, "Whether words lose their accents first, by the extension `unaccent`."),
}

#: What one extra process needs; the role gunicorn says what each means.
PROCESS: dict[str, Key] = {
    "command": Key(list, [], "Its words; the first is a program of the release's virtual environment, or `manage.py`.", required=True),
    "instances": Key(int, 1, "How many run side by side.", least=1),
    "singleton": Key(bool, False, "Whether more than one is refused, as for a scheduler."),
    "memory_mb": Key(int, 200, "What one instance needs, in MB; a quarter above it is its limit.", least=1),
    "connections": Key(int, 1, "How many connections to the database one instance holds.", least=0),
    "stop_seconds": Key(int, 60, "How long it may take to end before it is killed.", least=1),
    "schedule": Key(str, "", "Makes it a job that systemd starts at that time, such as `*-*-* 03:00`."),
}

#: A Redis that other hosts reach, which role redis opens there with `redis_tls`.
CACHE_SERVER: dict[str, Key] = {
    "host": Key(str, "", "Its name or address, as its certificate has it.", required=True),
    "port": Key(int, 6380, "The port that it is encrypted on.", least=1),
    "ca_file": Key(
        str,
        "/etc/ssl/certs/ca-certificates.crt",
        "The certificate authorities, a file on the app's host, by which the app verifies it; an own authority is `/etc/prodready/ca/ca.pem`.",
    ),
}

#: The largest burst that a verification can go through and see the limit behind it.
MOST_BURST = 500

#: Requests of one address: log-ins (OWASP ASVS 2.2.1 asks for a limit against guessing), and calls of the API.
RATE_LIMITS: dict[str, Key] = {
    "login": Key(str, "10r/m", "Log-ins by form or token, per second or minute; `''` is no limit."),
    "login_burst": Key(int, 10, f"How many log-ins may come at once before the rate counts, up to {MOST_BURST}."),
    "api": Key(str, "20r/s", "Calls below `contract.api_path`; `''` is no limit."),
    "api_burst": Key(int, 40, f"How many calls may come at once before the rate counts, up to {MOST_BURST}."),
}

#: What browsers ask of a site before they put it on their list for good (hstspreload.org).
PRELOAD_MAX_AGE = 31536000

APP: dict[str, Key] = {
    "domains": Key(list, None, "Host names the site is served under; the first is the canonical one. No wildcards.", required=True),
    "source": Key(
        dict,
        None,
        "`{type: tree, path: …}`, `{type: archive, path: …}`, `{type: git, repository: …, version: …}` or "
        "`{type: package, name: …, version: …}`; see [django_app](../roles/django_app/README.md).",
        required=True,
    ),
    "settings_module": Key(str, None, "The production settings, as Python imports them.", required=True),
    "wsgi": Key(str, "", "What gunicorn serves.", shown="first part of the settings module + `.wsgi:application`"),
    "asgi": Key(str, "", "`project.asgi:application`: served by uvicorn workers instead of `wsgi`.", shown="none"),
    "settings_overlay": Key(
        str,
        "auto",
        "What the project's settings lack for production is laid over them and printed.",
        choices=("auto", "always", "never"),
    ),
    "environment": Key(dict, {}, "Further variables of the app that are not secret."),
    "requirements": Key(str, "auto", "A hashed requirements file, `uv.lock` or `pyproject.toml`; found by itself in this order."),
    "require_hashes": Key(bool, True, "Whether every requirement must carry a hash; without hashes a release cannot be built again exactly."),
    "silenced_checks": Key(dict, {}, "Warnings of `check --deploy` that do not apply, id → reason."),
    "commands": Key(list, [], "Management commands run after the migrations of a new release, each a list of words."),
    "certificate": Key(
        dict,
        {"provider": "own_ca"},
        "`own_ca`, `{provider: acme, email: …}` (Let's Encrypt, or the `directory_url` of another authority), or "
        "`{provider: files, certificate_file: …, key_file: …}`; see [certificate](../roles/certificate/README.md).",
    ),
    "hsts_max_age": Key(int, 63072000, "Seconds browsers shall insist on HTTPS; two years, as Mozilla recommends.", least=0),
    "hsts_include_subdomains": Key(
        bool, False, "Whether they insist for all subdomains too. Django's settings of HSTS are not passed on: nginx alone sends the header."
    ),
    "hsts_preload": Key(
        bool,
        False,
        "Whether browsers may put the site on their own list, which takes months to undo; needs `hsts_include_subdomains` and a `hsts_max_age` "
        f"of at least {PRELOAD_MAX_AGE}, a year.",
    ),
    "client_max_body_size_mb": Key(int, 10, "Largest request nginx lets through, in MB.", least=1),
    "static_url": Key(str, "/static/", "Where nginx serves collected files."),
    "media_url": Key(str, "/media/", "Where nginx serves uploaded files."),
    "workers": Key(int, 0, "gunicorn's processes.", shown="from cores and memory", least=0, zero="works it out from cores and memory"),
    "threads": Key(
        int,
        2,
        "How many requests each worker serves at the same time; 0 works it out from cores and workers.",
        least=0,
        zero="works it out from cores and workers",
    ),
    "worker_memory_mb": Key(int, 200, "Memory one worker is expected to need, in MB.", least=1),
    "processes": Key(dict, {}, "Further processes of the project, name → options, below."),
    "outbound": Key(
        list,
        ["localhost"],
        "Addresses the app may talk to, such as a mail server's. With one beyond this host, its nameservers are allowed too; `[any]` lets it "
        "talk to everybody.",
    ),
    "pooling": Key(bool, True, "Connections go through pgBouncer; an `asgi` app has to."),
    "pool_size": Key(
        int,
        0,
        "How many connections the pool holds.",
        shown="one for each thread and extra process",
        least=0,
        zero="is as many connections as the app can need",
    ),
    "cache": Key(
        str,
        "database",
        "Where Django's cache is: `database` needs nothing of the project, `redis` is faster, `none` leaves the project's own.",
        choices=("database", "redis", "none"),
    ),
    "cache_server": Key(dict, {}, "The Redis of another host, reached by TLS, below.", shown="this host's, by its socket"),
    "database_extensions": Key(list, [], "PostgreSQL extensions the migrations expect."),
    "canonical_host": Key(bool, True, "Further domains answer with a redirect to the first one, so that a page has one address."),
    "rate_limits": Key(dict, {}, "Requests of one client address; more is answered with 429. Below.", shown="below"),
    "admin_allow": Key(list, [], "Networks that reach `contract.admin_path`, such as `[203.0.113.7/32]`; nobody is kept out while it is empty."),
    "maintenance_allow": Key(list, ["127.0.0.1/32", "::1/128"], "Networks that are served while the site is in maintenance.", shown="this host"),
    "contract": Key(dict, {}, "What a probe has to know, below.", shown="works for any project"),
}

#: Variables of the inventory for every playbook, and those of one playbook on its command line. A test holds them to what the playbooks read.
RUN: dict[str, Key] = {
    "prodready_apps": Key(dict, None, "The apps of the host, above.", required=True),
    "prodready_secrets": Key(dict, None, "The secrets, where they do not come from the file.", shown="read from `prodready_secrets_file`"),
    "prodready_secrets_file": Key(str, None, "Where provisioning finds the secrets.", shown="`secrets.yml` beside the inventory"),
    "prodready_vault_password_file": Key(str, None, "What opens them.", shown="`.vault-password` beside the inventory"),
    "prodready_environment": Key(str, "default", "Names the folder below `prodready_reports`."),
    "prodready_reports": Key(str, "reports", "Where reports go, below the working directory."),
    "prodready_profile": Key(
        str,
        "auto",
        "Which windows are due; `auto` goes by the age of the newest deployment.",
        choices=("auto", "predeploy", "h1", "d1", "d7", "d30"),
    ),
    "prodready_scope": Key(list, [], "Groups or items, by id, to look at.", shown="everything"),
    "prodready_scope_except": Key(list, [], "Groups or items, by id, to leave out."),
    "prodready_effects": Key(
        str,
        "none",
        "What a verification may do: nothing, leave nothing behind (`canary`), or kill a process to see it return (`disruptive`).",
        choices=("none", "canary", "disruptive"),
    ),
    "prodready_depth": Key(
        str,
        "quick",
        "`deep` adds drills; what they measured counts in quick runs for 30 days, as long as the release stays.",
        choices=("quick", "deep"),
    ),
    "prodready_waivers": Key(list, [], "Accepted failures: `{check, owner, justification, until}`, optionally `host` and `instance`."),
    "prodready_not_applicable": Key(list, [], "Declarations: `{item, owner, reason}`; contradicted by an observation they fail."),
}
INIT: dict[str, Key] = {
    "init_environment": Key(str, "production", "Name of the environment; asked."),
    "init_host": Key(str, None, "The server, as `user@address`; asked.", required=True),
    "init_domains": Key(str, None, "Domains of the site, the canonical one first, separated by commas; asked.", required=True),
    "init_source": Key(str, None, "A directory, an archive, or a git address with `#branch-or-tag`; asked.", required=True),
    "init_settings_module": Key(str, None, "The project's production settings module; asked.", required=True),
    "init_email": Key(str, None, "E-mail address of the first administrator; asked.", required=True),
    "init_folder": Key(str, None, "Where the environment's folder is made.", shown="`inventories` in the working directory"),
    "init_effects": Key(str, "none", "`prodready_effects` of the inventory."),
    "init_host_variables": Key(dict, {}, "Further variables of the host."),
    "init_app_options": Key(dict, {}, "Further keys of the app."),
    "init_variables": Key(dict, {}, "Further variables of all hosts."),
    "init_secret_variables": Key(list, [], "Names of secret variables of the app to invent."),
}
ROTATE: dict[str, Key] = {
    "rotate": Key(str, None, "`secret_key`, `database_passwords`, `redis_password`, several with commas, or `all`.", required=True),
    "rotate_app": Key(str, None, "The app.", shown="all apps"),
    "rotate_keep_fallbacks": Key(int, 2, "How many older secret keys stay valid; `0` ends every session."),
}
MAINTENANCE: dict[str, Key] = {
    "maintenance_state": Key(str, None, "Whether the public is kept out.", required=True, choices=("on", "off")),
    "maintenance_app": Key(str, None, "The app.", shown="all apps"),
}
REMOVE: dict[str, Key] = {
    "remove_app": Key(str, None, "The app, also one that was taken out of `prodready_apps` already.", shown="none"),
    "remove_all": Key(bool, False, "All apps and our configuration of every server, instead of one app."),
    "remove_confirm": Key(str, None, "The name of the app, or of the host, once more.", required=True),
}
PLAYBOOKS: dict[str, dict[str, Key]] = {"init": INIT, "rotate": ROTATE, "maintenance": MAINTENANCE, "remove": REMOVE}
