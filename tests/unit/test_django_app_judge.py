"""What is made of what was observed of an application. Each judgement: a pass, its breaks, and look-alikes that are fine."""

from datetime import datetime, timezone

import pytest
import yaml
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import CHECKLIST, validate
from ansible_collections.prodready.django.plugins.plugin_utils._judge_django_app import JUDGEMENTS
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import Context

STRONG = {"length": 64, "bits": 330, "distinct": 40, "insecure_prefix": False, "known_default": False, "placeholder": False}
FRESH = {
    "environment_from": "process",
    "environment_files": ["/etc/prodready/news/env"],
    "environment_newer": [],
    "environment_differs": [],
    "unit_newer": [],
    "code_newer": [],
    "code_files": 54,
    "code_complete": True,
    "runs_current": True,
    "release": "a",
    "current": "a",
}
TREE = {"root": "/srv", "files": 400, "bytes": 1, "found": [], "incomplete": [], "secrets": ["SECRET_KEY"], "too_short": []}
HISTORY = {"repositories": ["/srv/.git"], "objects": 9, "bytes": 1, "found": [], "incomplete": [], "secrets": ["SECRET_KEY"], "too_short": []}
FORGED = {"possible": True, "pages": ["/login/"], "page": "/login/", "control_believed": True, "tried": 12, "believed": 0}
PLAIN, TECHNICAL = {"status": 404, "technical": [], "bytes": 9}, {"status": 404, "technical": ["DEBUG = True"], "bytes": 9}
NO_TOOLBAR = {"/__debug__/": {"status": 404, "nowhere": 404}}
HOSTS = {"foreign": {"evil.invalid": 400}, "subdomains": {"x.news.example.org": 400}, "domains": {"news.example.org": 200}}
ENV_FILE = {"path": "/etc/prodready/news/env", "mode": "0640", "owner": "root", "group": "news", "link": False}
OWNER_FILE = {"path": "/etc/prodready/news/owner.env", "mode": "0600", "owner": "root", "group": "root", "link": False}
FILES = {"declared": ENV_FILE["path"], "application": [ENV_FILE], "owner": OWNER_FILE}
JWT = dict(STRONG, installed=True, readable=True, traces=["x"], algorithm="HS256", bytes=64, equals_secret_key=False, key_bits=None)
TOKENS = {"path": "/api/me", "without": 401, "control": 200, "forged": {"no algorithm": 401}}
SCHEMA = {"tables": 14, "columns": 75, "missing_tables": [], "missing_columns": [], "extra_columns": [], "types": [], "nullness": []}
READY = {"path": "/ready", "rounds": [{"status": 200, "touched": True}] * 5, "idle": [False] * 5}
BUSY = {"path": "/ready", "rounds": [{"status": 200, "touched": True}] * 5, "idle": [True] * 5}
BLIND = {"path": "/ready", "rounds": [{"status": 200, "touched": False}] * 5, "idle": [False] * 5}
CORS_LIVE = {"path": "/", "strangers": {"below preflight": {"status": 200, "origin": None}}, "allowed": {}, "sent": False}
CORS = {"installed": True, "allow_all": False, "origins": ["https://app.example.org"], "patterns": []}
CSRF = {"middleware": True, "cookie_secure": True, "cookie_samesite": "Lax", "use_sessions": False, "trusted_origins": ["https://news.example.org"]}
HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": None,
    "strict-transport-security": None,
}
SETTINGS = {
    "INSTALLED_APPS": ["django.contrib.admin"],
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "X_FRAME_OPTIONS": "DENY",
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_SSL_REDIRECT": True,
}
STATIC = {"storage": "ManifestStaticFilesStorage", "manifest": True, "entries": 129, "missing": [], "changed": []}
SUPERUSERS = {"active": 1, "unusable_password": 0, "default_names": 0, "without_real_email": 0}
DATABASE = {"engine": "django.db.backends.postgresql", "host": "localhost", "options": {"sslmode": "verify-full"}}


def dotted(value, **changes):
    return {**value, **changes}


POOLED = {"host": "localhost", "port": "6432", "server_port": 5432, "told_another_process": True, "shares_server_process": True}


def pooler(**changes):
    return {"default": {**POOLED, "disable_server_side_cursors": True, **changes}}


