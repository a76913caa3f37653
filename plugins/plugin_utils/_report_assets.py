# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the HTML report is built from: elements that escape, its small parts, icons, style, script and their policy. PRIVATE to the collection."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timezone
from html import escape
from pathlib import Path
from typing import Any, Union

from ._resolve import parse_time
from ._verdict import ChecklistError
from ._words import HOW_WORDS, STATUS_WORDS

_HERE = Path(__file__).resolve().parent

#: Control characters, surrogates and characters that turn the reading direction: shown, never acted upon.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")

_VOID = frozenset({"meta", "link", "br", "input"})

#: Every icon is drawn in a box of 16; the shape alone tells the statuses apart.
_ICONS = {
    "fail": '<circle cx="8" cy="8" r="7.5" class="on"/><path class="cut" d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4"/>',
    "error": '<path class="on" d="M8 .8l7.6 13.6H.4z"/><path class="cut" d="M8 5.6v4.2M8 12v.3"/>',
    "blocked": '<rect x=".8" y=".8" width="14.4" height="14.4" rx="3" class="on"/><path class="cut" d="M4.4 8h7.2"/>',
    "unproven": '<circle cx="8" cy="8" r="6.6" class="line"/><path class="line" d="M6 6.3c0-2.6 4-2.5 4 0 0 1.6-2 1.5-2 3M8 11.6v.2"/>',
    "not_run": '<circle cx="8" cy="8" r="6.6" class="line" stroke-dasharray="2.6 2.6"/>',
    "pending": '<circle cx="8" cy="8" r="6.6" class="line"/><path class="line" d="M8 4.4V8l2.4 1.8"/>',
    "waived": '<path class="line" d="M3.5 15V1.6h9.2l-2.2 3.6 2.2 3.6H3.5"/>',
    "pass": '<circle cx="8" cy="8" r="7.5" class="on"/><path class="cut" d="M4.7 8.3l2.3 2.3 4.4-4.9"/>',
    "not_applicable": '<circle cx="8" cy="8" r="6.6" class="line"/><path class="line" d="M5.2 8h5.6"/>',
}


#: Best first, as a bar is read.
BAR = ("pass", "not_applicable", "waived", "pending", "not_run", "unproven", "blocked", "error", "fail")

MEANING = {
    "fail": "Observed, and not as expected.",
    "error": "Could not be found out. Not knowing is never passing.",
    "blocked": "Red because a check that it requires is red; mend that one first.",
    "unproven": "The evidence is missing, expired or invalid.",
    "not_run": "Did not run; the reason is given.",
    "pending": "Its window is not over yet, and it is on track.",
    "waived": "An accepted failure with an owner, a justification and an end date.",
    "pass": "Observed, and as expected.",
    "not_applicable": "Observed not to apply, or declared so by a named owner.",
}

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

#: A longer observed value is cut, and its true length said.
_OBSERVED_LIMIT = 6000


class Html(str):
    """Text that is markup already; everything else is escaped where it enters."""


Child = Union[str, Html, None, Iterable["Child"]]


def visible(text: str) -> str:
    """Text with every unseen character made visible by its code point; line ends are line ends."""
    return _UNSEEN.sub(lambda found: f"\u27e8U+{ord(found.group()):04X}\u27e9", text.replace("\r\n", "\n"))


