# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a management command said, in a sentence; and static files beside which stand compressed ones. PRIVATE to the collection."""

from __future__ import annotations

import gzip
import os
import re

from ansible_collections.prodready.django.plugins.module_utils._masking import last_line

#: What shrinks; pictures, fonts and archives are compressed already.
COMPRESSIBLE = (".css", ".js", ".mjs", ".json", ".svg", ".html", ".txt", ".xml", ".map", ".ico", ".ttf", ".otf", ".eot", ".wasm")
SMALLEST = 1024

_APPLYING = re.compile(r"^\s*Applying (\S+?)\.\.\.\s*(.*)$")


def parse_migrate(output):
    """What `migrate` applied, and the migration at which it ended; None where it did not come to one."""
    applied, last = [], None
    for line in output.splitlines():
        match = _APPLYING.match(line)
        if match and match.group(2).endswith(("OK", "FAKED")):
            applied.append(match.group(1))
            last = None
        elif match:
            last = match.group(1)
        elif last and line.strip() in ("OK", "FAKED"):
            applied.append(last)
            last = None
    return {"applied": applied, "failed": last}


def database_said(err):
    """The database's own message out of a traceback: the last exception, with the lines of detail below it."""
    lines = err.splitlines()
    starts = [number for number, line in enumerate(lines) if re.match(r"^[A-Za-z_][\w.]*(Error|Exception|Violation|Warning|Exit)\b", line)]
    if not starts:
        return last_line(err)
    return " ".join(" ".join(lines[starts[-1] :]).split())[:600]


def failure(words, rc, out, err, directory):
    """The sentence for a command that failed."""
    if words[:1] == ["migrate"]:
        state = parse_migrate(out)
        if state["failed"]:
            before = "{0} migration(s) before it stay applied ({1})".format(len(state["applied"]), ", ".join(state["applied"][-5:]))
            return (
                "The migration {0} failed: {1}. It was rolled back, unless it says atomic = False; {2}. Expected: it is applied. The current "
                "release is untouched and serves on. Correct the migration or the data it meets, then run again"
            ).format(state["failed"], database_said(err).rstrip("."), before if state["applied"] else "none was applied before it")
    return "`{0}` ended with {1}: {2}. Expected: it succeeds in {3}; the current release is untouched. Correct the project, then run again".format(
        " ".join(words), rc, last_line(err or out), directory
    )


def compress_tree(top):
    """Write NAME.gz beside each file that is worth it, the same bytes for the same file. Returns how many."""
    count = 0
    for directory, _names, files in os.walk(top):
        for name in files:
            path = os.path.join(directory, name)
            if not name.lower().endswith(COMPRESSIBLE) or os.path.islink(path) or os.path.exists(path + ".gz"):
                continue
            with open(path, "rb") as source:
                content = source.read()
            if len(content) <= SMALLEST:
                continue
            packed = gzip.compress(content, compresslevel=9, mtime=0)
            if len(packed) >= 0.95 * len(content):
                continue
            with open(path + ".gz", "wb") as target:
                target.write(packed)
            found = os.stat(path)
            os.utime(path + ".gz", ns=(found.st_atime_ns, found.st_mtime_ns))
            count += 1
    return count