CASES = [
    ("settings_in_effect", FRESH, "pass"),
    ("settings_in_effect", dotted(FRESH, environment_differs=["DEBUG"]), "fail"),
    ("settings_in_effect", dotted(FRESH, environment_newer=["/etc/prodready/news/env"]), "pass"),  # touched, or only a comment
    ("settings_in_effect", dotted(FRESH, environment_newer=["/etc/prodready/news/env"], environment_from="files"), "fail"),
    ("settings_in_effect", dotted(FRESH, unit_newer=["/etc/systemd/system/news.service"]), "fail"),
    ("settings_in_effect", dotted(FRESH, code_newer=["/srv/x.py"]), "fail"),
    ("settings_in_effect", dotted(FRESH, runs_current=False), "fail"),
    ("settings_in_effect", dotted(FRESH, code_complete=False), "error"),
    ("secret_key_strong", STRONG, "pass"),
    ("secret_key_strong", dotted(STRONG, insecure_prefix=True), "fail"),
    ("secret_key_strong", dotted(STRONG, known_default=True), "fail"),
    ("secret_key_strong", dotted(STRONG, length=49), "fail"),
    ("secret_key_strong", dotted(STRONG, bits=127), "fail"),
    ("secret_key_strong", dotted(STRONG, length=50, bits=128), "pass"),
    ("fallbacks_strong", [], "pass"),
    ("fallbacks_strong", [STRONG], "pass"),
    ("fallbacks_strong", [STRONG, dotted(STRONG, bits=20)], "fail"),
    ("not_found_anywhere", TREE, "pass"),
    ("not_found_anywhere", dotted(TREE, found=["settings.py: SECRET_KEY (plain)"]), "fail"),
    ("not_found_anywhere", dotted(TREE, incomplete=["stopped"]), "error"),
    ("not_found_anywhere", dotted(TREE, files=0), "error"),
    ("not_found_anywhere", dotted(TREE, too_short=["DATABASES.default"]), "error"),
    ("not_found_anywhere", dotted(TREE, secrets=[]), "not_applicable"),
    ("not_found_in_history", HISTORY, "pass"),
    ("not_found_in_history", dotted(HISTORY, found=["/srv/.git: SECRET_KEY (plain)"]), "fail"),
    ("not_found_in_history", dotted(HISTORY, repositories=[]), "not_applicable"),
    ("not_found_in_history", dotted(HISTORY, incomplete=["large"]), "error"),
    ("forged_cookie_refused", FORGED, "pass"),
    ("forged_cookie_refused", dotted(FORGED, believed=1), "fail"),
    ("forged_cookie_refused", dotted(FORGED, control_believed=False, tried=0), "not_applicable"),
    ("forged_cookie_refused", {"possible": False, "why": "no messages"}, "not_applicable"),
    ("plain_error_pages", {"below": [PLAIN], "through": [PLAIN]}, "pass"),
    ("plain_error_pages", {"below": [PLAIN, TECHNICAL], "through": [PLAIN]}, "fail"),
    ("plain_error_pages", {"below": [PLAIN], "through": [TECHNICAL]}, "fail"),
    ("plain_error_pages", {"below": [dotted(PLAIN, status=500)], "through": [PLAIN]}, "fail"),
    ("plain_error_pages", {"below": [dotted(PLAIN, status=302), PLAIN], "through": [PLAIN]}, "pass"),
    ("plain_error_pages", {"below": [dotted(PLAIN, status=302)], "through": []}, "error"),
    ("plain_bad_request", dotted(PLAIN, status=400), "pass"),
    ("plain_bad_request", dotted(TECHNICAL, status=400), "fail"),
    ("plain_bad_request", dotted(PLAIN, status=200), "fail"),
    ("no_debug_toolbar", NO_TOOLBAR, "pass"),
    ("no_debug_toolbar", {"/__debug__/": {"status": 200, "nowhere": 404}}, "fail"),
    ("no_debug_toolbar", {"/__debug__/": {"status": 302, "nowhere": 302}}, "pass"),  # everything asks for a log-in
    ("allowed_hosts_exact", ["news.example.org", "www.news.example.org"], "pass"),
    ("allowed_hosts_exact", ["www.news.example.org", "NEWS.example.org"], "pass"),
    ("allowed_hosts_exact", ["*"], "fail"),
    ("allowed_hosts_exact", [".example.org"], "fail"),
    ("allowed_hosts_exact", [], "fail"),
    ("allowed_hosts_exact", ["news.example.org"], "fail"),
    ("allowed_hosts_exact", ["news.example.org", "www.news.example.org", "localhost"], "fail"),
    ("foreign_hosts_refused", HOSTS, "pass"),
    ("foreign_hosts_refused", dotted(HOSTS, foreign={"evil.invalid": 200}), "fail"),
    ("foreign_hosts_refused", dotted(HOSTS, subdomains={"x.news.example.org": 301}), "fail"),
    ("foreign_hosts_refused", dotted(HOSTS, subdomains={"www.news.example.org": 200}), "pass"),  # declared itself
    ("domains_answered", {"news.example.org": 200, "www.news.example.org": 302}, "pass"),
    ("domains_answered", {"news.example.org": 400}, "fail"),
    ("domains_answered", {}, "error"),
    ("environment_file_closed", FILES, "pass"),
    ("environment_file_closed", dotted(FILES, application=[dotted(ENV_FILE, mode="0644")]), "fail"),
    ("environment_file_closed", dotted(FILES, application=[dotted(ENV_FILE, owner="news")]), "fail"),
    ("environment_file_closed", dotted(FILES, application=[dotted(ENV_FILE, group="users")]), "fail"),
    ("environment_file_closed", dotted(FILES, application=[dotted(ENV_FILE, mode="0400", group="root")]), "pass"),  # stricter
    ("environment_file_closed", dotted(FILES, owner=dotted(OWNER_FILE, mode="0640")), "fail"),
    ("environment_file_closed", dotted(FILES, owner=None), "pass"),
    ("jwt_key_strong", JWT, "pass"),
    ("jwt_key_strong", dotted(JWT, equals_secret_key=True), "fail"),
    ("jwt_key_strong", dotted(JWT, bytes=31), "fail"),
    ("jwt_key_strong", dotted(JWT, algorithm="HS512", bytes=63), "fail"),
    ("jwt_key_strong", dotted(JWT, algorithm="none"), "fail"),
    ("jwt_key_strong", dotted(JWT, algorithm="RS256", key_bits=1024), "fail"),
    ("jwt_key_strong", dotted(JWT, algorithm="RS256", key_bits=2048), "pass"),
    ("jwt_key_strong", dotted(JWT, readable=False), "error"),
    ("forged_tokens_refused", TOKENS, "pass"),
    ("forged_tokens_refused", dotted(TOKENS, forged={"no algorithm": 200}), "fail"),
    ("forged_tokens_refused", dotted(TOKENS, control=401), "error"),
    ("databases_answer", {"default": {"answers": True, "why": "", "seconds": 0.01}}, "pass"),
    ("databases_answer", {"default": {"answers": False, "why": "refused", "seconds": 0.01}}, "fail"),
    ("databases_answer", {}, "fail"),
    ("schema_matches", SCHEMA, "pass"),
    *[
        ("schema_matches", dotted(SCHEMA, **{name: ["articles_article.title"]}), "fail")
        for name in ("missing_tables", "missing_columns", "extra_columns", "types", "nullness")
    ],
    ("schema_matches", dotted(SCHEMA, columns=0), "error"),
    ("readiness_asks_database", READY, "pass"),
    ("readiness_asks_database", BUSY, "pass"),  # the view's own queries decide
    ("readiness_asks_database", dotted(READY, rounds=[{"status": 503, "touched": None}]), "fail"),
    ("readiness_asks_database", BLIND, "fail"),
    ("readiness_asks_database", dotted(READY, rounds=[]), "fail"),
    ("unready_without_database", {"path": "/ready", "status": 503}, "pass"),
    ("unready_without_database", {"path": "/ready", "status": 200}, "fail"),
    ("unready_without_database", {"path": "/ready", "status": 500}, "fail"),
    ("cors_strangers_refused", CORS_LIVE, "pass"),
    ("cors_strangers_refused", dotted(CORS_LIVE, strangers={"a": {"origin": "*"}}), "fail"),
    ("cors_strangers_refused", dotted(CORS_LIVE, strangers={"a": {"origin": "https://evil.invalid"}}), "fail"),
    ("cors_strangers_refused", dotted(CORS_LIVE, strangers={"a": {"origin": "https://app.example.org"}}), "pass"),  # one fixed origin for all
    ("cors_allowed_echoed", CORS_LIVE, "not_applicable"),
    ("cors_allowed_echoed", dotted(CORS_LIVE, sent=True), "error"),
    ("cors_allowed_echoed", dotted(CORS_LIVE, allowed={"https://a.example": {"origin": "https://a.example"}}), "pass"),
    ("cors_allowed_echoed", dotted(CORS_LIVE, allowed={"https://a.example": {"origin": None}}), "fail"),
    ("cors_settings", CORS, "pass"),
    ("cors_settings", dotted(CORS, allow_all=True), "fail"),
    ("cors_settings", dotted(CORS, origins=["http://app.example.org"]), "fail"),
    ("cors_settings", dotted(CORS, origins=[]), "fail"),
    ("csrf_settings", CSRF, "pass"),
    ("csrf_settings", dotted(CSRF, middleware=False), "fail"),
    ("csrf_settings", dotted(CSRF, cookie_secure=False), "fail"),
    ("csrf_settings", dotted(CSRF, cookie_secure=False, use_sessions=True), "pass"),  # there is no such cookie
    ("csrf_settings", dotted(CSRF, cookie_samesite="None"), "fail"),
    ("csrf_settings", dotted(CSRF, trusted_origins=["https://*.example.org"]), "fail"),
    ("headers_below_proxy", {"page": {"headers": HEADERS}, "error": {"headers": HEADERS}}, "pass"),
    ("headers_below_proxy", {"page": {"headers": HEADERS}, "error": {"headers": dotted(HEADERS, **{"x-content-type-options": None})}}, "fail"),
    ("headers_below_proxy", {"page": {"headers": dotted(HEADERS, **{"x-frame-options": None})}}, "fail"),
    (
        "headers_below_proxy",
        {"page": {"headers": dotted(HEADERS, **{"x-frame-options": None, "content-security-policy": "frame-ancestors 'none'"})}},
        "pass",
    ),
    ("headers_below_proxy", {"page": {"headers": dotted(HEADERS, **{"referrer-policy": "unsafe-url"})}}, "fail"),
    ("headers_below_proxy", {"page": {"headers": dotted(HEADERS, **{"referrer-policy": "no-referrer"})}}, "pass"),  # stricter
    ("security_settings", SETTINGS, "pass"),
    ("security_settings", dotted(SETTINGS, SECURE_HSTS_SECONDS=3600), "fail"),
    ("security_settings", dotted(SETTINGS, SECURE_HSTS_SECONDS=63072000), "pass"),
    ("security_settings", dotted(SETTINGS, SESSION_COOKIE_SECURE=False), "fail"),
    ("deploy_check_clean", {"findings": [], "silenced": ["fields.W342"]}, "pass"),
    ("deploy_check_clean", {"findings": [], "silenced": ["security.W004"]}, "fail"),
    ("deploy_check_clean", {"findings": [{"id": "security.W018", "message": "DEBUG. More."}], "silenced": []}, "fail"),
    ("manifest_sound", STATIC, "pass"),
    ("manifest_sound", dotted(STATIC, missing=["a.css"]), "fail"),
    ("manifest_sound", dotted(STATIC, changed=["a.css"]), "fail"),
    ("manifest_sound", dotted(STATIC, manifest=False), "fail"),
    ("superusers_present", SUPERUSERS, "pass"),
    ("superusers_present", dotted(SUPERUSERS, active=0), "fail"),
    ("superusers_present", dotted(SUPERUSERS, active=4), "fail"),
    ("superusers_present", dotted(SUPERUSERS, unusable_password=1), "fail"),
    ("superusers_identified", SUPERUSERS, "pass"),
    ("superusers_identified", dotted(SUPERUSERS, default_names=1), "fail"),
    ("superusers_identified", dotted(SUPERUSERS, without_real_email=None), "pass"),  # the user model has no address
    ("superusers_identified", dotted(SUPERUSERS, active=0), "error"),
    ("client_verifies_server", {"default": DATABASE}, "pass"),
    ("client_verifies_server", {"default": dotted(DATABASE, options={})}, "fail"),
    ("client_verifies_server", {"default": dotted(DATABASE, options={"sslmode": "require"})}, "fail"),
    ("client_verifies_server", {"default": dotted(DATABASE, host="/run/postgresql", options={})}, "pass"),
    ("client_verifies_server", {"default": dotted(DATABASE, engine="django.db.backends.sqlite3")}, "not_applicable"),
    ("uses_pooler", pooler(), "pass"),
    ("uses_pooler", pooler(told_another_process=False), "fail"),  # whatever the port is called
    ("uses_pooler", {**pooler(), "logs": pooler(told_another_process=False)["default"]}, "fail"),
    ("uses_pooler", pooler(told_another_process=None), "error"),
    ("uses_pooler", {}, "not_applicable"),
    ("server_side_cursors_off", pooler(), "pass"),
    ("server_side_cursors_off", pooler(disable_server_side_cursors=False), "fail"),
    ("server_side_cursors_off", pooler(disable_server_side_cursors=True, shares_server_process=False), "pass"),
    ("server_side_cursors_off", pooler(disable_server_side_cursors=False, shares_server_process=False), "error"),
    ("server_side_cursors_off", pooler(disable_server_side_cursors=False, told_another_process=False), "not_applicable"),
    ("caches_shared", {"default": {"backend": "django.core.cache.backends.db.DatabaseCache"}}, "pass"),
    ("caches_shared", {"default": {"backend": "django.core.cache.backends.locmem.LocMemCache"}}, "fail"),
    ("caches_shared", {}, "fail"),
    ("caches_finite", {"default": {"timeout": 300}}, "pass"),
    ("caches_finite", {"default": {"timeout": 0}}, "pass"),
    ("caches_finite", {"default": {"timeout": None}}, "fail"),
]