def _markup(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(visible(child), quote=True)
    return "".join(_markup(one) for one in child)


def el(tag: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """One element. Children and values are escaped; `cls` stands for class, `data_x` for data-x, True for a bare attribute."""
    parts = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        said = "class" if key == "cls" else key.replace("_", "-")
        parts.append(said if value is True else f'{said}="{escape(visible(str(value)), quote=True)}"')
    opening = f"<{' '.join(parts)}>"
    return Html(opening if tag in _VOID else f"{opening}{_markup(children)}</{tag}>")


def join(children: Iterable[Html | None], separator: str = "") -> Html:
    return Html(_markup(separator).join(child for child in children if child))


def icon(status: str) -> Html:
    return Html(f'<svg class="i c-{status}" aria-hidden="true"><use href="#i-{status}"/></svg>')


def sprite() -> Html:
    symbols = "".join(f'<symbol id="i-{name}" viewBox="0 0 16 16">{shape}</symbol>' for name, shape in _ICONS.items())
    return Html(f'<svg width="0" height="0" class="sprite" aria-hidden="true"><defs>{symbols}</defs></svg>')


def status_of(status: str) -> Html:
    return el("span", icon(status), STATUS_WORDS[status], cls=f"status c-{status}")


def titled(text: str) -> Child:
    """The item's words; what stands in backticks becomes code."""
    return [el("code", part) if odd else part for odd, part in ((number % 2, part) for number, part in enumerate(re.split("`([^`]+)`", text)))]


def moment_of(text: Any) -> Html:
    try:
        moment = parse_time(str(text)).astimezone(timezone.utc)
    except (ChecklistError, ValueError, OverflowError):
        return el("span", str(text))
    return el(
        "time",
        f"{moment.day}\u00a0{_MONTHS[moment.month - 1]}\u00a0{moment.year}, {moment:%H:%M}\u00a0UTC",
        datetime=moment.isoformat(timespec="seconds"),
    )


def plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def verbatim(value: Any) -> Html:
    """A value verbatim: a short one as inline code, a long or structured one in a box that scrolls."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) <= 72 and "\n" not in text:
        return el("code", text) if text else el("em", "empty")
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)
    box = el("pre", "\n" if text.startswith("\n") else "", text[:_OBSERVED_LIMIT], tabindex="0")
    if len(text) <= _OBSERVED_LIMIT:
        return box
    return join((box, el("p", f"Cut at {_OBSERVED_LIMIT} of {len(text)} characters; the rest is in readiness.json.", cls="note")))


def command_of(text: str) -> Html | None:
    return el("pre", text, cls="command", tabindex="0") if text else None


def rows_of(rows: Iterable[tuple[str, Child]]) -> Html:
    return el("dl", [el("div", el("dt", label), el("dd", content)) for label, content in rows if content], cls="rows")


def table_of(caption: str, head: list[str], rows: list[list[Child]]) -> Html:
    return el(
        "table",
        el("caption", caption, cls="vh"),
        el("thead", el("tr", [el("th", label, scope="col") for label in head])),
        el("tbody", [el("tr", [el("td", el("div", cell), data_label=label) for label, cell in zip(head, row)]) for row in rows]),
    )


def section(anchor: str, heading: str, *content: Child) -> Html:
    return el("section", el("h2", heading, id=f"{anchor}-title"), *content, id=anchor, aria_labelledby=f"{anchor}-title")


def link_to(item: Mapping[str, Any]) -> Html:
    return el("a", el("span", str(item["number"]), cls="n"), " ", el("span", titled(item["title"])), href=f"#{item['id']}", cls="itemlink")


def where_of(result: Mapping[str, Any]) -> str:
    subject = result["subject"]
    return f"{subject['kind']} {subject['instance']} on {subject['host']}"


def legend_of(counts: Mapping[str, int]) -> Html:
    return el(
        "ul",
        [el("li", icon(status), el("b", str(counts[status])), " ", STATUS_WORDS[status], cls=f"c-{status}") for status in BAR if counts[status]],
        cls="legend",
    )


def bar_of(anchor: str, label: str, counts: Mapping[str, int]) -> tuple[Html, str]:
    """A segmented bar with its denominators, and the style rules that give the segments their widths."""
    shown = [status for status in BAR if counts[status]]
    segments = el("div", [el("i", cls=f"c-{status}") for status in shown], id=anchor, cls="bar", aria_hidden="true")
    rules = "".join(f"#{anchor} i:nth-child({number}){{flex-grow:{counts[status]}}}" for number, status in enumerate(shown, 1))
    return el("figure", el("figcaption", label), segments, legend_of(counts)), rules


def account_of(result: Mapping[str, Any]) -> Html:
    found: list[Child] = [el("p", result["reason"] or result["title"]), verbatim(result["observed"]) if result["observed"] is not None else None]
    return rows_of(
        (
            ("Where", where_of(result)),
            ("Found", found),
            ("Expected", result["expected"]),
            ("Fix", result["remedy"]),
            ("Repeat", command_of(result["repeat"])),
        )
    )


def footer(readiness: Mapping[str, Any]) -> Html:
    meanings = [el("div", el("dt", status_of(status)), el("dd", meaning)) for status, meaning in MEANING.items()]
    how = "; ".join(f"{letter}: {word}" for letter, word in HOW_WORDS.items())
    return el(
        "footer",
        el("h2", "How to read this"),
        el("dl", meanings, cls="meanings"),
        el(
            "p",
            "An item has the worst status of its facets. "
            "The run is green if and only if every item that scope and profile require is pass, waived or n/a. How a check knows: ",
            how,
            ".",
        ),
        el(
            "p",
            "Run ",
            el("code", str(readiness["run"]["id"])),
            f". Made from readiness.json (schema {readiness['schema_version']}), which stands beside this page and says the same.",
        ),
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _favicon(green: bool) -> str:
    colour, mark = ("1a7f37", "M4.7 8.3l2.3 2.3 4.4-4.9") if green else ("b42318", "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4")
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="#{colour}"/>'
        f'<path d="{mark}" fill="none" stroke="#fff" stroke-width="2"/></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


def page(*, title: str, body: Html, green: bool, rules: str) -> str:
    """The whole document. Only the style and the script written here may run, and nothing may be loaded."""
    style = (_HERE / "report.css").read_text(encoding="utf-8") + rules
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = join(
        (
            el("meta", charset="utf-8"),
            el("meta", http_equiv="Content-Security-Policy", content=policy),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("meta", name="referrer", content="no-referrer"),
            el("meta", name="robots", content="noindex"),
            el("title", title),
            el("link", rel="icon", href=_favicon(green)),
            el("style", Html(style)),
        ),
        "\n",
    )
    document = el("html", "\n", el("head", "\n", head, "\n"), "\n", el("body", "\n", body, "\n", el("script", Html(script)), "\n"), "\n", lang="en")
    return f"<!doctype html>\n{document}\n"
