# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Readers of what PostgreSQL and the kernel answer: text to plain values, no I/O. PRIVATE to the collection."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re

from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

#: Configuration → (another form of a word, the word): one stems to the other, and plain comparison tells them apart.
STEMS = {
    "danish": ("husene", "hus"),
    "dutch": ("boeken", "boek"),
    "english": ("houses", "house"),
    "finnish": ("talossa", "talo"),
    "french": ("maisons", "maison"),
    "german": ("häusern", "haus"),
    "hungarian": ("házak", "ház"),
    "italian": ("libri", "libro"),
    "norwegian": ("husene", "hus"),
    "portuguese": ("casas", "casa"),
    "romanian": ("casele", "case"),
    "russian": ("книги", "книга"),
    "spanish": ("casas", "casa"),
    "swedish": ("bilarna", "bil"),
    "turkish": ("evler", "ev"),
}

#: Passwords that every guesser tries first; names of roles and databases are added.
_COMMON = """
postgres postgresql password passw0rd Passw0rd Password password1 Password1 password123 Password123 pass secret s3cret
changeme change-me ChangeMe changeme123 admin admin1 admin123 administrator root toor user username test test123 testing
demo guest default example qwerty qwerty123 qwertyuiop 1q2w3e4r 1qaz2wsx zaq12wsx asdfgh asdf1234 123456 1234567
12345678 123456789 1234567890 12345 1234 123123 111111 000000 654321 666666 987654321 abc123 abcd1234 a1b2c3 letmein
welcome Welcome1 welcome1 welcome123 iloveyou monkey dragon sunshine princess football baseball master superman batman
trustno1 shadow login hello hello123 freedom whatever starwars database db db_password dbpassword dbpass dbuser django
django123 django_password webapp app appuser app_password mysite myproject mydatabase mydb mypassword production prod
staging dev development local localhost docker vagrant server linux debian ubuntu oracle mysql pgsql pg supersecret
topsecret insecure temp temp123 p@ssw0rd P@ssw0rd P@ssword P@ssword1 q1w2e3r4 aa123456 password! Password1! Passw0rd!
Admin123 Admin123! root123 postgres123 Postgres123 postgres1 pgadmin
"""
COMMON_PASSWORDS = tuple(_COMMON.split())

_SECTION = re.compile(r"^@@(?!end )(\S+)$")
_END = re.compile(r"^@@end (true|false) (\S*) ?(.*)$")
_CONFIGURATION = re.compile(r"to_tsvector\('([\w.]+)'::regconfig")
_VERSION = re.compile(r"\(PostgreSQL\) (.+)$")
_SCRAM = re.compile(r"^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$")


def section(name, statement, *, before="", after=""):
    """A part of a psql script: a marker, one statement, and what became of it."""
    return "\\echo @@{0}\n{1}\n{2};\n\\echo @@end :ERROR :SQLSTATE :LAST_ERROR_MESSAGE\n{3}\n".format(name, before, statement, after)


def as_role(role):
    """What goes before and after a statement that is tried as `role` and undone in any case, and not counted among the role's own."""
    before = ["BEGIN READ WRITE;", "SET LOCAL log_min_messages = panic;", "SET LOCAL pg_stat_statements.track = 'none';"]
    if role:
        before.append("SET LOCAL ROLE {0};".format(quote_identifier(role)))
    return {"before": "\n".join(before), "after": "ROLLBACK;"}


def parse_sections(text):
    """Output of a script made of sections as `{name: {"text", "sqlstate", "message"}}`; `sqlstate` is empty when it worked."""
    sections = {}
    name = None
    lines: list[str] = []
    for line in text.splitlines():
        started, ended = _SECTION.match(line), _END.match(line)
        if started:
            name, lines = started.group(1), []
        elif ended and name:
            broke = ended.group(1) == "true"
            sections[name] = {
                "text": "\n".join(lines),
                "sqlstate": ended.group(2) if broke else "",
                "message": ended.group(3) if broke else "",
            }
            name = None
        elif name:
            lines.append(line)
    return sections


def answer(sections, name):
    """The text of a section, or a sentence saying why there is none."""
    if name not in sections:
        raise ObservationError("the server gave no answer to '{0}'".format(name))
    entry = sections[name]
    if entry["sqlstate"]:
        raise ObservationError("{0}: {1} ({2})".format(name, entry["message"], entry["sqlstate"]))
    return entry["text"]


def rows(sections, name):
    """The rows of a section that prints one JSON value per line."""
    return [json.loads(line) for line in answer(sections, name).splitlines() if line]


def row(sections, name):
    """The one row of a section; none is a sentence."""
    found = rows(sections, name)
    if not found:
        raise ObservationError("the server knows nothing of '{0}'".format(name))
    return found[0]


def first_complaint(text):
    """The line of psql's complaints that says what is wrong, without what stands before it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = next((line for line in lines if re.search(r"error:|ERROR:|FATAL:", line)), lines[0] if lines else "")
    return re.sub(r"^psql:(<stdin>:\d+:)?\s*(error:)?\s*", "", found)


def quote_literal(text):
    """A text as SQL literal. psql reads backslashes outside of quotes only; standard_conforming_strings keeps them plain inside."""
    return "'" + str(text).replace("'", "''") + "'"


def quote_identifier(text):
    """A name as SQL identifier."""
    return '"' + str(text).replace('"', '""') + '"'


def parse_version(text):
    """`postgres --version` as the server itself writes server_version."""
    found = _VERSION.search(text.strip())
    if not found:
        raise ObservationError("not a version of PostgreSQL: {0!r}".format(text.strip()[:80]))
    return found.group(1)


def _address_of(word):
    raw = binascii.unhexlify(word)
    groups = [raw[at : at + 4][::-1] for at in range(0, len(raw), 4)]
    return str(ipaddress.ip_address(b"".join(groups)))


def parse_listeners(text, port):
    """The addresses on which a port is listened to, from /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == "0A":
            address, _colon, number = words[1].partition(":")
            if int(number, 16) == int(port):
                found.append(_address_of(address))
    return sorted(set(found))


