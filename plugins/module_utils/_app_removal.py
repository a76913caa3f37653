# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be taken away, and what a file is without it: decided from texts, nothing touched here. PRIVATE to the collection."""

from __future__ import annotations

import re

#: Only below these is anything ever taken away whole, whatever somebody asks for; of an app's tree only what is built anew.
_OURS = re.compile(
    r"^(/etc/prodready/[^/]+|/srv/[^/]+/(current|previous|releases)|/var/lib/prodready/(acme|maintenance|tls-renewal)|/usr/local/lib/prodready"
    r"|/usr/local/share/ca-certificates/prodready-ca[.]crt|/etc/systemd/system/([^/]+[.]d/(50-)?prodready[.]conf|prodready-[^/]+)"
    r"|/etc/nginx/prodready|/etc/pgbouncer/prodready[^/]*|/etc/postgresql/[^/]+/[^/]+/(conf[.]d/50-prodready[.]conf([.]before)?|prodready[^/]*)"
    r"|/etc/sysctl[.]d/60-prodready-redis[.]conf)(/.*)?$"
)


def refused(paths):
    """The paths that may not be taken away: they are no place of this collection."""
    return [path for path in paths if not _OURS.match(path) or {"..", "."} & set(path.split("/"))]


def is_marked(text, marks):
    """Whether a file says that it is ours; where no mark is known, nothing is."""
    return any(mark in text for mark in marks)


def without_lines(text, patterns):
    """The text without the lines that one of the regular expressions matches from their start."""
    return "".join(line for line in text.splitlines(True) if not any(re.match(pattern, line) for pattern in patterns))


def restored(text, mark, saved, default):
    """What becomes of a file: None where it stays, because it is not ours or is what it should be already."""
    if mark not in text:
        return None
    wanted = default if saved is None else saved
    return None if wanted == text else wanted


def stop_order(files):
    """Units in the order in which they are stopped: sockets and timers before what they would start again; a template's instances by pattern."""
    return sorted((name.replace("@.", "@*.") for name in files), key=lambda name: (name.endswith(".service"), name))
