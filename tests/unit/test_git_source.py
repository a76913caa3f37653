"""A git ref is resolved or refused by name, and credentials are never seen."""

import shutil
import subprocess

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._git_source import Repository, complaint, hide_credentials, pick, refs
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
    Repository(url, tmp_path, {})
    assert hide_credentials(f"see {url}") == f"see {url}"


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
