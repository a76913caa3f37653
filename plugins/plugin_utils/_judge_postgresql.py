# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judgements about PostgreSQL: what an answer of the probe means. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ._judge_postgresql_upkeep import JUDGEMENTS as _UPKEEP
from ._verdict import Context, Verdict, failed, not_applicable, passed, unknown

#: A connection that never got as far as a question for a password.
SHUT_OUT = frozenset({"refused", "filtered"})
MODERN_TLS = frozenset({"TLSv1.2", "TLSv1.3"})
INSUFFICIENT_PRIVILEGE = "42501"
EVERYBODY = frozenset({"all", "0.0.0.0/0", "::/0", "samenet"})
#: What lets somebody in without proving anything, or shows the password or a replayable hash to whoever listens.
WEAK_METHODS = frozenset({"trust", "password", "md5", "ident"})


def _other(context: Context, name: str) -> Any:
    """Another observation of the same probe; None when it could not be made."""
    entry = context.observations.get(name) or {}
    return entry.get("value")


def _list(words: Any) -> str:
    return ", ".join(str(word) for word in words)


# --- The cluster ----------------------------------------------------------------------------------------------------


def answers(value: Mapping[str, Any], context: Context) -> Verdict:
    """A server that is down is a finding; that we were not allowed to ask would be none."""
    if not value["answers"]:
        return failed(value["reason"], False, "an answer")
    return passed(True, "an answer")


def running_is_installed(value: Mapping[str, Any], context: Context) -> Verdict:
    """An upgraded package does nothing until the server is started anew."""
    expected = f"the running server is {value['installed']}"
    if value["running"] != value["installed"]:
        return failed(f"the server still runs {value['running']}; it was not restarted after the upgrade", value["running"], expected)
    if value["replaced"]:
        return failed("the running program was replaced on disk; the server was not restarted after the upgrade", value["running"], expected)
    return passed(value["running"], expected)


def scram_verifiers(value: Mapping[str, Any], context: Context) -> Verdict:
    """Every role that logs in by password has a SCRAM verifier."""
    kinds = {name: role["password"] for name, role in value.items() if role["login"] and role["password"] != "none"}
    weak = sorted(name for name, kind in kinds.items() if kind != "scram-sha-256")
    if not kinds:
        return not_applicable("no role has a password", kinds)
    if weak:
        return failed(f"no SCRAM verifier: {_list(weak)}", kinds, "scram-sha-256 for every role")
    return passed(kinds, "scram-sha-256 for every role")


def not_guessable(value: Mapping[str, Any], context: Context) -> Verdict:
    """No verifier fits a name or a common password, tried offline."""
    tried = {name: role["guessed"] for name, role in value.items() if role["login"] and role["password"] != "none"}
    guessed = {name: what for name, what in tried.items() if what}
    expected = "no password is a name or a common one"
    if not tried:
        return not_applicable("no role has a password", tried)
    if guessed:
        found = "; ".join(f"{name}: {what}" for name, what in sorted(guessed.items()))
        return failed(f"the password was guessed: {found}", guessed, expected)
    return passed(f"{len(tried)} roles tried", expected)


def _too_wide(address: str | None, networks: list[Any]) -> bool:
    """Whether a rule's address reaches beyond the declared networks."""
    if address is None or address in EVERYBODY:
        return address is not None
    if address == "samehost":
        return False
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return False  # a host name: one machine, resolved by the server
    return not any(network.version == one.version and network.subnet_of(one) for one in networks)