def judge(name, value, observations=None):
    given = {
        "urls": {"value": {"debug_views": []}},
        "settings": {"value": SETTINGS},
        "cors": {"value": {"installed": False}},
        "readiness_queries": {"value": {"queries": 2 if value != BLIND else 0, "status": 200}},
        **(observations or {}),
    }
    params = {"domains": ["news.example.org", "www.news.example.org"], "user": "news", "cors_origins": ["https://app.example.org"]}
    return JUDGEMENTS[name](value, Context(params=params, observations=given, now=datetime(2026, 11, 23, tzinfo=timezone.utc)))


@pytest.mark.parametrize("name, value, status", CASES, ids=lambda part: part if isinstance(part, str) else "")
def test_an_observation_is_judged(name, value, status):
    verdict = judge(name, value)
    assert verdict.status == status, verdict
    assert verdict.reason or status == "pass"


def test_every_judgement_has_cases_and_can_fail():
    assert {name for name, _value, _status in CASES} == set(JUDGEMENTS)
    assert {name for name, _value, status in CASES if status == "fail"} == set(JUDGEMENTS)
    assert {name for name, _value, status in CASES if status == "pass"} == set(JUDGEMENTS)


def test_an_installed_toolbar_or_view_is_found_without_asking():
    assert judge("no_debug_toolbar", NO_TOOLBAR, {"urls": {"value": {"debug_views": ["debug_toolbar"]}}}).status == "fail"
    assert judge("no_debug_toolbar", NO_TOOLBAR, {"settings": {"value": {"INSTALLED_APPS": ["silk"]}}}).status == "fail"


