"""Pure code stays pure: no Ansible, only the standard library, and the oldest Python it promises."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = sorted([*(ROOT / "plugins" / "plugin_utils").glob("*.py"), *(ROOT / "plugins" / "module_utils").glob("*.py")])
OURS = "ansible_collections.prodready.django.plugins."

EVALUATE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from datetime import datetime, timezone
from ansible_collections.prodready.django.plugins.plugin_utils import _renderers
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.prodready.django.plugins.plugin_utils._evaluate import Permissions, Subject, evaluate
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import Inputs, resolve
assert not any(name == "ansible" or name.startswith("ansible.") for name in sys.modules)
now = datetime(2026, 11, 23, tzinfo=timezone.utc)
catalogue = Catalogue.load()
results = []
for owner, kind in sorted({(check["id"].split(".")[0], check["subject"]) for check in catalogue.checks.values()}):
    results += evaluate(catalogue, owner=owner, subject=Subject(kind, "h", "i"), probes={}, params={}, now=now, permissions=Permissions())
run = {"id": "r", "environment": "e", "started": "s", "profile": "predeploy", "scope": [], "scope_except": [], "plan": []}
readiness = resolve(catalogue, Inputs(run=run, records=[{"host": "h", "owner": "o", "subject": "s", "instance": "i", "results": results}], now=now))
files = _renderers.render_all(readiness)
assert not any(name == "ansible" or name.startswith("ansible.") for name in sys.modules)
print(json.dumps({"items": sum(len(group["items"]) for group in readiness["groups"]), "results": len(results), "files": sorted(files)}))
"""


def imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


@pytest.mark.parametrize("file", PURE, ids=lambda file: file.stem)
def test_only_the_standard_library_and_ourselves_are_imported(file):
    # Django and its companions are looked at in the application's own interpreter
    allowed = sys.stdlib_module_names | (
        {"django", "corsheaders", "redis", "rest_framework_simplejwt"} if file.stem.startswith("_django_") else set()
    )
    if file.stem == "_rotation":  # no part of the engine: it edits a vault file within Ansible, which brings PyYAML
        allowed = allowed | {"yaml"}
    foreign = {name for name in imported(file) if name.split(".")[0] not in allowed and not name.startswith(OURS)}
    assert foreign == set()


def interpreters():
    """This one, and the oldest promised where it is installed."""
    uv = Path(sys.executable).with_name("uv")
    asked = [str(uv), "python", "find", "--no-python-downloads", "3.9"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() if uv.exists() else shutil.which("python3.9")
    return [sys.executable, *([found] if found else [])]


@pytest.mark.parametrize("python", interpreters())
def test_the_engine_runs_alone(python):
    done = subprocess.run([python, "-I", "-c", EVALUATE, str(ROOT / ".collections")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["items"] == 176
    assert told["results"] > 100
    assert told["files"] == ["junit.xml", "readiness.html", "readiness.json", "readiness.md", "readiness.prom"]


@pytest.mark.parametrize("python", interpreters())
def test_all_target_code_compiles(python):
    files = [str(file) for file in [*PURE, *(ROOT / "plugins" / "modules").glob("*.py")]]
    script = "import ast, sys; [ast.parse(open(file, encoding='utf-8').read(), file) for file in sys.argv[1:]]"
    done = subprocess.run([python, "-I", "-c", script, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
