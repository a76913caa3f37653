# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the options of an app to its files: opens whichever source is meant. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._git_source import Repository
from ._requirements import Plan, contradictions, detect, lock_objections, pins
from ._source_tree import ALWAYS_EXCLUDED, Source, read_archive, read_files, read_tree


def patterns(options: Mapping[str, Any]) -> tuple[str, ...]:
    return (*ALWAYS_EXCLUDED, *(options.get("exclude") or ()))


def repository(options: Mapping[str, Any], git: Mapping[str, Any], work: Path) -> Repository:
    secrets = {key: str(value) for key, value in git.items() if value}
    return Repository(str(options["repository"]), work, secrets, str(options.get("known_hosts") or ""))


def open_source(options: Mapping[str, Any], *, git: Mapping[str, Any], work: Path, commit: str = "") -> Source:
    """The files of a tree, an archive, or a commit of a repository. `work` is a private directory that the caller removes."""
    if options["type"] == "tree":
        return read_tree(str(options["path"]), patterns(options))
    if options["type"] == "package":
        return read_files(options.get("files") or {}, f"package {requirement(options)}")
    if options["type"] == "archive":
        return read_archive(str(options["path"]), patterns(options))
    version = str(options.get("version") or "HEAD")
    return repository(options, git, work).fetch(commit, version, patterns(options))


def requirement(options: Mapping[str, Any]) -> str:
    """The package as pip writes it."""
    return f"{options['name']}=={options['version']}"


def package_id(options: Mapping[str, Any], source: Source) -> str:
    """What identifies a package: its name, version and index, and the files put beside it."""
    text = "\0".join((requirement(options), str(options.get("index_url") or ""), source.digest()))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def plan_of(source: Source, args: Mapping[str, Any]) -> tuple[Plan, list[str]]:
    """What to install from, and where that contradicts what the role brings."""
    if args["source"]["type"] == "package":
        return Plan("package", "", requirement=requirement(args["source"])), []
    project_path = str(args["source"].get("project_path") or ".")
    plan = detect(source, option=args["requirements"], project_path=project_path, require_hashes=args["require_hashes"])
    sentences = contradictions(plan, pins(plan, source), gunicorn=args["gunicorn_version"], psycopg=args["psycopg_version"])
    if plan.kind == "lock":
        pyproject = posixpath.join(posixpath.dirname(plan.path), "pyproject.toml")
        sentences += lock_objections(source.text(pyproject), source.text(plan.path), plan.path)
    return plan, sentences