def test_what_another_observation_could_not_find_out_is_not_passed_over():
    with pytest.raises(ValueError, match="needs root"):
        judge("no_debug_toolbar", NO_TOOLBAR, {"urls": {"error": "needs root: /proc/7/environ is not readable"}})


def test_a_missing_parameter_is_named():
    with pytest.raises(Exception, match="'domains' is not defined"):
        JUDGEMENTS["allowed_hosts_exact"](["a"], Context(params={}, observations={}, now=datetime.now(timezone.utc)))


def load(name):
    return yaml.safe_load((CHECKLIST / name).read_text(encoding="utf-8"))


def test_the_checks_are_valid_and_use_every_judgement():
    checks = load("checks/django_app.yml")
    assert validate(load("items.yml"), {"django_app": checks}, judgements={"django_app": JUDGEMENTS}) == []
    assert {check["judge"] for check in checks["checks"] if "judge" in check} == set(JUDGEMENTS)


def test_every_facet_of_the_environment_variables_is_claimed():
    claimed = {facet for check in load("checks/django_app.yml")["checks"] for facet in check["proves"]}
    group = next(group for group in load("items.yml")["groups"] if group["id"] == "environment_variables")
    assert {f"environment_variables.{item['id']}#{facet}" for item in group["items"] for facet in item["facets"]} <= claimed
