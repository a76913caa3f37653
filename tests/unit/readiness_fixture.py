# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A readiness report with every status in it, resolved from the real items and made-up checks and results."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue, build  # noqa: E402
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import Inputs, resolve  # noqa: E402

NOW = datetime(2026, 3, 14, 16, 5, 41, tzinfo=timezone.utc)

#: owner → (kind of subject, host, instance, facts)
SUBJECTS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "nginx": ("site", "web1.example.org", "newsroom", {}),
    "django_app": (
        "app",
        "web1.example.org",
        "newsroom",
        {"release": "20260314-110212-4f2a91c", "deployed_at": "2026-03-14T11:04:50Z", "commit": "4f2a91c0d7"},
    ),
    "postgresql": ("cluster", "db1.example.org", "15-main", {}),
}

#: group → owner of the checks made up for it; groups not named here have no check at all
OWNERS = {
    "environment_variables": "django_app",
    "database_security": "postgresql",
    "application_security": "django_app",
    "authentication_authorization": "django_app",
    "server_configuration": "nginx",
    "web_server": "nginx",
    "application_server": "django_app",
    "postgresql_setup": "postgresql",
    "database_optimization": "postgresql",
    "backup_recovery": "postgresql",
    "django_configuration": "django_app",
    "caching": "django_app",
    "media_files": "nginx",
    "functional_testing": "django_app",
    "security_testing": "django_app",
    "logging": "django_app",
    "monitoring": "nginx",
    "service_status": "nginx",
    "functionality_verification": "django_app",
    "security_verification": "nginx",
    "performance_monitoring": "django_app",
    "error_monitoring": "django_app",
    "rollback_triggers": "nginx",
    "rollback_procedure": "django_app",
    "technical_review": "django_app",
    "management_approval": "django_app",
}

