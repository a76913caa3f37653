# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import grp
import os
import pwd
import stat

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _files

OWNER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def entry(path, content="one\n", mode="0644", **more):
    return _files.Entry.of({"path": str(path), "content": content, "owner": OWNER, "group": GROUP, "mode": mode, **more})


def mode_of(path):
    return f"{stat.S_IMODE(os.stat(path).st_mode):04o}"


def test_a_file_that_is_as_wanted_is_no_change(tmp_path):
    one = entry(tmp_path / "one")
    _files.put_in_place(_files.changes([one])[0])
    assert _files.changes([one]) == []


def test_only_what_differs_is_changed_in_the_order_given(tmp_path):
    first, second, third = (entry(tmp_path / name) for name in ("c", "b", "a"))
    for change in _files.changes([first, second, third]):
        _files.put_in_place(change)
    (tmp_path / "c").write_text("other\n")
    os.chmod(tmp_path / "a", 0o600)
    assert [os.path.basename(change.entry.path) for change in _files.changes([first, second, third])] == ["c", "a"]


@pytest.mark.parametrize(("content", "expected"), [("one", b"one\n"), ("one\n", b"one\n"), ("", b""), ("é", "é\n".encode())])
def test_the_last_line_has_an_end(tmp_path, content, expected):
    assert entry(tmp_path / "one", content).content == expected


def test_missing_folders_are_made_whatever_the_umask_says(tmp_path):
    before = os.umask(0o077)
    try:
        _files.put_in_place(_files.changes([entry(tmp_path / "deep" / "deeper" / "one", mode="0600")])[0])
    finally:
        os.umask(before)
    assert (mode_of(tmp_path / "deep"), mode_of(tmp_path / "deep" / "deeper"), mode_of(tmp_path / "deep" / "deeper" / "one")) == (
        "0755",
        "0755",
        "0600",
    )


def test_a_leftover_of_a_killed_run_is_no_obstacle_and_leaves_no_wider_mode(tmp_path):
    (tmp_path / "one.prodready-new").write_text("half of")
    os.chmod(tmp_path / "one.prodready-new", 0o666)
    _files.put_in_place(_files.changes([entry(tmp_path / "one", mode="0640")])[0])
    assert (tmp_path / "one").read_text() == "one\n"
    assert mode_of(tmp_path / "one") == "0640"
    assert os.listdir(tmp_path) == ["one"]


def test_half_of_a_file_does_not_stay_when_the_disk_is_full(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        _files.put_in_place(_files.changes([entry(tmp_path / "one")])[0])
    assert os.listdir(tmp_path) == []


def test_what_is_replaced_is_kept_where_that_is_asked(tmp_path):
    kept = tmp_path / "one.before"
    _files.put_in_place(_files.changes([entry(tmp_path / "one", previous=str(kept))])[0])
    assert not kept.exists()
    os.chmod(tmp_path / "one", 0o600)
    _files.put_in_place(_files.changes([entry(tmp_path / "one", previous=str(kept))])[0])
    assert not kept.exists()
    _files.put_in_place(_files.changes([entry(tmp_path / "one", "two\n", mode="0640", previous=str(kept))])[0])
    assert (kept.read_text(), mode_of(kept)) == ("one\n", "0640")
    assert (tmp_path / "one").read_text() == "two\n"


def test_a_new_file_is_never_wider_open_than_it_ends(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append((os.fstat(handle).st_mode & 0o777, os.fstat(handle).st_size)))
    _files.replace(str(tmp_path / "key"), b"secret\n", os.getuid(), os.getgid(), 0o600)
    assert seen == [(0o600, 7)]
    assert mode_of(tmp_path / "key") == "0600"


def test_a_link_or_a_folder_in_its_place_is_refused(tmp_path):
    (tmp_path / "target").write_text("theirs\n")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(ValueError, match="is there and is no file; move it away"):
            _files.changes([entry(tmp_path / name)])
    assert (tmp_path / "target").read_text() == "theirs\n"


def test_an_owner_that_does_not_exist_is_named_and_nothing_is_written(tmp_path):
    wanted = _files.Entry.of({"path": str(tmp_path / "one"), "content": "one", "owner": "nobody-at-all", "group": GROUP, "mode": "0644"})
    with pytest.raises(ValueError, match="nobody-at-all"):
        _files.put_in_place(_files.changes([wanted])[0])
    assert os.listdir(tmp_path) == []


def test_the_diff_shows_content_or_mode(tmp_path):
    one = entry(tmp_path / "one")
    assert _files.changes([one])[0].diff() == {"before": "", "after": "one\n", "before_header": "absent", "after_header": one.path}
    _files.put_in_place(_files.changes([one])[0])
    os.chmod(one.path, 0o600)
    shown = _files.changes([one])[0].diff()
    assert (shown["before"]["mode"], shown["after"]["mode"]) == ("0600", "0644")
