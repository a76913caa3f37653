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