#: claim → what the made-up result says instead of a plain pass
STORIES: dict[str, dict[str, Any]] = {
    "environment_variables.debug#plain_404": {
        "status": "fail",
        "observed": {"status": 404, "bytes": 8123, "contains": "You're seeing this error because you have DEBUG = True"},
        "expected": "a 404 without the words DEBUG = True",
        "reason": "a random address is answered with Django's technical page",
        "repeat": "curl -s https://newsroom.example.org/no-such-page-7f3 | grep -c 'DEBUG = True'",
        "remedy": "Set DEBUG to \"0\" in prodready_apps.newsroom.settings and run site.yml again.",
        "source": "Django deployment checklist, DEBUG; checklist line 12",
        "how": "live",
    },
    "web_server.tls_optimal#protocols": {
        "status": "fail",
        "observed": {"newsroom.example.org": {"TLSv1": "refused", "TLSv1.1": "accepted", "TLSv1.2": "accepted", "TLSv1.3": "accepted"}},
        "expected": "TLSv1 and TLSv1.1 refused, TLSv1.2 and TLSv1.3 accepted",
        "reason": "TLSv1.1 is accepted by newsroom.example.org",
        "repeat": "openssl s_client -connect newsroom.example.org:443 -tls1_1 -cipher 'ALL@SECLEVEL=0' </dev/null",
        "remedy": "Set nginx_tls_profile: intermediate and run the nginx role again.",
        "source": "Mozilla server side TLS 5.7, intermediate; checklist line 34",
        "how": "live",
    },
    "web_server.http2#negotiated": {
        "status": "fail",
        "observed": "http/1.1",
        "expected": "equal to \"h2\"",
        "reason": "the server picked http/1.1",
        "repeat": "curl -sI --http2 https://newsroom.example.org/ | head -1",
        "remedy": "Set nginx_http2_enabled: true and run the nginx role again.",
        "source": "RFC 9113 3.3; checklist line 33",
        "requires": ["nginx.web_server_tls_optimal_protocols"],
    },
    "database_security.strong_passwords#verifiers": {
        "status": "error",
        "reason": "needs superuser: permission denied for table pg_authid",
        "expected": "every login role has a verifier that begins with SCRAM-SHA-256",
        "repeat": "sudo -u postgres psql -Atc \"select rolname, left(rolpassword, 13) from pg_authid where rolcanlogin\"",
        "remedy": "Let the probe become postgres: set postgresql_become_user and check sudo on db1.",
        "how": "runtime",
    },
    "backup_recovery.restoration_tested#restored": {"status": "not_run", "reason": "needs prodready_depth=deep", "cost": "deep"},
    "backup_recovery.restoration_tested#content_intact": {"status": "not_run", "reason": "needs prodready_depth=deep", "cost": "deep"},
    "backup_recovery.point_in_time#restores_between": {"status": "not_run", "reason": "needs prodready_depth=deep", "cost": "deep"},
    "application_server.auto_restart#kill_recovers": {"status": "not_run", "reason": "needs prodready_effects=disruptive", "effect": "disruptive"},
    "application_security.cors#settings": {"status": "not_applicable", "reason": "django-cors-headers is not in INSTALLED_APPS"},
    "application_security.cors#lookalikes_refused": {"status": "not_applicable", "reason": "django-cors-headers is not in INSTALLED_APPS"},
    "application_security.security_headers#settings": {
        "status": "fail",
        "observed": {"SECURE_HSTS_SECONDS": 3600, "SECURE_HSTS_PRELOAD": False, "X_FRAME_OPTIONS": "DENY"},
        "expected": "SECURE_HSTS_SECONDS at least 31536000",
        "reason": "SECURE_HSTS_SECONDS is 3600",
        "how": "runtime",
    },
    "performance_monitoring.response_times#*": {"status": "pending", "reason": "5 of 24 hours were watched, all on track (until 2026-03-15T11:04:50Z)"},
    "error_monitoring.*#*": {"status": "pending", "reason": "5 of 24 hours were watched, all on track (until 2026-03-15T11:04:50Z)", "how": "history"},
    "technical_review.*#*": {"status": "unproven", "reason": "no signature of this report was found", "how": "attested"},
    "management_approval.*#*": {"status": "unproven", "reason": "no signature of this report was found", "how": "attested"},
    "application_server.workers#count": {
        "observed": {"alive": 5, "configured": 5, "cores": 2, "pids": [811, 812, 813, 814, 815]},
        "expected": "alive equals configured, 2 to 5",
        "how": "runtime",
    },
    "web_server.tls_optimal#ciphers": {
        "observed": {
            "accepted": [
                "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
                "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
            ],
            "tried": 58,
        },
        "expected": "every suite accepted is one of Mozilla's intermediate profile",
    },
}  # fmt: skip

WAIVERS = [
    {
        "check": "django_app.application_security_security_headers_settings",
        "owner": "Ada Lovelace",
        "justification": "HSTS is raised in steps; a year from April on, once the last subdomain speaks TLS.",
        "until": "2026-04-30",
    },
    {"check": "nginx.web_server_gzip_compressed", "owner": "Grace Hopper", "justification": "Waiting for the new CDN.", "until": "2026-01-31"},
]

DECLARATIONS = [
    {"item": "api_documentation.endpoints", "owner": "Grace Hopper", "reason": "The newsroom offers no public API."},
]


def _story(claim: str) -> dict[str, Any]:
    item, facet = claim.split("#")
    for key in (claim, f"{item}#*", f"{item.split('.')[0]}.*#*"):
        if key in STORIES:
            return STORIES[key]
    return {}


