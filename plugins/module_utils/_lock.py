# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One at a time, over runs: what a run that was killed left going is waited for. PRIVATE to the collection.

Hosts that renew certificates have a copy of this file beside the program of role certificate: it imports nothing of Ansible's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

#: Held by whoever changes passwords: apps share the pooler's file of users.
SECRETS = "/run/prodready-secrets.lock"


class Busy(Exception):
    """Somebody else has held the lock for too long; a sentence."""


@contextlib.contextmanager
def held(path, what, patience=600, pause=0.5):
    """The lock, waited for; yields its descriptor, which a child process may be given to hold it on. `what` and a process say who else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    who = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
                    sentence = "{0} (process {1}) has been running for {2} s; it holds {3}. Wait for it, or end its process, then run again"
                    raise Busy(sentence.format(what, who, patience, path)) from None
                time.sleep(pause)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, "{0}\n".format(os.getpid()).encode("ascii"), 0)
        yield descriptor
    finally:
        os.close(descriptor)
