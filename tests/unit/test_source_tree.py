"""A source is its files: the same wherever they come from, and nothing that leads out of them."""

import io
import tarfile
import zipfile

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._source_tree import (
    ALWAYS_EXCLUDED,
    is_excluded,
    read_archive,
    read_tree,
)
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

FILES = {"manage.py": "print()", "site/settings.py": "DEBUG = False", "site/__pycache__/x.pyc": "x", ".env": "SECRET=1", ".venv/bin/python": "x"}


@pytest.fixture
def tree(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "project/manage.py").chmod(0o755)
    return tmp_path / "project"


def archive_of(source):
    target = io.BytesIO()
    source.write_archive(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("path", "patterns", "excluded"),
    [
        ("a/.git/config", ALWAYS_EXCLUDED, True),
        ("a/b.pyc", ALWAYS_EXCLUDED, True),
        (".hypothesis/examples/1", ALWAYS_EXCLUDED, True),
        (".env.production", ALWAYS_EXCLUDED, True),
        ("environment.py", ALWAYS_EXCLUDED, False),
        ("docs/index.md", ["docs"], True),
        ("docs/index.md", ["docs/"], True),
        ("site/docs.py", ["docs"], False),
        ("site/media/a.png", ["site/media"], True),
        ("other/media/a.png", ["site/media"], False),
    ],
)
def test_a_pattern_fits_a_name_or_a_path_from_the_top(path, patterns, excluded):
    assert is_excluded(path, patterns) is excluded


def test_caches_environments_and_secrets_stay_behind(tree):
    assert [entry.path for entry in read_tree(str(tree), ALWAYS_EXCLUDED).entries] == ["manage.py", "site/settings.py"]


def test_the_digest_changes_with_content_name_and_executable_bit_only(tree):
    def digest():
        return read_tree(str(tree), ALWAYS_EXCLUDED).digest()

    before = digest()
    (tree / "site/__pycache__/x.pyc").write_text("other")
    (tree / "manage.py").touch()
    assert digest() == before
    (tree / "manage.py").chmod(0o644)
    without_bit = digest()
    (tree / "site/settings.py").write_text("DEBUG = True")
    assert len({before, without_bit, digest()}) == 3


def test_tree_tar_and_zip_of_the_same_files_are_the_same_source(tree, tmp_path):
    source = read_tree(str(tree), ALWAYS_EXCLUDED)
    (tmp_path / "a.tar.gz").write_bytes(archive_of(source))
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tree, "project-1.0")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in tree.rglob("*"):
            archive.write(path, path.relative_to(tree.parent))
    digests = {read_archive(str(tmp_path / name), ALWAYS_EXCLUDED).digest() for name in ("a.tar.gz", "b.tar", "c.zip")}
    assert digests == {source.digest()}
    with tarfile.open(fileobj=io.BytesIO(archive_of(source))) as archive:
        assert archive.getnames() == ["manage.py", "site/settings.py"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_a_link_out_of_the_project_is_refused(tree, target):
    (tree / "site/link").symlink_to(target)
    with pytest.raises(ChecklistError, match="site/link"):
        read_tree(str(tree), ALWAYS_EXCLUDED)
    assert read_tree(str(tree), [*ALWAYS_EXCLUDED, "link"]).entries


def test_an_archive_that_climbs_out_is_refused(tmp_path):
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a/../../etc/cron.d/x"), io.BytesIO())
        archive.addfile(tarfile.TarInfo("b"), io.BytesIO())
    with pytest.raises(ChecklistError, match="leads out of the project"):
        read_archive(str(tmp_path / "evil.tar"), ())


@pytest.mark.parametrize(("read", "word"), [(read_tree, "no directory"), (read_archive, "no file")])
def test_what_is_not_there_is_a_sentence(read, word, tmp_path):
    with pytest.raises(ChecklistError, match=word):
        read(str(tmp_path / "nowhere"), ())


def test_a_package_is_another_release_with_another_version_index_or_file(tmp_path):
    from ansible_collections.prodready.django.plugins.plugin_utils import _app_source as app_source

    conf = tmp_path / "conf.py"
    conf.write_text("A = 1")

    def identity(**changes):
        options = {"type": "package", "name": "bugsink", "version": "2.6.1", "files": {"conf.py": str(conf)}, **changes}
        return app_source.package_id(options, app_source.open_source(options, git={}, work=tmp_path))

    first = identity()
    assert identity() == first
    assert len({first, identity(version="2.6.2"), identity(index_url="https://pypi.test/simple"), identity(files={})}) == 4
    conf.write_text("A = 2")
    assert identity() != first


def test_a_file_beside_a_package_has_to_be_there(tmp_path):
    from ansible_collections.prodready.django.plugins.plugin_utils._source_tree import read_files

    with pytest.raises(ChecklistError, match=r"is no file on this machine.*source\.files"):
        read_files({"conf.py": str(tmp_path / "nothing.py")}, "package x")
