"""Releases: names follow from content, the record from what is seen, and nothing in use is ever removed."""

import json
from pathlib import Path

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _releases as releases
from ansible_collections.prodready.django.plugins.modules import django_current

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


@pytest.mark.parametrize(
    ("recorded", "current", "kept", "there", "expected"),
    [
        ([], None, None, [D], None),
        ([A], A, None, [A, D], A),
        ([A, B], B, A, [A, B, D], B),
        ([A, B, D], D, B, [A, B, D], B),
        ([A, B, D], D, None, [A, B, D], B),
        ([A, B, D], D, None, [A, D], None),
        ([A], A, A, [A, D], A),
        ([A], D, A, [A, D], A),
        ([A, D], D, D, [A, D], A),
        ([], B, None, [D], None),
    ],
    ids=[
        "first deployment",
        "second",
        "what is replaced",
        "again",
        "a host from before there was the link",
        "gone from the disk",
        "killed before the switch",
        "killed before the record",
        "never the release itself",
        "a dangling current",
    ],
)
def test_the_release_before_is_the_one_that_pages_handed_out_come_from(recorded, current, kept, there, expected):
    assert releases.release_before([entry(name) for name in recorded], D, current, kept, there) == expected


class Host:
    """A tree of releases, and deployments on it."""

    def __init__(self, root):
        self.layout = releases.Layout("news", str(root))
        for place in (self.layout.releases, self.layout.state):
            Path(place).mkdir(parents=True)

    def build(self, name):
        folder = Path(self.layout.release(name))
        folder.mkdir()
        (folder / releases.MARKER).touch()

    def plan(self, name, keep=5):
        facts = {"commit": None, "version": None, "by": None, "migrations": {}, "overlay": ""}
        return django_current.plan(self.layout, {"release": name, "keep": keep, **facts})

    def deploy(self, name, keep=5):
        if name not in self.layout.names():
            self.build(name)
        steps = self.plan(name, keep)
        django_current.carry_out(self.layout, name, steps)
        return steps

    @property
    def links(self):
        return self.layout.current_id(), self.layout.kept_id()


@pytest.fixture
def deploying(tmp_path, monkeypatch):
    monkeypatch.setattr(releases.Layout, "in_use", lambda _self: set())
    return Host(tmp_path)


def test_each_deployment_keeps_the_one_before(deploying):
    seen = []
    for name in (A, B, C, B):
        deploying.deploy(name)
        seen.append(deploying.links)
    assert seen == [(A, None), (B, A), (C, B), (B, C)]


def test_the_same_deployment_again_does_nothing(deploying):
    for name in (A, B):
        deploying.deploy(name)
        steps = deploying.plan(name)
        assert (steps["switch"], steps["line"], steps["prune"], steps["kept"]) == (False, None, [], steps["before"])


def test_what_previous_points_to_is_never_pruned(deploying):
    for name in (A, B, C):
        deploying.deploy(name, keep=1)
    assert (deploying.links, deploying.layout.names()) == ((C, B), [B, C])
    # what the record has before is another one, as after a run that was killed before it wrote its line
    Path(deploying.layout.record).write_text(json.dumps(entry(A)) + "\n")
    deploying.deploy(C, keep=1)
    assert (deploying.links, deploying.layout.names()) == ((C, B), [B, C])


def test_a_run_killed_between_the_two_links_is_made_good(deploying):
    deploying.deploy(A)
    deploying.build(B)
    django_current.point(deploying.layout.previous, A)
    assert deploying.plan(B)["before"] == A
    assert deploying.plan(A)["before"] is None  # nor is it kept beside itself, where the deployment is given up
    deploying.deploy(B)
    assert deploying.links == (B, A)


def test_a_link_to_nothing_goes(deploying):
    deploying.deploy(A)
    django_current.point(deploying.layout.previous, B)
    steps = deploying.deploy(A)
    assert (steps["kept"], deploying.links) == (B, (A, None))


def test_check_mode_foresees_both_links_of_a_release_that_is_not_built(deploying):
    deploying.deploy(A)
    steps = deploying.plan(B)
    assert (steps["switch"], steps["kept"], steps["before"]) == (True, None, A)
    assert deploying.links == (A, None)
