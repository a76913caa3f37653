# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements on a running Django application. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._judge_django_pooler import server_side_cursors_off, uses_pooler
from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

#: Django's own measure is 50 characters (security.W009); 128 bits is what NIST SP 800-131A calls sufficient beyond 2030.
KEY_LENGTH, KEY_BITS = 50, 128
YEAR = 365 * 24 * 60 * 60


def _value(context: Context, name: str) -> Any:
    """Another observation of the same probe; its error is a KeyError here, which evaluation turns into `error`."""
    entry = context.observations.get(name) or {"error": f"the probe has no observation '{name}'"}
    if "error" in entry:
        raise ValueError(entry["error"])
    return entry["value"]


def settings_in_effect(value: Mapping[str, Any], context: Context) -> Verdict:
    """The process was started after its files last changed, or has what they say."""
    expected = "the process is not older than its environment, its unit and its code, and runs the current release"
    reasons = []
    if value["environment_differs"]:
        reasons.append(f"the process has other values than {', '.join(value['environment_files'])} for {', '.join(value['environment_differs'])}")
    if value["environment_from"] != "process" and value["environment_newer"]:
        reasons.append(f"the process hides its environment, and {', '.join(value['environment_newer'])} changed after it started")
    if value["unit_newer"]:
        reasons.append(f"{', '.join(value['unit_newer'])} changed after the process started")
    if value["code_newer"]:
        reasons.append(f"code changed after the workers started, such as {value['code_newer'][0]}")
    if not value["runs_current"]:
        reasons.append(f"the process works in {value['release'] or 'another directory'}, while {value['current']} is current")
    shown = {key: value[key] for key in ("environment_differs", "unit_newer", "code_newer", "runs_current")}
    if reasons:
        return failed("not in effect: " + "; ".join(reasons), shown, expected)
    if not value["code_complete"]:
        return unknown(f"only {value['code_files']} source files could be compared", shown, expected)
    return passed(shown, expected)


def _weaknesses(key: Mapping[str, Any]) -> list[str]:
    found = []
    if key["known_default"]:
        found.append("it is a publicly known default")
    if key["insecure_prefix"]:
        found.append("it begins with django-insecure-")
    elif key["placeholder"]:
        found.append("it contains a placeholder's words")
    if key["length"] < KEY_LENGTH:
        found.append(f"it has {key['length']} characters")
    if key["bits"] < KEY_BITS:
        found.append(f"its entropy is estimated at {key['bits']} bits")
    return found


