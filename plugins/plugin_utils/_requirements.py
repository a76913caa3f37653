# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project's dependencies are installed from, and whether they agree with what the role brings. PRIVATE to the collection."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

import tomllib

from ._source_tree import Source
from ._verdict import ChecklistError

_PIN = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;,#\\]+)")
_WHERE = "requirements of the app in prodready_apps (django_app_requirements)"


@dataclass(frozen=True)
class Plan:
    """`lock`: pyproject.toml with uv.lock; `requirements`: a file for pip; `pyproject` and `package`: resolved at the first deployment."""

    kind: str
    path: str
    builds_package: bool = False
    requirement: str = ""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def detect(source: Source, *, option: str, project_path: str, require_hashes: bool) -> Plan:
    """The file asked for, else by order: a hashed requirements.txt, uv.lock beside pyproject.toml, pyproject.toml."""
    plan = _asked_for(source, option) if option != "auto" else _found(source, project_path, require_hashes)
    if plan.kind == "requirements" and require_hashes:
        naked = without_hashes(source.text(plan.path))
        if naked:
            raise ChecklistError(
                f"{plan.path} has no hash for {', '.join(naked[:3])}{' and others' if len(naked) > 3 else ''}; expected "
                "--hash=sha256:… on every requirement (`uv pip compile --generate-hashes` writes them). Hash the file, choose "
                f"another one with {_WHERE}, or set require_hashes: false of the app in prodready_apps (django_app_require_hashes)"
            )
    return plan


def _asked_for(source: Source, option: str) -> Plan:
    if not source.has(option):
        raise ChecklistError(f"{option} does not exist in {source.origin}; expected a file of the project, or auto. Correct {_WHERE}")
    name = posixpath.basename(option)
    if name == "uv.lock":
        return _locked(source, posixpath.dirname(option))
    if name == "pyproject.toml":
        return Plan("pyproject", posixpath.normpath(option), _builds(source.text(option)))
    return Plan("requirements", posixpath.normpath(option))


def _locked(source: Source, directory: str) -> Plan:
    pyproject = posixpath.join(directory, "pyproject.toml")
    if not source.has(pyproject):
        raise ChecklistError(f"{posixpath.join(directory, 'uv.lock')} stands without a pyproject.toml beside it. Correct {_WHERE}")
    return Plan("lock", posixpath.normpath(posixpath.join(directory, "uv.lock")), _builds(source.text(pyproject)))


def _found(source: Source, project_path: str, require_hashes: bool) -> Plan:
    for directory in dict.fromkeys((posixpath.normpath(project_path), ".")):
        lock, pyproject, listing = (posixpath.normpath(posixpath.join(directory, name)) for name in ("uv.lock", "pyproject.toml", "requirements.txt"))
        locked = source.has(lock) and source.has(pyproject)
        # Beside a lock, a list without hashes is there for other readers.
        if source.has(listing) and not (locked and require_hashes and without_hashes(source.text(listing))):
            return Plan("requirements", listing)
        if locked:
            return _locked(source, directory)
        if source.has(pyproject):
            return Plan("pyproject", pyproject, _builds(source.text(pyproject)))
    raise ChecklistError(
        f"{source.origin} says nowhere what to install; expected a hashed requirements.txt, uv.lock with pyproject.toml, "
        f"or pyproject.toml. Add one, or name it with {_WHERE}"
    )


def _toml(text: str, path: str) -> dict:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChecklistError(f"{path} is no valid TOML: {error}") from error


def _builds(pyproject: str) -> bool:
    return "build-system" in _toml(pyproject, "pyproject.toml")


