# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a web server's access log says of one request. PRIVATE to the collection."""

from __future__ import annotations

import glob
import json
import os
import re
import time

COMBINED = re.compile(r'(\S+) - \S+ \[[^]]+\] "[^"]*" (\d{3}) \d+ "[^"]*" "[^"]*"\s*$')


def line_about(token, patterns, patience=2.0):
    """The line about a tagged request in the files that `patterns` match, with how many of at most `patience` seconds it took to be written."""
    started = time.monotonic()
    paths = [path for pattern in patterns for path in glob.glob(pattern)]
    if not paths:
        return {"found": False, "problem": "no file matches {0}".format(", ".join(patterns))}
    while True:
        for path in paths:
            try:
                line = last_line_with(path, token)
            except PermissionError:
                return {"found": False, "problem": "needs root: {0} is not readable".format(path)}
            if line:
                return {"found": True, "file": path, "seconds": round(time.monotonic() - started, 3), "fields": fields(line)}
        if time.monotonic() - started > patience:
            return {"found": False, "problem": "no line about the request within {0} s".format(patience)}
        time.sleep(0.05)


def last_line_with(path, token, tail=262144):
    """Newest lines first; only the end of a large file is read."""
    with open(path, "rb") as handle:
        handle.seek(0, os.SEEK_END)
        handle.seek(max(0, handle.tell() - tail))
        for line in reversed(handle.read().split(b"\n")):
            if token.encode("ascii") in line:
                return line.decode("utf-8", "replace")
    return ""


def fields(line):
    """A JSON line's fields, without what may be personal or secret; of nginx's "combined" format the two that count; else None."""
    try:
        found = json.loads(line)
    except ValueError:
        combined = COMBINED.match(line)
        return {"remote_addr": combined.group(1), "status": int(combined.group(2))} if combined else None
    return {name: value for name, value in found.items() if name not in ("user_agent", "referer")}
