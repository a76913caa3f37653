# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report to look at: one self-contained page. PRIVATE to the collection."""

from __future__ import annotations

from html import escape
from typing import Any, Mapping


def render(readiness: Mapping[str, Any]) -> str:
    return f"<!doctype html><title>{escape(readiness['verdict']['line'])}</title>"