def _claims(items: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(claim, facet text, owner, check id) of every facet in a group that has an owner here."""
    return [
        (f"{group['id']}.{item['id']}#{facet}", text, OWNERS[group["id"]], f"{OWNERS[group['id']]}.{group['id']}_{item['id']}_{facet}")
        for group in items["groups"]
        if group["id"] in OWNERS
        for item in group["items"]
        for facet, text in item["facets"].items()
    ]


def read_items() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "checklist" / "items.yml").read_text(encoding="utf-8"))


def make_catalogue() -> Catalogue:
    """All real items; a made-up check for every facet of the groups in OWNERS."""
    items = read_items()
    checks: dict[str, dict[str, Any]] = {owner: {"checks": []} for owner in SUBJECTS}
    for claim, text, owner, name in _claims(items):
        story = _story(claim)
        checks[owner]["checks"].append(
            {
                "id": name,
                "proves": [claim],
                "title": text.rstrip("."),
                "how": story.get("how", "runtime"),
                "subject": SUBJECTS[owner][0],
                "probe": "made_up",
                "observe": "value",
                "expect": {"present": True},
                "requires": story.get("requires", []),
                "cost": story.get("cost", "quick"),
                "effect": story.get("effect", "none"),
                "source": story.get("source", "the documentation of what was looked at"),
                "repeat": story.get("repeat", f"prodready-show {claim.split('#')[0]}"),
                "remedy": story.get("remedy", f"Run the {owner} role again and read its output."),
            }
        )
    return Catalogue(build(items, checks))


def _records(items: dict[str, Any]) -> list[dict[str, Any]]:
    records = {}
    for owner, (kind, host, instance, facts) in SUBJECTS.items():
        records[owner] = {"host": host, "owner": owner, "subject": kind, "instance": instance, "facts": facts, "results": []}
    for number, (claim, _text, owner, name) in enumerate(_claims(items)):
        kind, host, instance, _facts = SUBJECTS[owner]
        story = _story(claim)
        status = story.get("status", "pass")
        records[owner]["results"].append(
            {
                "check": name,
                "subject": {"kind": kind, "host": host, "instance": instance},
                "observed_from": "host",
                "status": status,
                "observed": story.get("observed", {"in_force": True, "seen": number} if status == "pass" else None),
                "expected": story.get("expected", "in force" if status == "pass" else ""),
                "reason": story.get("reason", ""),
                "seconds": round(0.001 * (number % 37), 3),
                "repeat": story.get("repeat", f"prodready-show {claim.split('#')[0]}"),
            }
        )
    return list(records.values())


def make_inputs(**changed: Any) -> Inputs:
    """A verify of three subjects five hours after a deployment; `web2` could not be reached."""
    plan = [{"owner": owner, "subject": kind, "host": host, "instance": instance} for owner, (kind, host, instance, _facts) in SUBJECTS.items()]
    inputs = Inputs(
        run={
            "id": "20260314T160500Z-9c1e",
            "started": "2026-03-14T16:05:00+00:00",
            "environment": "production",
            "controller": "ops1",
            "by": "ada",
            "ansible_core": "2.19.4",
            "profile": "auto",
            "scope": [],
            "scope_except": [],
            "depth": "quick",
            "effects": "none",
            "plan": plan,
        },
        records=[
            *_records(read_items()),
            {"note": "unreachable", "host": "web2.example.org", "message": "Connection timed out during banner exchange"},
        ],
        now=NOW,
        waivers=WAIVERS,
        declarations=DECLARATIONS,
    )
    return replace(inputs, **changed)


def make_readiness(*, with_previous: bool = True, scope: list[str] | None = None, profile: str = "auto", **changed: Any) -> dict[str, Any]:
    """The resolved report; the previous run was one where other things were red."""
    catalogue = make_catalogue()
    inputs = make_inputs(**changed)
    inputs = replace(inputs, run={**inputs.run, "scope": scope or [], "profile": profile})
    if with_previous:
        previous = resolve(catalogue, inputs)
        previous["run"]["id"] = "20260313T160312Z-77aa"
        for group in previous["groups"]:
            for item in group["items"]:
                if item["id"] in ("environment_variables.debug", "web_server.gzip"):
                    item["status"] = "pass" if item["id"].endswith("debug") else "fail"
        inputs = replace(inputs, previous=previous)
    return resolve(catalogue, inputs)


def make_green_readiness() -> dict[str, Any]:
    """A scoped run in which everything required is proved."""
    return make_readiness(with_previous=False, scope=["logging", "media_files"], waivers=[], declarations=[])


def every_result(readiness: dict[str, Any], status: str) -> list[dict[str, Any]]:
    return [result for result in readiness["results"].values() if result["status"] == status]
