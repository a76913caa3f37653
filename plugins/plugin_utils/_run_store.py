# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run store: a private directory per run, one atomic file per host, owner and instance. PRIVATE to the collection."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ._verdict import ChecklistError


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file whole: a reader sees the old one or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def new_run_id(now: datetime) -> str:
    """Sortable by time and unique among runs of one second."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


class RunStore:
    """What one run wrote, below `reports/<environment>/<run id>/`."""

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        self._results = self.directory / "results"

    @classmethod
    def begin(cls, base: str | Path, run: Mapping[str, Any]) -> RunStore:
        """Make the run's directory (mode 0700) and write down what it is."""
        store = cls(Path(base) / run["environment"] / run["id"])
        old = os.umask(0o077)
        try:
            store._results.mkdir(parents=True)
        except OSError as error:
            raise ChecklistError(
                f"the report directory {store.directory} cannot be made: {error.strerror}. "
                "Run from a directory you may write to, or set prodready_reports."
            ) from error
        finally:
            os.umask(old)
        write_atomically(store.directory / "run.json", json.dumps(run, indent=1))
        return store

    def run(self) -> dict[str, Any]:
        try:
            return json.loads((self.directory / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ChecklistError(f"{self.directory} is not a run store: {error}") from error

    def write(self, name: Iterable[str], content: Mapping[str, Any]) -> Path:
        """One file for one host, owner, kind and instance; a second writing replaces the first."""
        file = self._results / ("--".join(quote(part, safe="") for part in name) + ".json")
        write_atomically(file, json.dumps({"run": self.directory.name, **content}, indent=1))
        return file

    def read(self) -> list[dict[str, Any]]:
        """All files of this run, in a stable order; a file of another run is refused."""
        contents = []
        for file in sorted(self._results.glob("*.json")):
            content = json.loads(file.read_text(encoding="utf-8"))
            if content.get("run") != self.directory.name:
                raise ChecklistError(f"{file} belongs to run {content.get('run')}, not to {self.directory.name}")
            contents.append(content)
        return contents