def is_within(address, networks):
    """Whether an address lies in one of some networks."""
    one = ipaddress.ip_address(address)
    return any(one in ipaddress.ip_network(network, strict=False) for network in networks)


def resolve_addresses(addresses):
    """`localhost` and networks as networks, so that they can be compared."""
    found = []
    for address in addresses:
        found += ["127.0.0.1/32", "::1/128"] if address in ("localhost", "samehost") else [str(address)]
    return found


# --- Passwords: what a verifier says without the password ---------------------------------------------------------------------------


def scram_keys(password, salt, iterations):
    """StoredKey and ServerKey of RFC 5802 for an ASCII password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    return hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", hashlib.sha256).digest()


def scram_verifier(password, salt, iterations=4096):
    """What PostgreSQL stores for a password: made here, so that the server's log never meets the password."""
    stored, server = (base64.b64encode(key).decode() for key in scram_keys(password, salt, iterations))
    return "SCRAM-SHA-256${0}:{1}${2}:{3}".format(iterations, base64.b64encode(salt).decode(), stored, server)


def verifier_kind(verifier):
    """How a password is stored: none, scram-sha-256, md5 or unknown."""
    if not verifier:
        return "none"
    if _SCRAM.match(verifier):
        return "scram-sha-256"
    return "md5" if re.match(r"^md5[0-9a-f]{32}$", verifier) else "unknown"


def password_fits(verifier, role, password):
    """Whether a stored verifier belongs to a password."""
    found = _SCRAM.match(verifier or "")
    if found:
        iterations, salt, stored = int(found.group(1)), base64.b64decode(found.group(2)), base64.b64decode(found.group(3))
        return hmac.compare_digest(scram_keys(password, salt, iterations)[0], stored)
    if verifier_kind(verifier) == "md5":
        return verifier == "md5" + hashlib.md5((password + role).encode()).hexdigest()  # PostgreSQL's own legacy format
    return False


def guess(verifier, role, names):
    """Which kind of guess fits a verifier: a name, a common password, or nothing. The password itself is not told."""
    own = {role, role.upper(), role.capitalize(), role[::-1]} | {role + tail for tail in ("1", "123", "1234", "!", "_password")}
    for kind, words in (("the role's own name", own), ("a name in this cluster", names), ("a common password", COMMON_PASSWORDS)):
        if any(password_fits(verifier, role, word) for word in words):
            return kind
    return ""


# --- Roles, rules, plans -------------------------------------------------------------------------------------------------------------


def describe_role(entry, names):
    """A role of pg_authid without its verifier."""
    verifier = entry.get("rolpassword") or ""
    return {
        "login": entry["rolcanlogin"],
        "attributes": sorted(
            word
            for word, key in (
                ("superuser", "rolsuper"),
                ("createdb", "rolcreatedb"),
                ("createrole", "rolcreaterole"),
                ("replication", "rolreplication"),
                ("bypassrls", "rolbypassrls"),
            )
            if entry.get(key)
        ),
        "connection_limit": entry["rolconnlimit"],
        "member_of": sorted(entry.get("member_of") or []),
        "password": verifier_kind(verifier),
        "guessed": guess(verifier, entry["rolname"], names) if verifier else "",
    }


def describe_rule(entry):
    """A rule of pg_hba_file_rules with its address as a network."""
    address, mask = entry.get("address"), entry.get("netmask")
    if address and mask:
        try:
            address = str(ipaddress.ip_network("{0}/{1}".format(address, _prefix(mask)), strict=False))
        except ValueError:
            address = "{0}/{1}".format(address, mask)
    return {
        "line": entry.get("line_number"),
        "type": entry.get("type"),
        "databases": entry.get("database"),
        "users": entry.get("user_name"),
        "address": address,
        "method": entry.get("auth_method"),
        "error": entry.get("error"),
    }


def _prefix(mask):
    return bin(int(ipaddress.ip_address(mask))).count("1")


def parse_plan(text):
    """EXPLAIN (FORMAT JSON) as its nodes: what reads which table by which index, and whether a limit stands above."""
    nodes = []

    def walk(node, limited):
        kind = node.get("Node Type", "")
        nodes.append(
            {
                "kind": kind,
                "table": node.get("Relation Name", ""),
                "index": node.get("Index Name", ""),
                "condition": bool(node.get("Index Cond")),
                "filter": bool(node.get("Filter")),
                "limited": limited,
            }
        )
        for child in node.get("Plans") or []:
            walk(child, limited or kind == "Limit")

    for plan in json.loads(text):
        walk(plan["Plan"], False)
    return nodes


def configurations(expression):
    """The text search configurations that an expression names, without their schema."""
    return sorted({name.split(".")[-1] for name in _CONFIGURATION.findall(expression or "")})


def is_plain_query(text):
    """Whether a declared query is one SELECT that psql takes as it is."""
    return bool(re.match(r"(?is)^\s*(select|with)\b", text)) and not re.search(r"[;\\]", text.strip().rstrip(";"))
