# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One readiness report, many formats; all say the same and none decides anything. PRIVATE to the collection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import _render_html, _render_junit, _render_markdown, _render_prometheus, _render_terminal

terminal = _render_terminal.render


def render_all(readiness: Mapping[str, Any]) -> dict[str, str]:
    """File name → content. The JSON is the source; the others are made from the same data."""
    return {
        "readiness.json": json.dumps(readiness, indent=1, ensure_ascii=False) + "\n",
        "readiness.html": _render_html.render(readiness),
        "readiness.md": _render_markdown.render(readiness),
        "junit.xml": _render_junit.render(readiness),
        "readiness.prom": _render_prometheus.render(readiness),
    }
