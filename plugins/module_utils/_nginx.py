# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's own words turned into plain values: `-V`, the messages of `-t`, and the dump of `-T`. PRIVATE to the collection."""

from __future__ import annotations

import re

MARKER = "Managed by prodready.django"
_FILE = re.compile(r"^# configuration file (/.*):$", re.MULTILINE)
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([;{}])|((?:\$\{[^}]*\}|\\.|[^\s;{}"'\\])(?:\$\{[^}]*\}|\\.|[^\s;{}\\])*)""", re.DOTALL
)

#: Directives a judgement may want to see. Others may carry secrets, and none of them is needed.
_SHOWN = frozenset(
    [
        "http",
        "server",
        "location",
        "if",
        "limit_except",
        "upstream",
        "map",
        "listen",
        "server_name",
        "root",
        "alias",
        "index",
        "autoindex",
        "return",
        "rewrite",
        "set",
        "proxy_pass",
        "proxy_set_header",
        "proxy_hide_header",
        "fastcgi_pass",
        "uwsgi_pass",
        "add_header",
        "try_files",
        "internal",
        "include",
        "error_page",
        "worker_connections",
        "worker_rlimit_nofile",
        "worker_processes",
        "server_tokens",
        "access_log",
        "log_format",
        "user",
        "events",
        "http2",
        "ssl_certificate",
        "ssl_reject_handshake",
        "ssl_protocols",
        "client_max_body_size",
        "gzip",
        "gzip_types",
        "resolver",
        "default_type",
        "types_hash_max_size",
        "valid_referers",
        "ssl_stapling",
        "proxy_redirect",
    ]
)
#: Blocks whose inside says nothing, but takes room.
_OPAQUE = frozenset(("types", "geo", "charset_map"))


class NginxSyntaxError(ValueError):
    """The text is not an nginx configuration."""


def parse_version(text):
    """`nginx -V` (which writes to standard error): version, OpenSSL and the HTTP/3 module."""
    version = re.search(r"nginx version: \S*?/(\d+(?:\.\d+)+)", text)
    if not version:
        raise NginxSyntaxError("nginx -V printed no version")
    openssl = re.search(r"running with OpenSSL (\d[\w.]*)", text) or re.search(r"built with OpenSSL (\d[\w.]*)", text)
    return {
        "nginx": version.group(1),
        "openssl": openssl.group(1) if openssl else "",
        "http3": "--with-http_v3_module" in text,
    }


def test_messages(text):
    """What `nginx -t` says beside the two sentences of success."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    good = ("syntax is ok", "test is successful")
    return [line for line in lines if not line.endswith(good)]


def split_files(dump):
    """`nginx -T`: {path: text}, in the order nginx read them."""
    marks = list(_FILE.finditer(dump))
    ends = [mark.start() for mark in marks[1:]] + [len(dump)]
    return {mark.group(1): dump[mark.end() : end].strip("\n") for mark, end in zip(marks, ends)}


def _tokens(text):
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise NginxSyntaxError("unexpected {0!r}".format(text[at : at + 20]))
        at = match.end()
        double, single, mark, word = match.groups()
        if mark:
            yield mark, True
        elif word is not None:
            yield word, False
        elif double is not None or single is not None:
            yield (double if double is not None else single), False


def parse(text):
    """A configuration as nested lists: `[name, [arguments], [children] or None]`."""
    root: list = []
    stack, words = [root], []
    for token, is_mark in _tokens(text):
        if not is_mark:
            words.append(token)
        elif token == ";":
            if words:
                stack[-1].append([words[0], words[1:], None])
            words = []
        elif token == "{":
            if not words:
                raise NginxSyntaxError("a block without a name")
            block = [words[0], words[1:], []]
            stack[-1].append(block)
            stack.append(block[2])
            words = []
        else:
            if len(stack) == 1:
                raise NginxSyntaxError("a closing brace too many")
            stack.pop()
            words = []
    if len(stack) != 1:
        raise NginxSyntaxError("a block is not closed")
    return root


def walk(tree, parents=()):
    """Every directive with the blocks around it."""
    for directive in tree:
        yield directive, parents
        if directive[2]:
            yield from walk(directive[2], parents + (directive,))


def arguments(tree, name):
    """The arguments of every directive of that name, anywhere below."""
    return [directive[1] for directive, _parents in walk(tree) if directive[0] == name]


def _path_matches(pattern, path):
    parts = [".*" if piece == "*" else re.escape(piece) for piece in re.split(r"(\*)", pattern)]
    return re.fullmatch("".join(parts).replace(".*", "[^/]*"), path) is not None


def merged(files, main):
    """The configuration as nginx sees it: every `include` replaced by what it brought in."""
    prefix = main.rsplit("/", 1)[0]
    trees = {path: parse(text) for path, text in files.items()}

    def put_in(tree, seen):
        result = []
        for name, args, children in tree:
            if name == "include" and args:
                pattern = args[0] if args[0].startswith("/") else "{0}/{1}".format(prefix, args[0])
                for path in trees:
                    if path not in seen and _path_matches(pattern, path):
                        result += put_in(trees[path], seen + (path,))
            else:
                result.append([name, args, put_in(children, seen) if children is not None else None])
        return result

    return put_in(trees.get(main, []), (main,))


def _shown_arguments(name, args):
    """Values of request headers may be credentials; only variables and the empty text are shown."""
    if name != "proxy_set_header" or len(args) < 2 or not args[1] or "$" in args[1]:
        return args
    known = args[0].lower().startswith(("x-forwarded-", "x-real-ip")) or args[0].lower() in ("host", "connection", "upgrade")
    return args if known else [args[0], "(hidden)"]


def outline(tree):
    """What judgements look at, and nothing that might be a secret."""
    return [
        [name, _shown_arguments(name, args), outline(children) if children is not None else None]
        for name, args, children in tree
        if name in _SHOWN and name not in _OPAQUE
    ]


def certificate_files(tree):
    """Certificates and keys that the processes hold in memory; names with variables are read per connection."""
    names = ("ssl_certificate", "ssl_certificate_key", "ssl_trusted_certificate", "ssl_dhparam")
    return sorted({args[0] for name in names for args in arguments(tree, name) if args and "$" not in args[0] and ":" not in args[0]})


def _is_default_site(server):
    roots = [args for name, args, _c in server if name == "root"]
    names = [args for name, args, _c in server if name == "server_name"]
    return ["/var/www/html"] in roots and (not names or names == [["_"]] or names == [["localhost"]])


def facts(tree):
    """Single numbers and yes/no's."""

    def number(name):
        found = arguments(tree, name)
        return int(found[-1][0]) if found and found[-1][0].isdigit() else None

    servers = [children for (name, _args, children), parents in walk(tree) if name == "server" and children and parents and parents[-1][0] == "http"]
    return {
        "worker_connections": number("worker_connections") or 512,
        "worker_rlimit_nofile": number("worker_rlimit_nofile"),
        "servers": len(servers),
        "default_site": any(_is_default_site(server) for server in servers),
        "server_names": sorted({name for args in arguments(tree, "server_name") for name in args}),
    }


def origin(text, digest, package_digests, path):
    """Whose a file is: ours, the package's as delivered, the package's but edited, or somebody else's."""
    if MARKER in text[:400]:
        return "managed"
    if path in package_digests:
        return "package" if package_digests[path] == digest else "package_edited"
    return "other"


def has_servers(text):
    """Whether a file defines a site of its own; a file that cannot be read as configuration might."""
    try:
        return any(directive[0] == "server" and directive[2] is not None for directive, _parents in walk(parse(text)))
    except NginxSyntaxError:
        return True


def default_listens(text):
    """The sockets on which a file's servers answer unknown names, as a listen line would name them: 80, [::]:443, 192.0.2.7:80."""
    try:
        blocks = [directive for directive, _parents in walk(parse(text)) if directive[0] == "server" and directive[2]]
    except NginxSyntaxError:
        return []
    found = set()
    for _name, _args, children in blocks:
        for name, args, _c in children:
            if name == "listen" and args and {"default_server", "default"} & set(args[1:]) and not args[0].startswith("unix:"):
                host, _colon, port = args[0].rpartition(":") if re.search(r":\d+$", args[0]) else ("", "", args[0])
                if not port.isdigit():
                    host, port = port, "80"
                found.add(port if host in ("", "*", "0.0.0.0") else "{0}:{1}".format(host, port))
    return sorted(found)
