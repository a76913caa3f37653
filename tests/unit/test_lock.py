# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock that is waited for, and kept by a child of who died."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _lock


def test_the_second_waits_for_the_first(tmp_path):
    path, order = str(tmp_path / "lock"), []

    def first():
        with _lock.held(path, "the first", pause=0.01):
            order.append("first begins")
            time.sleep(0.2)
            order.append("first ends")

    thread = threading.Thread(target=first)
    thread.start()
    while not order:
        time.sleep(0.01)
    with _lock.held(path, "the first", pause=0.01):
        order.append("second")
    thread.join()
    assert order == ["first begins", "first ends", "second"]


def test_who_waits_for_too_long_is_told_for_whom(tmp_path):
    path = str(tmp_path / "lock")
    said = rf"another change \(process {os.getpid()}\) has been running for 0 s; it holds .*lock\. Wait for it, or end its process, then run again"
    with _lock.held(path, "the first"), pytest.raises(_lock.Busy, match=said), _lock.held(path, "another change", patience=0):
        pass


def test_a_child_that_was_given_it_holds_it_on(tmp_path):
    path = str(tmp_path / "lock")
    with _lock.held(path, "the first") as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
    try:
        with pytest.raises(_lock.Busy), _lock.held(path, "the child", patience=0):
            pass
    finally:
        child.kill()
        child.wait()
    with _lock.held(path, "the child", patience=0):
        pass
