# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Known mistakes in an nginx configuration, found in its outline. PRIVATE to the collection.

The classes and their severities are gixy's (medium and high). Each rule is narrow on purpose: it names what is
wrong for certain and leaves look-alikes alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

Directive = Sequence[Any]  # [name, [arguments], [children] or None]

#: Response headers that protect; losing one of them in a block is medium, losing another is not reported.
PROTECTING = frozenset(
    (
        "strict-transport-security",
        "x-frame-options",
        "x-content-type-options",
        "content-security-policy",
        "referrer-policy",
        "cross-origin-opener-policy",
        "permissions-policy",
    )
)
_SPLITTING = re.compile(r"\$(\{?)(uri|document_uri)\b")
_FROM_CLIENT = re.compile(r"\$\{?(arg_\w+|args|query_string|http_\w+|cookie_\w+|uri|document_uri|request_uri|host|[1-9])\b")


def _walk(tree: Sequence[Directive], parents: tuple[Directive, ...] = ()) -> Iterator[tuple[Directive, tuple[Directive, ...]]]:
    for directive in tree:
        yield directive, parents
        if directive[2]:
            yield from _walk(directive[2], parents + (directive,))


def _children(block: Directive, name: str) -> list[Directive]:
    return [child for child in block[2] or [] if child[0] == name]


def _where(directive: Directive, parents: Sequence[Directive]) -> str:
    """The server and location a directive stands in, as a reader would look for them."""
    server = next((block for block in parents if block[0] == "server"), None)
    names = [name for child in _children(server, "server_name") for name in child[1]] if server else []
    blocks = [block for block in list(parents) + [directive] if block[0] in ("location", "if", "upstream")]
    words = ["server " + (names[0] if names else "(without a name)")] if server else []
    return ", ".join(words + [" ".join([block[0]] + list(block[1])) for block in blocks]) or "http"


def _alias_traversal(directive: Directive, _parents: Sequence[Directive]) -> str:
    if directive[0] != "location" or len(directive[1]) not in (1, 2) or directive[1][0] in ("=", "~", "~*"):
        return ""
    prefix = directive[1][-1]
    aliases = _children(directive, "alias")
    if prefix.startswith("@") or prefix.endswith("/") or not aliases:
        return ""
    return f"'{prefix}' does not end with a slash, so {prefix}../ leads out of {aliases[0][1][0]}"


def _host_spoofing(directive: Directive, _parents: Sequence[Directive]) -> str:
    name, args = directive[0], directive[1]
    if name == "proxy_set_header" and len(args) == 2 and args[0].lower() == "host" and re.search(r"\$\{?(http_host|arg_)", args[1]):
        return f"Host is passed on as {args[1]}, which the client chooses; $host is the name the server was chosen by"
    return ""


def _header_redefinition(directive: Directive, parents: Sequence[Directive]) -> str:
    own = {child[1][0].lower() for child in _children(directive, "add_header")} if directive[2] else set()
    if not own or directive[0] not in ("server", "location", "if"):
        return ""
    for parent in reversed(parents):
        inherited = {child[1][0].lower() for child in _children(parent, "add_header")}
        if inherited:
            lost = sorted((inherited - own) & PROTECTING)
            return f"its own add_header drops {', '.join(lost)} of the block around it" if lost else ""
    return ""


def _http_splitting(directive: Directive, _parents: Sequence[Directive]) -> str:
    name, args = directive[0], directive[1]
    if name in ("return", "rewrite", "add_header", "proxy_set_header", "proxy_pass"):
        for arg in args[1:] if name != "proxy_pass" else args:
            found = _SPLITTING.search(arg)
            if found:
                return f"{name} uses ${found.group(2)}, in which a client can put a line break; $request_uri cannot hold one"
    return ""


def _ssrf(directive: Directive, parents: Sequence[Directive]) -> str:
    if directive[0] != "proxy_pass" or not directive[1]:
        return ""
    host = re.match(r"https?://([^/]*)", directive[1][0])
    if not host or not _FROM_CLIENT.search(host.group(1)):
        return ""
    if any(_children(block, "internal") for block in parents):
        return ""
    return f"proxy_pass goes to {host.group(1)}, which the client chooses"


def _valid_referers(directive: Directive, _parents: Sequence[Directive]) -> str:
    if directive[0] == "valid_referers" and "none" in directive[1]:
        return "valid_referers accepts requests without a Referer, which every attacker can send"
    return ""


def _if_is_evil(directive: Directive, parents: Sequence[Directive]) -> str:
    if directive[0] != "if" or not any(block[0] == "location" for block in parents):
        return ""
    bad = sorted({child[0] for child in directive[2] or []} - {"return", "rewrite", "set"})
    return f"'if' inside a location holds {', '.join(bad)}, which does not do what it says" if bad else ""


RULES = (
    ("alias_traversal", "high", _alias_traversal),
    ("http_splitting", "high", _http_splitting),
    ("ssrf", "high", _ssrf),
    ("valid_referers", "high", _valid_referers),
    ("host_spoofing", "medium", _host_spoofing),
    ("add_header_redefinition", "medium", _header_redefinition),
    ("if_is_evil", "medium", _if_is_evil),
)


def findings(tree: Sequence[Directive]) -> list[str]:
    """Every finding as one line: class, severity, place, what is wrong."""
    found = []
    for directive, parents in _walk(tree):
        for name, severity, rule in RULES:
            problem = rule(directive, parents)
            if problem:
                found.append(f"{name} ({severity}) in {_where(directive, parents)}: {problem}")
    return found
