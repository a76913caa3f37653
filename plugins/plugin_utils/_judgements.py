# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The judgements of every owner: `_judge_<owner>.py` beside this file lists its own. PRIVATE to the collection."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Callable

from ._verdict import Context, Verdict

Judgement = Callable[[Any, Context], Verdict]


def judgements_of(owner: str) -> dict[str, Judgement]:
    """The owner's named pure functions; an owner without a file has none."""
    if not (Path(__file__).parent / f"_judge_{owner}.py").is_file():
        return {}
    return importlib.import_module(f"{__package__}._judge_{owner}").JUDGEMENTS