def hba_rules(value: Mapping[str, Any], context: Context) -> Verdict:
    """The rules are free of faults, in force, ask for a proof, and open nothing beyond the declared addresses."""
    networks = [ipaddress.ip_network(address, strict=False) for address in context.param("addresses")]
    declared = f"no fault, no trust, nothing open beyond {_list(networks)}"
    rules = value["rules"]
    if not rules:
        return unknown("the server shows no access rule at all")
    for rule in value["errors"]:
        return failed(f"line {rule['line']} is faulty ({rule['error']}); the server keeps the rules it had loaded before", rule, declared)
    config, server = _other(context, "config"), _other(context, "server")
    if not config or not server:
        return unknown("it could not be found out whether the rules in the file are those in force")
    if server["hba_file"] in config["newer"]:
        return failed(f"{server['hba_file']} was changed after the server had read it", config["newer"], declared)
    for rule in rules:
        if rule["method"] == "reject":
            continue
        shown = f"line {rule['line']}: {rule['type']} {_list(rule['databases'])} {_list(rule['users'])} {rule['address'] or ''} {rule['method']}"
        if rule["method"] in WEAK_METHODS:
            return failed(f"{rule['method']} in {shown}", shown, declared)
        if rule["type"] != "local" and _too_wide(rule["address"], networks):
            return failed(f"open beyond the declared addresses: {shown}", shown, declared)
    return passed(f"{len(rules)} rules", declared)


def listeners(value: Mapping[str, Any], context: Context) -> Verdict:
    """The server's sockets are on declared addresses."""
    declared = context.param("listen_addresses")
    allowed = {"127.0.0.1", "::1"} if "localhost" in declared else set()
    wild = "*" in declared
    for word in declared:
        try:
            allowed.add(str(ipaddress.ip_address(word)))
        except ValueError:
            continue
    found = value["tcp"]
    stray = [address for address in found if address not in allowed]
    expected = f"only {_list(declared)}"
    if not found:
        return passed("no TCP address", expected)
    if stray and not wild:
        return failed(f"the server listens on {_list(stray)}", found, expected)
    return passed(found, expected)


def superuser_shut_out(value: Mapping[str, Any], context: Context) -> Verdict:
    """Nobody becomes postgres over the network, with whatever password."""
    outcomes = {kind: answer["outcome"] for kind, answer in value.items()}
    return _all_shut_out(outcomes, "postgres over TCP is refused", "the server goes on to authenticate postgres over TCP")


def _all_shut_out(outcomes: Mapping[str, str], expected: str, reason: str) -> Verdict:
    """Every knock refused or filtered. Without TLS at all, the unencrypted knock tells."""
    left = {name: outcome for name, outcome in outcomes.items() if outcome not in SHUT_OUT | {"no_tls"}}
    if not left and not any(outcome in SHUT_OUT for outcome in outcomes.values()):
        return unknown("no knock was answered clearly", dict(outcomes), expected)
    broken = [name for name, outcome in left.items() if outcome == "error"]
    if broken and len(broken) == len(left):
        return unknown(f"the server's answer was not understood: {_list(broken)}", dict(outcomes), expected)
    if left:
        return failed(f"{reason} ({_list(f'{name}: {outcome}' for name, outcome in sorted(left.items()))})", dict(outcomes), expected)
    return passed(dict(outcomes), expected)


def tls_offered(value: Mapping[str, Any], context: Context) -> Verdict:
    """TLS is offered, modern, with the certificate of the file, and the clients' authority vouches for it."""
    expected = "TLS 1.2 or newer with the installed certificate"
    seen = {key: value[key] for key in ("offered", "version", "cipher", "verifies", "file_is_served")}
    if not value["offered"]:
        return failed("the server answers a request for TLS with no", seen, expected)
    if value["version"] not in MODERN_TLS:
        return failed(f"{value['version']} was negotiated", seen, expected)
    if value["file_is_served"] is False:
        return failed("the certificate that is served is not the one in the file; the server was not reloaded", seen, expected)
    if value["verifies"] is False:
        return failed(f"a client that verifies 'localhost' refuses the certificate: {value['problem']}", seen, expected)
    return passed(seen, expected)


