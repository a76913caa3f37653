"""A git ref is resolved or refused by name, and credentials are never seen."""

import shutil
import subprocess

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._git_source import (
    Repository,
    complaint,
    has_credentials,
    hide_credentials,
    in_the_clear,
    pick,
    refs,
)
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
LISTING = f"{ONE}\tHEAD\n{ONE}\trefs/heads/main\n{TWO}\trefs/tags/v1.0\n{THREE}\trefs/tags/v1.0^{{}}\n"


def test_an_annotated_tag_is_the_commit_it_stands_on():
    assert refs(LISTING)["refs/tags/v1.0"] == THREE


@pytest.mark.parametrize(("version", "commit"), [("HEAD", ONE), ("main", ONE), ("v1.0", THREE), ("refs/heads/main", ONE), ("4" * 40, "4" * 40)])
def test_names_and_commits_are_resolved(version, commit):
    assert pick(LISTING, version, "repo") == commit


@pytest.mark.parametrize(("version", "near"), [("v1.1", "it has v1.0"), ("zzz", "it has main, v1.0")])
def test_a_ref_that_does_not_exist_is_a_sentence_with_those_that_do(version, near):
    with pytest.raises(ChecklistError, match=f"the git ref '{version}' does not exist in repo.*{near}"):
        pick(LISTING, version, "repo")


def test_an_empty_repository_says_so():
    with pytest.raises(ChecklistError, match="no branches and tags"):
        pick("", "main", "repo")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter22@git.example.org/x.git", "https://***@git.example.org/x.git"),
        ("https://hunter22@git.example.org/x.git", "https://***@git.example.org/x.git"),
        ("HTTP://hunter22@git.example.org", "HTTP://***@git.example.org"),
        ("https://me:hunt@er22@git.example.org/x.git", "https://***@git.example.org/x.git"),
        ("https://hunter22:@[::1/x.git", "https://***@[::1/x.git"),
        ("ssh://git:hunter22@git.example.org/x.git", "ssh://***@git.example.org/x.git"),
    ],
)
def test_a_url_with_credentials_is_refused_without_showing_them(tmp_path, url, shown):
    with pytest.raises(ChecklistError) as caught:
        Repository(url, tmp_path, {})
    assert f"'{shown}'" in str(caught.value)
    assert "django_app_secrets.git.token" in str(caught.value)
    assert "er22" not in str(caught.value)
    assert hide_credentials(f"unable to access '{url}': 403") == f"unable to access '{shown}': 403"


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/x.git",
        "https://git.example.org:8443/@us/x.git",
        "ssh://git@git.example.org/x.git",
        "git@git.example.org:us/x.git",
        "file:///srv/a@b/x.git",
    ],
)
def test_a_url_without_a_secret_is_taken_and_shown_as_it_is(tmp_path, url):
    Repository(url, tmp_path, {"token": "hunter22"})
    assert hide_credentials(f"see {url}") == f"see {url}"


@pytest.mark.parametrize(
    "url", ["http://git.example.org/x.git", "HTTP://git.example.org/x", "http://localhost.example.org/", "http://localhost:80@git.test/x"]
)
def test_a_token_never_travels_in_the_clear(tmp_path, url):
    assert in_the_clear(url)
    if not has_credentials(url):
        Repository(url, tmp_path, {})
        with pytest.raises(ChecklistError, match=f"'{url}', to which git.token would travel unencrypted; expected https. Correct source.repository"):
            Repository(url, tmp_path, {"token": "hunter22"})


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/x", "http://127.0.0.1/x", "http://[::1]:80/x", "http://me:x@localhost", "https://git.test/x", "file:///x"]
)
def test_what_stays_on_the_machine_or_is_encrypted_is_not_in_the_clear(url):
    assert not in_the_clear(url)


@pytest.fixture
def repository(tmp_path):
    if not shutil.which("git"):
        pytest.skip("no git")
    place = tmp_path / "origin"
    place.mkdir()
    (place / "manage.py").write_text("print()")

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(["git", *identity, *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    git("tag", "-a", "v1", "-m", "v1")
    work = tmp_path / "work"
    work.mkdir()
    return Repository(f"file://{place}", work, {"token": "hunter22-token"}), git("rev-parse", "HEAD")


def test_the_files_of_a_tag_are_fetched(repository):
    source, commit = repository
    assert source.resolve("v1") == source.resolve("main") == commit
    fetched = source.fetch(commit, "v1", ())
    assert [(entry.path, entry.read()) for entry in fetched.entries] == [("manage.py", b"print()")]
    assert fetched.origin == f"{source._shown} at v1"


def test_what_a_commit_only_points_to_is_refused_unless_it_is_excluded(repository, tmp_path):
    source, place = repository[0], tmp_path / "origin"
    (place / "static").mkdir()
    (place / "static" / "logo.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(["git", *identity, *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()

    git("add", "-A")
    git("update-index", "--add", "--cacheinfo", f"160000,{ONE},vendor/lib")
    git("commit", "-q", "-m", "two")
    commit = git("rev-parse", "HEAD")
    with pytest.raises(
        ChecklistError, match="holds the submodule vendor/lib, static/logo.png, a pointer to an object of Git LFS, whose .*source.type tree"
    ):
        source.fetch(commit, "main", ())
    assert [entry.path for entry in source.fetch(commit, "main", ("vendor/lib", "*.png")).entries] == ["manage.py"]


def test_a_commit_that_is_not_there_is_a_sentence(repository):
    with pytest.raises(ChecklistError, match=f"the git ref '{ONE}' does not exist"):
        repository[0].fetch(ONE, ONE, ())


def test_a_repository_that_cannot_be_read_is_a_sentence(tmp_path):
    if not shutil.which("git"):
        pytest.skip("no git")
    with pytest.raises(ChecklistError, match="git cannot read file:///nowhere/at/all: fatal"):
        Repository("file:///nowhere/at/all", tmp_path, {}).resolve("main")


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (
            "git@git.test: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access",
            "git@git.test: Permission denied (publickey).",
        ),
        (
            "No ED25519 host key is known for git.test and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from",
            "Host key verification failed.",
        ),
        ("fatal: repository 'https://git.test/x/' not found\n", "fatal: repository 'https://git.test/x/' not found"),
        ("", "it said nothing"),
    ],
)
def test_the_line_that_says_why_is_found(stderr, said):
    assert complaint(stderr) == said
