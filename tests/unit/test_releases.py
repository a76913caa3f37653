"""Releases: names follow from content, the record from what is seen, and nothing in use is ever removed."""

import json

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _releases as releases

A, B, C, D = (f"{letter}00000000000-00000000" for letter in "abcd")


def entry(name, **more):
    return {"id": name, **more}


def test_the_same_content_has_the_same_name_and_other_ingredients_another():
    one = releases.release_id("f" * 64, {"python": "3.11", "gunicorn": "1"})
    assert one == releases.release_id("f" * 64, {"gunicorn": "1", "python": "3.11"})
    assert one != releases.release_id("f" * 64, {"gunicorn": "1", "python": "3.13"})
    assert releases.is_release_id(one)
    assert not releases.is_release_id("my-backup")


def test_half_a_line_of_a_killed_run_is_passed_over():
    assert releases.parse_record('{"id": "a"}\n{"id": "b", "comm') == [{"id": "a"}]


def test_a_release_that_is_recorded_as_the_last_gets_no_second_line():
    assert releases.record_line([entry(A)], A, {}, 0) is None


def test_a_release_that_comes_back_is_recorded_again():
    line = releases.record_line([entry(A), entry(B)], A, {"by": "me", "migrations": {"x": "0001"}}, 0)
    assert json.loads(line) == {
        "id": A, "commit": None, "version": None, "deployed_at": "1970-01-01T00:00:00Z", "by": "me", "migrations": {"x": "0001"}, "previous": B,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "current", "in_use", "keep", "gone"),
    [
        ([A, B, C, D], D, [], 2, [A, B]),
        ([A, B, C, D], D, [], 9, []),
        ([A, B, C, D], D, [], 1, [A, B]),
        ([A, B, C, D], D, [A], 2, [B]),
        ([A, B, C, D, A], A, [], 2, [B, C]),
        ([D], D, [], 2, [A, B]),
        ([], D, [], 1, [A, B, C]),
    ],
    ids=["oldest go", "few stay", "previous stays", "in use stays", "rolled back", "never deployed go first", "first deployment"],
)
def test_what_is_pruned(entries, current, in_use, keep, gone):
    times = {A: 1, B: 2, C: 3, D: 4}
    assert releases.to_prune(times, [entry(name) for name in entries], current, in_use, keep) == gone


def test_a_layout_sees_only_its_own_releases(tmp_path):
    layout = releases.Layout("news", str(tmp_path))
    assert (layout.names(), layout.current_id(), layout.record_entries()) == ([], None, [])
    for name in (A, "notes", B):
        (tmp_path / "srv/news/releases" / name).mkdir(parents=True)
    (tmp_path / "srv/news/releases" / A / releases.MARKER).touch()
    (tmp_path / "srv/news/current").symlink_to(f"releases/{A}")
    assert (layout.names(), layout.current_id()) == ([A, B], A)
    assert (layout.is_complete(A), layout.is_complete(B)) == (True, False)


def test_two_deployments_do_not_run_at_once(tmp_path):
    layout = releases.Layout("news", str(tmp_path))
    (tmp_path / "var/lib/prodready/news").mkdir(parents=True)
    with layout.locked(), pytest.raises(releases.ReleaseError, match="another deployment of news"), layout.locked(patience=0, pause=0):
        pass
    with layout.locked(patience=0):
        pass


def test_another_overlay_of_the_same_release_is_recorded():
    recorded = [entry(A)]
    assert releases.record_line(recorded, A, {"overlay": ""}, 0) is None
    line = json.loads(releases.record_line(recorded, A, {"overlay": "0123456789ab"}, 0))
    assert line["overlay"] == "0123456789ab"
    assert releases.record_line([line], A, {"overlay": "0123456789ab"}, 0) is None
    assert json.loads(releases.record_line([line], A, {"overlay": ""}, 0)).get("overlay") is None