def sessions_encrypted(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """Live sessions over TCP, as pg_stat_ssl shows them."""
    if not value:
        return not_applicable("no session over TCP is open at this moment", value)
    bare = [session for session in value if not session["tls"] or session["version"] not in MODERN_TLS]
    shown = {"sessions": len(value), "versions": sorted({str(session["version"]) for session in value})}
    if bare:
        found = sorted({f"{session['user']} from {session['address']}" for session in bare})
        return failed(f"not encrypted by TLS 1.2 or newer: {_list(found)}", shown, "TLSv1.2 or TLSv1.3 for all")
    return passed(shown, "TLSv1.2 or TLSv1.3 for all")


# --- A database ---------------------------------------------------------------------------------------------------------


def _role(value: Mapping[str, Any], context: Context) -> Mapping[str, Any] | None:
    return value.get(context.param("app_role"))


def app_attributes(value: Mapping[str, Any], context: Context) -> Verdict:
    """The application's role has no administrative attribute."""
    role = _role(value, context)
    if role is None:
        return failed(f"there is no role {context.param('app_role')}", sorted(value), "a role for the application")
    if role["attributes"]:
        return failed(f"{context.param('app_role')} is {_list(role['attributes'])}", role["attributes"], "no attribute but LOGIN")
    return passed(role["attributes"], "no attribute but LOGIN")


def app_memberships(value: Mapping[str, Any], context: Context) -> Verdict:
    """Neither a predefined role, nor the owner, nor one with attributes stands behind the application's role."""
    role = _role(value, context)
    expected = "a member of no pg_ role, not of the owner, of no role with attributes"
    if role is None:
        return failed(f"there is no role {context.param('app_role')}", sorted(value), expected)
    powers = [
        group
        for group in role["member_of"]
        if group.startswith("pg_") or group == context.params.get("owner") or (value.get(group) or {}).get("attributes")
    ]
    if powers:
        return failed(f"{context.param('app_role')} is a member of {_list(powers)}", role["member_of"], expected)
    return passed(role["member_of"], expected)


def _denial(state: str | None, what: str) -> str:
    """What is wrong with the answer to something that has to be denied: nothing, or a sentence."""
    if state == "":
        return f"{what} is allowed"
    return "" if state in (INSUFFICIENT_PRIVILEGE, "3F000") else f"{what}: could not be tried ({state})"


def app_denied(value: Mapping[str, str], context: Context) -> Verdict:
    """What was tried as the application's role and undone: all of it denied."""
    expected = "creating a role, running a program and connecting to database postgres are denied"
    problems = [_denial(value.get("create_role"), "creating a role"), _denial(value.get("program"), "running a program on the server")]
    knocks, rights = _other(context, "handshakes"), _other(context, "app_role")
    if knocks is None or rights is None:
        return unknown("it could not be found out whether the role reaches database postgres", value, expected)
    outcome = knocks["to_postgres"]["outcome"] if knocks["reachable"] else "filtered"
    observed = {**value, "connect_to_postgres": outcome}
    if outcome not in SHUT_OUT | {"no_tls"} and "postgres" in rights["may_connect_to"]:
        problems.append("connecting to database postgres is allowed")
    allowed = [problem for problem in problems if problem.endswith("is allowed")]
    if allowed:
        return failed(_list(allowed), observed, expected)
    left = [problem for problem in problems if problem]
    return unknown(_list(left), observed, expected) if left else passed(observed, expected)


def app_creates_nothing(value: Mapping[str, str], context: Context) -> Verdict:
    """CREATE TABLE as the application's role, tried and undone."""
    expected = "creating a table is denied"
    problem = _denial(value.get("create_table"), "creating a table in schema public")
    if not problem:
        return passed(value.get("create_table"), expected)
    verdict = failed if problem.endswith("is allowed") else unknown
    return verdict(problem, value.get("create_table"), expected)


def app_owns_nothing(value: Mapping[str, Any], context: Context) -> Verdict:
    """Whoever owns a table may alter and drop it, whatever was revoked."""
    problems = [f"it owns {value['owns']} objects"] if value["owns"] else []
    if value["creates_in"]:
        problems.append(f"it may create objects in {_list(value['creates_in'])}")
    if value["creates_schemas"]:
        problems.append("it may create schemas")
    expected = "it owns nothing and may create nothing"
    observed = {key: value[key] for key in ("owns", "creates_in", "creates_schemas")}
    return failed(_list(problems), observed, expected) if problems else passed(observed, expected)


def strangers_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    """A knock from where no application is."""
    knocks = {f"{one['from']} to {one['to']}{' with TLS' if one['tls'] else ''}": one["outcome"] for one in value["strangers"]}
    if not knocks:
        return unknown("this host has no address outside postgresql_allowed_addresses to knock from", None, "refused or filtered")
    return _all_shut_out(knocks, "refused or filtered from every other address", "the server goes on to authenticate a stranger")


def plain_refused(value: Mapping[str, Any], context: Context) -> Verdict:
    """An unencrypted knock from the application's own address is refused; an encrypted one is asked for its password."""
    plain, tls = value["plain"]["outcome"], value["tls"]["outcome"]
    observed = {"plain": plain, "tls": tls}
    expected = "refused without TLS"
    if plain == "error":
        return unknown(f"the server's answer was not understood: {value['plain']['message']}", observed, expected)
    if plain == "filtered":
        return unknown(f"the server cannot be reached: {value['plain']['message']}", observed, expected)
    if plain != "refused":
        return failed(f"the server goes on with {plain} where nothing is encrypted", observed, expected)
    return passed(observed, expected)


def encoding(value: Mapping[str, Any], context: Context) -> Verdict:
    """UTF-8, with a locale that knows more letters than ASCII's."""
    observed = {key: value[key] for key in ("encoding", "collate", "ctype")}
    expected = "UTF8 with a UTF-8 locale"
    if value["encoding"] != "UTF8":
        return failed(f"the encoding is {value['encoding']}", observed, expected)
    if value["provider"] in (None, "c"):
        for name in ("collate", "ctype"):
            if not value[name].lower().replace("-", "").endswith("utf8") and (name == "ctype" or value[name] not in ("C", "POSIX")):
                return failed(f"{name} {value[name]} is no UTF-8 locale; letters beyond ASCII would have no upper case", observed, expected)
    return passed(observed, expected)


def collation_versions(value: list[Mapping[str, Any]], context: Context) -> Verdict:
    """A library whose order of letters changed under an index corrupts it silently."""
    stale = [one for one in value if one["recorded"] != one["actual"]]
    if stale:
        found = _list(f"{one['name']}: recorded {one['recorded']}, now {one['actual']}" for one in stale)
        return failed(f"the system sorts by another version than the indexes were built with ({found})", value, "recorded = actual")
    return passed(value, "recorded = actual")


def emoji(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "the same single character"
    if value["problem"]:
        return failed(f"the database does not take a four-byte character: {value['problem']}", value, expected)
    if not value["same"] or value["characters"] != 1:
        return failed(f"a four-byte character counts as {value['characters']} characters", value, expected)
    return passed(value, expected)


def indexes_valid(value: Mapping[str, Any], context: Context) -> Verdict:
    """An index left behind by a failed CREATE INDEX CONCURRENTLY costs writes and serves no read."""
    if value["invalid"]:
        return failed(f"invalid: {_list(value['invalid'])}", value, "every index is valid")
    if not value["total"]:
        return failed("the database has no index at all; nothing was migrated into it", value, "every index is valid")
    return passed(f"{value['total']} indexes", "every index is valid")


def foreign_keys(value: Mapping[str, Any], context: Context) -> Verdict:
    if not value["total"]:
        return not_applicable("the database has no foreign key", value)
    if value["without_index"]:
        return failed(f"no index begins with {_list(value['without_index'])}", value, "an index for every foreign key")
    return passed(f"{value['total']} foreign keys", "an index for every foreign key")


def _reads_all(node: Mapping[str, Any]) -> bool:
    """Whether a node of a plan goes through a whole table, be it along an index."""
    if node["kind"].endswith("Seq Scan"):
        return True
    return node["kind"] in ("Index Scan", "Index Only Scan") and node["filter"] and not node["condition"] and not node["limited"]


def hot_queries(value: Mapping[str, Any], context: Context) -> Verdict:
    expected = "no declared query reads a whole table"
    for plan in value["plans"]:
        if plan["problem"]:
            return unknown(f"cannot be explained: {plan['query']} ({plan['problem']})", plan["query"], expected)
        tables = sorted({node["table"] for node in plan["nodes"] if _reads_all(node)})
        if tables:
            return failed(f"reads all of {_list(tables)}: {plan['query']}", plan["query"], expected)
    used = sorted({node["index"] for plan in value["plans"] for node in plan["nodes"] if node["index"]})
    return passed({"queries": value["count"], "indexes": used}, expected)


def _targets(value: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], Verdict | None]:
    """The search vectors; a declared search without any is a failure of every facet."""
    targets = value["targets"]
    missing = f"search in '{value['declared']}' is declared, and the database has no search vector and no index over one"
    return targets, None if targets else failed(missing, [], "a search vector with a GIN index")


def search_index(value: Mapping[str, Any], context: Context) -> Verdict:
    targets, verdict = _targets(value)
    expected = "a valid GIN index on each search vector"
    if verdict:
        return verdict
    for target in targets:
        if not any(index["valid"] for index in target["indexes"]):
            state = "its index is invalid" if target["indexes"] else "it has no GIN index"
            return failed(f"{target['name']}: {state}", target["indexes"], expected)
    return passed([index["name"] for target in targets for index in target["indexes"]], expected)


def search_language(value: Mapping[str, Any], context: Context) -> Verdict:
    """The vectors are made in the declared language; undeclared, at least in one that knows forms of words."""
    targets, verdict = _targets(value)
    declared = value["declared"]
    expected = declared or "a language, not 'simple'"
    if verdict:
        return verdict
    seen = {target["name"]: target["configurations"] for target in targets}
    unseen = [name for name, found in seen.items() if not found]
    if unseen:
        return unknown(f"{_list(unseen)}: filled by a trigger or by the project, so the database does not tell its configuration", seen, expected)
    for name, found in seen.items():
        if found != [declared] if declared else "simple" in found:
            return failed(f"{name} is made with {_list(found)}", seen, expected)
    return passed(seen, expected)


def search_stems(value: Mapping[str, Any], context: Context) -> Verdict:
    """Another form of a word finds the row that would hold it."""
    targets, verdict = _targets(value)
    expected = "another form of the word finds it"
    if verdict:
        return verdict
    for target in targets:
        if target["stems"] is None:
            why = target["problem"] or "it is filled by a trigger or by the project, and cannot be tried without writing"
            return unknown(f"{target['name']}: {why}", None, expected)
        if not target["stems"]:
            if not target["word_known"]:
                return unknown(f"{target['name']}: no pair of words is known for {_list(target['configurations'])}", None, expected)
            return failed(f"{target['name']} does not find another form of a word", target["configurations"], expected)
    return passed({target["name"]: target["stems"] for target in targets}, expected)


def search_plan(value: Mapping[str, Any], context: Context) -> Verdict:
    """The planner can answer a search from the GIN index."""
    targets, verdict = _targets(value)
    expected = "the plan of a search uses the GIN index"
    if verdict:
        return verdict
    for target in targets:
        if target["plan_problem"]:
            return unknown(f"{target['name']}: {target['plan_problem']}", None, expected)
        if not set(target["plan_indexes"]) & {index["name"] for index in target["indexes"]}:
            return failed(f"a search in {target['name']} reads the whole table", target["plan_indexes"], expected)
    return passed({target["name"]: target["plan_indexes"] for target in targets}, expected)


JUDGEMENTS = {
    function.__name__: function
    for function in (
        answers,
        running_is_installed,
        scram_verifiers,
        not_guessable,
        hba_rules,
        listeners,
        superuser_shut_out,
        tls_offered,
        sessions_encrypted,
        app_attributes,
        app_memberships,
        app_denied,
        app_creates_nothing,
        app_owns_nothing,
        strangers_refused,
        plain_refused,
        encoding,
        collation_versions,
        emoji,
        indexes_valid,
        foreign_keys,
        hot_queries,
        search_index,
        search_language,
        search_stems,
        search_plan,
    )
}
JUDGEMENTS.update(_UPKEEP)