def secret_key_strong(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = f"at least {KEY_LENGTH} characters and {KEY_BITS} bits, no default"
    shown = {key: value[key] for key in ("length", "bits", "distinct")}
    found = _weaknesses(value)
    return failed("SECRET_KEY is weak: " + ", ".join(found), shown, expected) if found else passed(shown, expected)


def fallbacks_strong(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    expected = f"each fallback has at least {KEY_LENGTH} characters and {KEY_BITS} bits, or there is none"
    shown = [{key: fallback[key] for key in ("length", "bits")} for fallback in value]
    weak = [f"fallback {number}: {', '.join(_weaknesses(key))}" for number, key in enumerate(value, 1) if _weaknesses(key)]
    return failed("; ".join(weak), shown, expected) if weak else passed(shown or "no fallbacks", expected)


def _leak(value: Mapping[str, Any], shown: Any, expected: str) -> Verdict:
    if value["found"]:
        return failed("found in " + ", ".join(value["found"][:5]), shown, expected)
    if value["too_short"]:
        return unknown(f"{', '.join(value['too_short'])}: shorter than 8 characters, which stand anywhere by chance", shown, expected)
    if value.get("incomplete"):
        return unknown("the search is not complete: " + "; ".join(value["incomplete"][:3]), shown, expected)
    return passed(shown, expected)


def not_found_anywhere(value: Mapping[str, Any], context: Context) -> Verdict:
    """No secret in what was searched; a search that saw nothing proves nothing."""
    shown = {key: value[key] for key in ("files", "bytes", "processes", "lines") if key in value}
    if not value["secrets"]:
        return not_applicable("the settings in force hold no such secret", shown)
    if not any(value.get(key) for key in ("files", "processes", "lines")):
        return unknown("nothing was there to be searched", shown)
    return _leak(value, shown, "found nowhere")


def not_found_in_history(value: Mapping[str, Any], context: Context) -> Verdict:
    shown = {key: value[key] for key in ("repositories", "objects")}
    if not value["secrets"]:
        return not_applicable("the settings in force hold no such secret", shown)
    if not value["repositories"]:
        return not_applicable("no git repository of the application is on this host; the deployed tree is searched by another check", shown)
    return _leak(value, shown, "found in no object")


def forged_cookie_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "a cookie signed with the real key is believed, none signed with a known one is"
    if not value["possible"]:
        return not_applicable(value["why"], value["why"])
    shown = {key: value[key] for key in ("page", "control_believed", "tried", "believed")}
    if not value["control_believed"]:
        return not_applicable(f"no page shows a stranger what a signed cookie says (tried {', '.join(value['pages'])})", shown)
    if value["believed"]:
        return failed(f"{value['believed']} of {value['tried']} cookies signed with publicly known keys were believed", shown, expected)
    return passed(shown, expected) if value["tried"] else unknown("no forged cookie was tried", shown, expected)


def plain_error_pages(value: Mapping[str, Any], context: Context) -> Verdict:
    """Several random addresses, directly and through the web server: error pages without Django's technical marks."""
    expected = "404 without a technical page"
    answers = list(value["below"]) + list(value["through"])
    shown = [answer["status"] for answer in answers]
    technical = sorted({mark for answer in answers for mark in answer["technical"]})
    if technical:
        return failed("an address that does not exist shows Django's technical page (" + ", ".join(technical) + ")", shown, expected)
    if any(status >= 500 for status in shown):
        return failed("an address that does not exist makes the application fail", shown, expected)
    if not any(answer["status"] in (404, 410) for answer in value["below"]):
        return unknown("no random address was answered with 404, so that no error page was seen", shown, expected)
    return passed(shown, expected)


def plain_bad_request(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "400 without a technical page"
    if value["technical"]:
        return failed("a malformed request shows Django's technical page (" + ", ".join(value["technical"]) + ")", value["status"], expected)
    if value["status"] != 400:
        return failed(f"a malformed host name is answered with {value['status']}", value["status"], expected)
    return passed(value["status"], expected)


def no_debug_toolbar(value: Mapping[str, Mapping[str, int]], context: Context) -> Verdict:
    """No such view in the URL configuration, no such app, and the usual addresses are answered like any that does not exist."""
    expected = "no debugging view or app; its addresses are answered like one that does not exist"
    views = _value(context, "urls")["debug_views"]
    apps = [name for name in _value(context, "settings")["INSTALLED_APPS"] if name.split(".")[0] in ("debug_toolbar", "silk")]
    answered = [path for path, answer in value.items() if answer["status"] != answer["nowhere"] and answer["status"] not in (404, 410)]
    shown = {"views": views, "apps": apps, "answers": {path: answer["status"] for path, answer in value.items()}}
    if views or answered:
        return failed("answered: " + ", ".join(answered or views), shown, expected)
    if apps:
        return failed(f"{', '.join(apps)} is installed in production", shown, expected)
    return passed(shown, expected)


def allowed_hosts_exact(value: list[str], context: Context) -> Verdict:
    domains = {str(domain).lower() for domain in context.param("domains")}
    hosts = {str(host).lower().rstrip(".") for host in value}
    expected = ", ".join(sorted(domains))
    wild = sorted(host for host in hosts if "*" in host or host.startswith("."))
    if wild:
        return failed(f"{', '.join(wild)} lets in hosts nobody named", value, expected)
    if not hosts:
        return failed("ALLOWED_HOSTS is empty", value, expected)
    missing, more = sorted(domains - hosts), sorted(hosts - domains)
    if missing or more:
        said = [f"{', '.join(names)} {word}" for names, word in ((missing, "missing"), (more, "not a production domain")) if names]
        return failed("; ".join(said), value, expected)
    return passed(value, expected)


def foreign_hosts_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    declared = {str(domain).lower() for domain in context.param("domains")}
    asked = {**value["foreign"], **{host: status for host, status in value["subdomains"].items() if host.lower() not in declared}}
    wrong = [f"{host}: {status}" for host, status in asked.items() if status != 400]
    return failed("answered although foreign: " + ", ".join(wrong), asked, "400 for each") if wrong else passed(asked, "400 for each")


def domains_answered(value: Mapping[str, int], context: Context) -> Verdict:
    """Only 400 is Django's refusal of a host; a page that breaks says nothing about the name."""
    expected = "not 400 for each domain"
    wrong = [host for host, status in value.items() if status == 400]
    if wrong:
        return failed("refused with 400: " + ", ".join(wrong), value, expected)
    return passed(value, expected) if value else unknown("no domain is declared", value, expected)


def environment_file_closed(value: Mapping[str, Any], context: Context) -> Verdict:
    """root:APP 0640 or stricter for every file the unit reads; the owner's file is root's alone."""
    user = context.param("user")
    expected = f"root:{user} 0640 or stricter; the owner's file root:root 0600 or stricter"
    wrong = []
    for file, groups, allowed in [(file, ("root", user), 0o640) for file in value["application"]] + [(value["owner"], ("root",), 0o600)] * bool(
        value["owner"]
    ):
        if int(file["mode"], 8) & ~allowed or file["owner"] != "root" or file["group"] not in groups:
            wrong.append(f"{file['path']} is {file['owner']}:{file['group']} {file['mode']}")
    shown = [
        f"{file['path']} {file['owner']}:{file['group']} {file['mode']}" for file in value["application"] + [value["owner"]] * bool(value["owner"])
    ]
    return failed("; ".join(wrong), shown, expected) if wrong else passed(shown, expected)


def jwt_key_strong(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "an own key of at least 32 bytes (64 for HS512; RSA 2048 bits) and one fixed algorithm"
    if not value.get("readable"):
        return unknown(
            f"tokens are used ({', '.join(value['traces'])}), but only the settings of djangorestframework-simplejwt can be read", value, expected
        )
    shown = {key: value[key] for key in ("algorithm", "length", "bits", "equals_secret_key", "key_bits")}
    algorithm, reasons = value["algorithm"], []
    if algorithm.startswith("HS"):
        least = {"HS384": 48, "HS512": 64}.get(algorithm, 32)
        if value["equals_secret_key"]:
            reasons.append("the signing key is SECRET_KEY")
        if value["bytes"] < least:
            reasons.append(f"the key has {value['bytes']} bytes, {algorithm} needs {least}")
        if value["bits"] < KEY_BITS or value["known_default"] or value["insecure_prefix"]:
            reasons.append("the key can be guessed")
    elif algorithm[:2] in ("RS", "PS"):
        if value["key_bits"] is None:
            return unknown("the size of the private key could not be read", shown, expected)
        if value["key_bits"] < 2048:
            reasons.append(f"the RSA key has {value['key_bits']} bits")
    elif algorithm[:2] not in ("ES", "Ed"):
        reasons.append(f"the algorithm is {algorithm}")
    return failed("; ".join(reasons), shown, expected) if reasons else passed(shown, expected)


def forged_tokens_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "401 for every forged token, while a genuine one is let in"
    shown = {key: value[key] for key in ("path", "without", "control", "forged")}
    if value["control"] is None or value["control"] in (400, 401, 404) or value["control"] >= 500:
        return unknown(f"{value['path']} does not let a genuine token in ({value['control']}), so that a refusal says nothing", shown, expected)
    wrong = [f"{name}: {status}" for name, status in value["forged"].items() if status != 401]
    return failed("not refused: " + ", ".join(wrong), shown, expected) if wrong or not value["forged"] else passed(shown, expected)


def databases_answer(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "each database answers the application"
    shown = {alias: answer["seconds"] if answer["answers"] else answer["why"] for alias, answer in value.items()}
    silent = [f"{alias}: {answer['why']}" for alias, answer in value.items() if not answer["answers"]]
    return failed("; ".join(silent) or "no database is configured", shown, expected) if silent or not value else passed(shown, expected)


def schema_matches(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "every table and column as the models describe it, and no other column"
    shown = {key: value[key] for key in ("tables", "columns")}
    lists = (
        ("missing_tables", "missing tables"),
        ("missing_columns", "missing columns"),
        ("extra_columns", "columns no model knows"),
        ("types", "types"),
        ("nullness", "nulls"),
    )
    drift = [f"{words}: {', '.join(value[name][:5])}" for name, words in lists if value[name]]
    if drift:
        return failed("; ".join(drift), {**shown, **{name: value[name] for name, _words in lists if value[name]}}, expected)
    return passed(shown, expected) if value["columns"] else unknown("the models describe no table", shown, expected)


def readiness_asks_database(value: Mapping[str, Any], context: Context) -> Verdict:
    """200 each time, and each time a query of the application's role shows in the database that idle windows do not show."""
    expected = "200, and a query in the database, each time"
    statuses = [reading.get("status") for reading in value["rounds"]]
    touched, idle = [reading["touched"] for reading in value["rounds"]], value["idle"]
    shown = {"path": value["path"], "statuses": statuses, "queries_seen": touched, "seen_while_idle": idle}
    if any(status != 200 for status in statuses) or not statuses:
        said = sorted({str(reading.get("status") or reading.get("error")) for reading in value["rounds"]})
        return failed(f"{value['path']} is answered with {', '.join(said)}", shown, expected)
    if all(touched) and sum(idle) <= 1:
        return passed(shown, expected)
    inside = _value(context, "readiness_queries")
    shown["queries_of_the_view"] = inside["queries"]
    if not inside["queries"]:
        return failed(f"{value['path']} says 200 without asking the database: its view sends no query", shown, expected)
    if None in touched or sum(idle) > 1:
        # Other traffic, or a database that shows no activity: the view's own queries, counted in a private process, decide.
        return (
            passed(shown, expected)
            if inside["status"] == 200
            else failed(f"the view answers {inside['status']} in a process of its own", shown, expected)
        )
    return failed(f"{touched.count(False)} of {len(touched)} answers came without a query in the database", shown, expected)


def unready_without_database(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "503 when the database cannot be reached"
    if value["status"] == 503:
        return passed(value, expected)
    return failed(f"{value['path']} answers {value['status']} when its database cannot be reached", value, expected)


def cors_strangers_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "no Access-Control-Allow-Origin for https://evil.invalid"
    shown = {name: answer["origin"] for name, answer in value["strangers"].items()}
    allowed = [f"{name}: {origin}" for name, origin in shown.items() if origin in ("*", "null") or origin and "evil.invalid" in origin]
    return failed("a stranger's page is allowed: " + ", ".join(allowed), shown, expected) if allowed else passed(shown, expected)


def cors_allowed_echoed(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "each allowed origin is answered with itself"
    shown = {origin: answer["origin"] for origin, answer in value["allowed"].items()}
    installed = _value(context, "cors")["installed"]
    if not shown:
        if installed or value["sent"]:
            return unknown("CORS is in use, but no allowed origin is known; set cors_origins in the application's contract", shown, expected)
        return not_applicable("the application uses no CORS: no package, no middleware, no header", shown)
    wrong = [f"{origin}: {answer}" for origin, answer in shown.items() if answer != origin]
    return failed("not echoed: " + ", ".join(wrong), shown, expected) if wrong else passed(shown, expected)


def cors_settings(value: Mapping[str, Any], context: Context) -> Verdict:
    declared = sorted(context.params.get("cors_origins") or [])
    expected = f"exactly {', '.join(declared)}" if declared else "declared https origins"
    shown = {key: value[key] for key in ("allow_all", "origins", "patterns")}
    if value["allow_all"]:
        return failed("every origin is allowed", shown, expected)
    plain = [origin for origin in value["origins"] if not str(origin).startswith("https://")]
    if plain:
        return failed(f"{', '.join(plain)} is not https", shown, expected)
    if sorted(value["origins"]) != declared:
        return failed("the origins in force are not those declared in cors_origins of the contract", shown, expected)
    return passed(shown, expected)


def csrf_settings(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "middleware, secure same-site cookie, https origins without a wildcard"
    reasons = [] if value["middleware"] else ["CsrfViewMiddleware is not in MIDDLEWARE"]
    if not value["use_sessions"]:
        if not value["cookie_secure"]:
            reasons.append("CSRF_COOKIE_SECURE is off")
        if str(value["cookie_samesite"]) not in ("Lax", "Strict"):
            reasons.append(f"CSRF_COOKIE_SAMESITE is {value['cookie_samesite']}")
    reasons += [f"{origin} is trusted" for origin in value["trusted_origins"] if "*" in origin or not origin.startswith("https://")]
    return failed("; ".join(reasons), value, expected) if reasons else passed(value, expected)


def _header_problems(headers: Mapping[str, Any]) -> list[str]:
    """What is missing or too lax; the stricter value is always fine."""
    problems = []
    framing, policy = (headers["x-frame-options"] or "").upper(), headers["content-security-policy"] or ""
    if framing not in ("DENY", "SAMEORIGIN") and "frame-ancestors" not in policy:
        problems.append("framing is not restricted")
    if (headers["x-content-type-options"] or "").lower() != "nosniff":
        problems.append("X-Content-Type-Options is not nosniff")
    lax = {"", "unsafe-url", "no-referrer-when-downgrade", "origin-when-cross-origin"}
    if (headers["referrer-policy"] or "").split(",")[-1].strip().lower() in lax:
        problems.append("Referrer-Policy is missing or tells strangers addresses")
    if not (headers["cross-origin-opener-policy"] or "").startswith(("same-origin", "noopener-allow-popups")):
        problems.append("Cross-Origin-Opener-Policy is not same-origin")
    return problems


def headers_below_proxy(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "framing, nosniff, referrer and opener headers from the application itself, on a page and on an error"
    problems = [f"{name}: {problem}" for name, answer in value.items() for problem in _header_problems(answer["headers"])]
    shown = {name: answer["headers"] for name, answer in value.items()}
    return failed("; ".join(problems), shown, expected) if problems or not value else passed(shown, expected)


def security_settings(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "HSTS of at least a year, nosniff, secure session cookie, framing refused, https redirect"
    wanted = {
        "SECURE_CONTENT_TYPE_NOSNIFF": value["SECURE_CONTENT_TYPE_NOSNIFF"] is True,
        "SESSION_COOKIE_SECURE": value["SESSION_COOKIE_SECURE"] is True,
        "SESSION_COOKIE_HTTPONLY": value["SESSION_COOKIE_HTTPONLY"] is True,
        "X_FRAME_OPTIONS": str(value["X_FRAME_OPTIONS"]).upper() in ("DENY", "SAMEORIGIN"),
        "SECURE_HSTS_SECONDS": value["SECURE_HSTS_SECONDS"] >= YEAR,
        "SECURE_SSL_REDIRECT": value["SECURE_SSL_REDIRECT"] is True,
    }
    shown = {name: value[name] for name in wanted}
    wrong = [f"{name} is {value[name]}" for name, good in wanted.items() if not good]
    return failed("; ".join(wrong), shown, expected) if wrong else passed(shown, expected)


def deploy_check_clean(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "no finding of `check --deploy` from WARNING up"
    shown = {"findings": [finding["id"] for finding in value["findings"]], "silenced": value["silenced"]}
    silenced = [name for name in value["silenced"] if str(name).startswith("security.")]
    if value["findings"]:
        return failed("; ".join(f"{finding['id']}: {finding['message'].split('.')[0]}" for finding in value["findings"][:5]), shown, expected)
    return failed(f"silenced: {', '.join(silenced)}", shown, expected) if silenced else passed(shown, expected)


def manifest_sound(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "each file of the manifest exists and has the content its name says"
    shown = {key: value[key] for key in ("storage", "entries")}
    if not value["manifest"]:
        return failed(f"{value['storage']} keeps no manifest, so that browsers cannot tell old files from new ones", shown, expected)
    if value["missing"] or value["changed"]:
        return failed(f"missing: {', '.join(value['missing'][:3]) or 'none'}; changed: {', '.join(value['changed'][:3]) or 'none'}", shown, expected)
    return passed(shown, expected)


def superusers_present(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "one to three active superusers with a usable password"
    shown = {key: value[key] for key in ("active", "unusable_password")}
    if not 1 <= value["active"] <= 3:
        return failed(f"there are {value['active']} active superusers", shown, expected)
    return (
        failed(f"{value['unusable_password']} cannot log in by password", shown, expected) if value["unusable_password"] else passed(shown, expected)
    )


def superusers_identified(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "a real address and no default name for each superuser"
    shown = {key: value[key] for key in ("active", "default_names", "without_real_email")}
    if not value["active"]:
        return unknown("there is no active superuser", shown, expected)
    reasons = [
        f"{value[key] or 0} {words}"
        for key, words in (("default_names", "with a default name"), ("without_real_email", "without a real e-mail address"))
        if value[key]
    ]
    return failed("; ".join(reasons), shown, expected) if reasons else passed(shown, expected)


def client_verifies_server(value: Mapping[str, Any], context: Context) -> Verdict:
    """Every PostgreSQL connection over TCP verifies the server's certificate and name; a Unix socket needs no TLS."""
    expected = "sslmode verify-full for each PostgreSQL database over TCP"
    modes = {
        alias: "Unix socket" if str(entry["host"] or "").startswith("/") or not entry["host"] else entry["options"].get("sslmode", "prefer")
        for alias, entry in value.items()
        if "postgresql" in entry["engine"] or "postgis" in entry["engine"]
    }
    if not modes:
        return not_applicable("no database of the application is PostgreSQL", {alias: entry["engine"] for alias, entry in value.items()})
    wrong = [f"{alias}: {mode}" for alias, mode in modes.items() if mode not in ("verify-full", "Unix socket")]
    return failed("the server's certificate or name is not verified: " + ", ".join(wrong), modes, expected) if wrong else passed(modes, expected)


def caches_shared(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "a cache that processes share"
    shown = {alias: cache["backend"] for alias, cache in value.items()}
    own = [f"{alias}: {name}" for alias, name in shown.items() if name.rsplit(".", 1)[-1] in ("LocMemCache", "DummyCache")]
    return failed("each process has its own: " + ", ".join(own), shown, expected) if own or not shown else passed(shown, expected)


def caches_finite(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "a finite TIMEOUT for each cache"
    shown = {alias: cache["timeout"] for alias, cache in value.items()}
    endless = [alias for alias, timeout in shown.items() if timeout is None]
    return failed("values never expire in " + ", ".join(endless), shown, expected) if endless or not shown else passed(shown, expected)


JUDGEMENTS = {
    function.__name__: function
    for function in (
        settings_in_effect,
        secret_key_strong,
        fallbacks_strong,
        not_found_anywhere,
        not_found_in_history,
        forged_cookie_refused,
        plain_error_pages,
        plain_bad_request,
        no_debug_toolbar,
        allowed_hosts_exact,
        foreign_hosts_refused,
        domains_answered,
        environment_file_closed,
        jwt_key_strong,
        forged_tokens_refused,
        databases_answer,
        schema_matches,
        readiness_asks_database,
        unready_without_database,
        cors_strangers_refused,
        cors_allowed_echoed,
        cors_settings,
        csrf_settings,
        headers_below_proxy,
        security_settings,
        deploy_check_clean,
        manifest_sound,
        superusers_present,
        superusers_identified,
        client_verifies_server,
        uses_pooler,
        server_side_cursors_off,
        caches_shared,
        caches_finite,
    )
}