def logical_lines(text: str) -> list[str]:
    """A requirements file without comments, its continued lines joined."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def without_hashes(text: str) -> list[str]:
    """Requirements that no hash vouches for."""
    lines = [line for line in logical_lines(text) if not line.startswith("-") or line.startswith(("-e", "--editable"))]
    return [line.split()[0] for line in lines if "--hash=" not in line]


_DEPENDENCY = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*\(?([^;@)]*)\)?\s*(@[^;]*)?(;.*)?$")


def _specifier(text: str) -> str:
    return ",".join(sorted(part.strip().replace(" ", "") for part in text.split(",") if part.strip()))


def _asked(dependencies: list[str]) -> set[tuple[str, str]]:
    found = (_DEPENDENCY.match(line) for line in dependencies)
    return {(canonical(match[1]), _specifier(match[3])) for match in found if match and not match[4]}


def lock_objections(pyproject: str, lock: str, path: str = "uv.lock") -> list[str]:
    """Where a lock file was not made from the pyproject.toml beside it."""
    project = _toml(pyproject, "pyproject.toml").get("project")
    packages = _toml(lock, path).get("package", [])
    own = next((one for one in packages if {"virtual", "editable", "directory"} & set(one.get("source", {}))), None)
    if not project or own is None or not _alone(packages):
        return []
    locked = {
        (canonical(one["name"]), _specifier(one.get("specifier", "")))
        for one in own.get("metadata", {}).get("requires-dist", [])
        if not {"git", "url", "path", "editable", "directory"} & set(one) and "extra ==" not in one.get("marker", "")
    }
    asked = _asked(project.get("dependencies", []))
    missing = [f"{name}{specifier}" for name, specifier in sorted(asked - locked)]
    if canonical(own["name"]) != canonical(project.get("name", "")):
        missing = [f"a lock of {project.get('name')}, found one of {own['name']}"]
    outdated = [f"{name}{specifier}" for name, specifier in sorted(locked - asked)]
    if not missing and not outdated:
        return []
    found = "; ".join(
        text
        for text in (f"pyproject.toml asks for {', '.join(missing)}" if missing else "", f"the lock is for {', '.join(outdated)}" if outdated else "")
        if text
    )
    return [f"{path} was not made from the pyproject.toml beside it: {found}. Expected: they agree. Run `uv lock`, and commit both files"]


def _alone(packages: list[dict]) -> bool:
    """Whether the lock is for one project and no workspace, whose members say their parts elsewhere."""
    return sum(1 for one in packages if {"virtual", "editable", "directory"} & set(one.get("source", {}))) == 1


def pins(plan: Plan, source: Source) -> dict[str, str]:
    """What the project itself holds to exactly one version."""
    if plan.kind == "package":
        return {}
    text = source.text(plan.path)
    if plan.kind == "lock":
        packages = _toml(text, plan.path).get("package", [])
        return {canonical(one["name"]): one["version"] for one in packages if "version" in one}
    lines = _toml(text, plan.path).get("project", {}).get("dependencies", []) if plan.kind == "pyproject" else logical_lines(text)
    found = (_PIN.match(line) for line in lines)
    return {canonical(match[1]): match[2] for match in found if match}


def contradictions(plan: Plan, pinned: dict[str, str], *, gunicorn: str, psycopg: str) -> list[str]:
    """Where the project and the role want different things of the same package."""
    sentences: list[str] = []
    if plan.kind == "package":
        return sentences  # nothing of it is here; what it pins wins
    for package, version, option in (
        ("gunicorn", gunicorn, "django_app_gunicorn_version"),
        ("psycopg", psycopg, "django_app_psycopg_version"),
    ):
        there = pinned.get(package)
        if version and there and there != version:
            sentences.append(
                f"{plan.path} pins {package} {there}, and {option} is {version}; expected one version. Set {option}: '{there}' "
                f"(or '' to leave it to the project), or change the pin in {plan.path}"
            )
        elif not version and not there and plan.kind != "pyproject" and not (package == "psycopg" and _other_driver(pinned)):
            sentences.append(
                f"{option} is empty, which leaves {package} to the project, but {plan.path} does not pin it; "
                f"expected one of them to bring it. Set {option}, or add {package} to {plan.path}"
            )
    other = _other_driver(pinned)
    if psycopg and other:
        sentences.append(
            f"{plan.path} pins {other} {pinned[other]}, and django_app_psycopg_version is {psycopg}: with both there Django "
            f"would use psycopg. Set django_app_psycopg_version: '' to use the project's driver, or remove {other} from {plan.path}"
        )
    return sentences


def _other_driver(pinned: dict[str, str]) -> str:
    return next((name for name in ("psycopg2", "psycopg2-binary") if name in pinned), "")
