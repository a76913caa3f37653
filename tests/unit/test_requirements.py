"""What is installed from is found in a known order, and contradictions are named."""

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils import _requirements as requirements
from ansible_collections.prodready.django.plugins.plugin_utils._source_tree import Entry, Source
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

HASHED = "# via x\ndjango==5.2.8 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\npsycopg[binary]==3.3.9 --hash=sha256:cc  # driver\n"
NAKED = "django==5.2.8\n-r other.txt\ngunicorn>=20\n"
PYPROJECT = '[project]\nname = "x"\ndependencies = ["Django>=5", "gunicorn==23.0.0", "Psycopg2.Binary == 2.9.9"]\n'
PACKAGE = PYPROJECT + '[build-system]\nrequires = ["hatchling"]\n'
LOCK = 'version = 1\n[[package]]\nname = "gunicorn"\nversion = "23.0.0"\n[[package]]\nname = "x"\n'


def source(**files):
    names = {
        "requirements": "requirements.txt",
        "pyproject": "pyproject.toml",
        "lock": "uv.lock",
        "app_lock": "app/uv.lock",
        "app_pyproject": "app/pyproject.toml",
    }
    return Source([Entry(names[name], False, "", lambda text=text: text.encode()) for name, text in files.items()], "the project")


def detect(found, option="auto", project_path=".", require_hashes=True):
    return requirements.detect(found, option=option, project_path=project_path, require_hashes=require_hashes)


@pytest.mark.parametrize(
    ("files", "kind", "path"),
    [
        ({"requirements": HASHED, "pyproject": PYPROJECT, "lock": LOCK}, "requirements", "requirements.txt"),
        ({"requirements": NAKED, "pyproject": PYPROJECT, "lock": LOCK}, "lock", "uv.lock"),
        ({"pyproject": PYPROJECT, "lock": LOCK}, "lock", "uv.lock"),
        ({"pyproject": PYPROJECT}, "pyproject", "pyproject.toml"),
    ],
)
def test_the_order_of_detection(files, kind, path):
    plan = detect(source(**files))
    assert (plan.kind, plan.path) == (kind, path)


def test_the_projects_own_directory_comes_before_the_top():
    found = source(requirements=HASHED, app_lock=LOCK, app_pyproject=PACKAGE)
    assert detect(found, project_path="app") == requirements.Plan("lock", "app/uv.lock", True)


@pytest.mark.parametrize(
    ("files", "option", "sentence"),
    [
        ({"requirements": NAKED}, "auto", r"requirements\.txt has no hash for django==5\.2\.8, gunicorn>=20"),
        ({"requirements": HASHED}, "deploy.txt", r"deploy\.txt does not exist in the project"),
        ({"lock": LOCK}, "uv.lock", "without a pyproject.toml beside it"),
        ({}, "auto", "says nowhere what to install"),
        ({"pyproject": "not toml ["}, "auto", "no valid TOML"),
    ],
)
def test_what_cannot_be_installed_from_is_a_sentence(files, option, sentence):
    with pytest.raises(ChecklistError, match=sentence):
        detect(source(**files), option)


def test_hashes_can_be_waived():
    assert detect(source(requirements=NAKED), require_hashes=False).kind == "requirements"


@pytest.mark.parametrize(
    ("files", "pinned"),
    [
        ({"requirements": HASHED}, {"django": "5.2.8", "psycopg": "3.3.9"}),
        ({"pyproject": PYPROJECT}, {"gunicorn": "23.0.0", "psycopg2-binary": "2.9.9"}),
        ({"pyproject": PYPROJECT, "lock": LOCK}, {"gunicorn": "23.0.0"}),
    ],
)
def test_pins_are_read_from_each_kind(files, pinned):
    found = source(**files)
    assert requirements.pins(detect(found), found) == pinned


@pytest.mark.parametrize(
    ("pinned", "gunicorn", "psycopg", "words"),
    [
        ({}, "27.0.1", "3.3.9", []),
        ({"gunicorn": "27.0.1", "psycopg": "3.3.9"}, "27.0.1", "3.3.9", []),
        ({"gunicorn": "23.0.0"}, "27.0.1", "3.3.9", ["uv.lock pins gunicorn 23.0.0, and django_app_gunicorn_version is 27.0.1"]),
        ({"psycopg": "3.1.0"}, "27.0.1", "3.3.9", ["uv.lock pins psycopg 3.1.0, and django_app_psycopg_version is 3.3.9"]),
        ({"psycopg2": "2.9.9"}, "27.0.1", "3.3.9", ["uv.lock pins psycopg2 2.9.9, and django_app_psycopg_version is 3.3.9"]),
        ({"psycopg2": "2.9.9"}, "27.0.1", "", []),
        ({}, "", "3.3.9", ["django_app_gunicorn_version is empty"]),
        ({}, "27.0.1", "", ["django_app_psycopg_version is empty"]),
        ({"gunicorn": "1"}, "", "3.3.9", []),
    ],
)
def test_contradictions_name_both_sides(pinned, gunicorn, psycopg, words):
    found = requirements.contradictions(requirements.Plan("lock", "uv.lock"), pinned, gunicorn=gunicorn, psycopg=psycopg)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found))


PYPROJECT = """
[project]
name = "shop"
dependencies = ["Django>=5.2,<5.3", "pillow [extra] >= 11 ; python_version > '3.8'", "private @ git+https://git.test/private"]
"""
LOCK = """
[[package]]
name = "django"
version = "5.2.8"
source = { registry = "https://packages.example.org/simple" }

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }
[package.metadata]
requires-dist = [
  { name = "django", specifier = ">=5.2,<5.3" },
  { name = "pillow", extras = ["extra"], marker = "python_full_version >= '3.9'", specifier = ">=11" },
  { name = "private", git = "https://git.test/private" },
  { name = "docs", marker = "extra == 'docs'", specifier = ">=1" },
]
"""


@pytest.mark.parametrize(
    ("pyproject", "lock", "words"),
    [
        (PYPROJECT, LOCK, []),
        (PYPROJECT.replace(">=5.2,<5.3", "<5.3,>= 5.2"), LOCK, []),
        (PYPROJECT.replace(">=5.2,<5.3", ">=6.0,<6.1"), LOCK, ["asks for django<6.1,>=6.0", "the lock is for django<5.3,>=5.2", "uv lock"]),
        (PYPROJECT.replace('"Django', '"httpx", "Django'), LOCK, ["asks for httpx"]),
        (PYPROJECT.replace('"Django>=5.2,<5.3", ', ""), LOCK, ["the lock is for django"]),
        (PYPROJECT.replace('"shop"', '"till"'), LOCK, ["a lock of till, found one of shop"]),
        ("[tool.x]", LOCK, []),  # nothing to compare with
        (PYPROJECT, LOCK + "[[package]]\nname = 'member'\nsource = { editable = 'member' }", []),  # a workspace
    ],
)
def test_a_lock_that_was_not_made_from_its_project_is_refused(pyproject, lock, words):
    found = requirements.lock_objections(pyproject, lock)
    assert bool(found) == bool(words)
    for word in words:
        assert word in found[0]


def test_what_a_package_of_an_index_pins_is_its_own_affair():
    plan = requirements.Plan("package", "", requirement="bugsink==2.6.1")
    assert requirements.pins(plan, source()) == {}
    assert requirements.contradictions(plan, {}, gunicorn="", psycopg="") == []
