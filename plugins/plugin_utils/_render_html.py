# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report to look at: one self-contained page. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._catalogue import SEVERITIES
from ._report_assets import (
    Child,
    Html,
    account_of,
    bar_of,
    command_of,
    el,
    footer,
    icon,
    join,
    legend_of,
    link_to,
    moment_of,
    page,
    plural,
    rows_of,
    section,
    sprite,
    status_of,
    table_of,
    titled,
    verbatim,
    where_of,
)
from ._resolve import parse_time
from ._verdict import GREEN, STATUSES, ChecklistError
from ._words import HOW_WORDS, STATUS_WORDS, facet_results, iterate_items, say, why

#: So many items with the same reason stand in one card.
_SHARED = 3

#: The first failures stand open.
_OPEN_CARDS = 5


# --- the verdict -----------------------------------------------------------------------------------------------------


def _facts(run: Mapping[str, Any], schema_version: Any) -> Html:
    finished: list[Child] = [moment_of(run["finished"])]
    try:
        seconds = (parse_time(run["finished"]) - parse_time(run["started"])).total_seconds()
        finished.append(f", after {seconds:.0f}\u00a0s" if seconds < 120 else f", after {seconds / 60:.0f}\u00a0min")
    except (KeyError, ValueError, ChecklistError):
        pass
    by = " on ".join(str(run[key]) for key in ("by", "controller") if run.get(key))
    versions = [f"{name}\u00a0{run[key]}" for key, name in (("collection", "prodready.django"), ("ansible_core", "ansible-core")) if run.get(key)]
    permitted = ", ".join(text for text in (str(run.get("depth") or ""), f"effects: {run['effects']}" if run.get("effects") else "") if text)
    facts = [
        ("Environment", str(run["environment"])),
        ("Profile", f"{run['profile']}: {run['profile_reason']}"),
        ("Finished", finished),
        ("Run by", by),
        ("Permitted", permitted),
        ("With", ", ".join(versions) or f"report schema {schema_version}"),
    ]
    return el("dl", [el("div", el("dt", label), el("dd", content)) for label, content in facts if content], cls="facts")


def _hero(readiness: Mapping[str, Any]) -> tuple[Html, str]:
    verdict, run = readiness["verdict"], readiness["run"]
    total = sum(verdict["counts_all"].values())
    word, _colon, rest = verdict["line"].partition(": ")
    required, rules = bar_of("bar-required", f"{verdict['required']} required in this run", verdict["counts"])
    everything = None
    if verdict["required"] != total:
        everything, more = bar_of("bar-all", f"of all {total} on the checklist", verdict["counts_all"])
        rules += more
    grade = el("div", el("span", "Grade", cls="label"), el("b", verdict["grade"]), cls="grade")
    head = el(
        "div",
        el(
            "div",
            el("p", "Readiness of ", el("b", str(run["environment"])), cls="over"),
            el("h1", el("strong", word, el("span", ":", cls="vh") if rest else None), " " if rest else None, el("span", rest) if rest else None),
        ),
        grade,
        cls="top",
    )
    cap = el("p", el("b", f"Grade {verdict['grade']}: "), titled(verdict["grade_reason"]), ".", cls="cap")
    bars = el("div", required if verdict["required"] else None, everything, cls="bars")
    return el(
        "header",
        head,
        cap,
        _scope(readiness),
        bars,
        _facts(run, readiness["schema_version"]),
        _subjects(readiness),
        cls=f"hero {'good' if verdict['green'] else 'bad'}",
    ), rules


def _scope(readiness: Mapping[str, Any]) -> Html | None:
    """What a scoped run left out."""
    verdict = readiness["verdict"]
    if not verdict["scoped"]:
        return None
    titles = {item["id"]: item["title"] for _group, item in iterate_items(readiness)}
    left: list[Html] = []
    if verdict["left_out"]:
        left.append(
            el("details", el("summary", f"{plural(len(verdict['left_out']), 'whole group')} left out"), el("p", "; ".join(verdict["left_out"]), "."))
        )
    if verdict["excluded"]:
        entries = [el("li", titled(titles.get(name, name))) for name in verdict["excluded"]]
        left.append(el("details", el("summary", f"{plural(len(verdict['excluded']), 'item')} left out of groups in scope"), el("ul", entries)))
    return el("div", el("p", "This run looked at a part of the checklist only; it cannot say READY."), left, cls="scope")


def _subjects(readiness: Mapping[str, Any]) -> Html | None:
    """Host by host what was looked at, with the release that runs there."""
    hosts: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for subject in readiness["subjects"]:
        hosts.setdefault(subject["host"], {}).setdefault((subject["kind"], subject["instance"]), {}).update(subject["facts"])
    rows: list[list[Child]] = []
    for host, found in hosts.items():
        plain = [f"{kind} {instance}" for (kind, instance), facts in found.items() if not facts]
        for (kind, instance), facts in found.items():
            if not facts:
                continue
            others = [f"{key} {say(value, 60)}" for key, value in facts.items() if key not in ("release", "deployed_at") and value is not None]
            release: list[Child] = [
                el("code", str(facts["release"])) if facts.get("release") else None,
                el("small", "; ".join(others)) if others else None,
            ]
            rows.append([el("b", host), f"{kind} {instance}", release, moment_of(facts["deployed_at"]) if facts.get("deployed_at") else None])
        if plain:
            rows.append([el("b", host), ", ".join(plain), None, None])
    for before, row in zip(rows, rows[1:]):
        row[0] = el("span", row[0], cls="again") if before[0] in (row[0], el("span", row[0], cls="again")) else row[0]
    return el("div", table_of("What was looked at", ["Host", "Subject", "Release", "Deployed"], rows), id="subjects") if rows else None


def _notes(readiness: Mapping[str, Any]) -> Html | None:
    notes = [
        el(
            "li",
            icon("error"),
            el(
                "p",
                el("b", note["host"], " ", "is unreachable" if note["note"] == "unreachable" else note["note"].replace("_", " ")),
                ". ",
                note["message"],
            ),
        )
        for note in readiness["notes"]
    ]
    return el("ul", notes, cls="alerts", aria_label="Notes") if notes else None


# --- what to do next -------------------------------------------------------------------------------------------------


def _culprits(readiness: Mapping[str, Any], item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The results that gave the item its status."""
    found = [result for facet in item["facets"] for result in facet_results(readiness, facet) if result["status"] == item["status"]]
    return [] if item["reason"].startswith("declared ") else list({id(result): result for result in found}.values())


def _urgency(item: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Failures and unknowns by severity first, then what stands behind them, then what is only open."""
    return (
        0 if item["status"] in ("fail", "error") else 1 + STATUSES.index(item["status"]),
        SEVERITIES.index(item["severity"]),
        STATUSES.index(item["status"]),
        item["number"],
    )


def _card(readiness: Mapping[str, Any], items: list[Mapping[str, Any]], reason: str, opened: bool) -> Html:
    """One thing to do: an item, or several that share their reason."""
    first = items[0]
    culprits = _culprits(readiness, first)
    if len(items) > 1:
        head: Child = el("span", el("b", plural(len(items), "item"), ": "), say(reason, 200), cls="t")
        advice = {(result["remedy"], result["repeat"]) for item in items for result in _culprits(readiness, item)}
        body: Child = [
            account_of(culprits[0]) if len(advice) == 1 else None,
            el("ul", [el("li", link_to(item), el("small", item["severity"])) for item in items], cls="shared"),
        ]
    else:
        head = el("span", titled(first["title"]), cls="t")
        more = len(culprits) - 2
        link = el("a", f"All the evidence of item {first['number']}", href=f"#{first['id']}")
        rest = f", with {plural(more, 'more result')} like this" if more > 0 else ""
        body = [[account_of(result) for result in culprits[:2]] or el("p", reason), el("p", link, rest, cls="note")]
    return el(
        "li",
        el(
            "details",
            el("summary", status_of(first["status"]), head, el("span", first["severity"], cls=f"meta s-{first['severity']}")),
            el("div", body, cls="body"),
            open=opened,
            cls="card",
        ),
    )


def _next(readiness: Mapping[str, Any]) -> Html:
    """Required and not green, worst first."""
    items = sorted((item for _group, item in iterate_items(readiness) if item["required"] and item["status"] not in GREEN), key=_urgency)
    if not items:
        nothing = (
            "Nothing: everything that was required is proved, waived or not applicable."
            if readiness["verdict"]["required"]
            else "Nothing is required: scope and profile leave no item to prove."
        )
        return section("next", "What to do next", el("p", nothing))
    shared: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for item in items:
        culprits = _culprits(readiness, item)
        shared.setdefault((item["status"], culprits[0]["reason"] if culprits else item["reason"]), []).append(item)
    cards: list[tuple[str, list[Mapping[str, Any]]]] = []
    for (_word, reason), members in shared.items():
        together = bool(reason) and len(members) >= _SHARED
        cards += [(reason, members)] if together else [(reason or why(readiness, one), [one]) for one in members]
    cards.sort(key=lambda card: _urgency(card[1][0]))
    told = [
        _card(readiness, members, reason, number < _OPEN_CARDS and len(members) == 1 and members[0]["status"] in ("fail", "error", "blocked"))
        for number, (reason, members) in enumerate(cards)
    ]
    red = "item is" if len(items) == 1 else "items are"
    return section(
        "next", "What to do next", el("p", f"{len(items)} required {red} not green. The worst comes first.", cls="lead"), el("ol", told, cls="cards")
    )


# --- what changed, what was accepted ---------------------------------------------------------------------------------


def _changes(readiness: Mapping[str, Any]) -> Html:
    changes = readiness["changes"]
    heading = "Since the last run"
    if changes is None:
        return section("changes", heading, el("p", "This is the first run of this environment; there is nothing to compare with."))
    if not changes["items"]:
        return section("changes", heading, el("p", "Nothing changed since run ", el("code", changes["run"]), "."))
    known = {item["id"]: item for _group, item in iterate_items(readiness)}
    worse: list[list[Child]] = []
    better: list[list[Child]] = []
    for change in changes["items"]:
        item = known.get(change["item"])
        row: list[Child] = [
            link_to(item) if item else el("span", titled(change["title"])),
            [status_of(change["before"]), el("span", " \u2192 ", cls="arrow"), status_of(change["now"])],
        ]
        (better if STATUSES.index(change["now"]) > STATUSES.index(change["before"]) else worse).append(row)
    tables = [
        join((el("h3", f"{word} ({len(rows)})"), table_of(word, ["Item", "Before and now"], rows)))
        for word, rows in (("Worse", worse), ("Better", better))
        if rows
    ]
    return section(
        "changes",
        heading,
        el("p", f"{plural(len(changes['items']), 'item')} changed since run ", el("code", changes["run"]), ".", cls="lead"),
        tables,
    )


def _waivers(readiness: Mapping[str, Any]) -> Html | None:
    rows: list[list[Child]] = []
    for waiver in readiness["waivers"]:
        if waiver["problem"]:
            effect: Child = [icon("error"), el("b", "does not count"), f": {waiver['problem']}"]
        else:
            effect = [icon("waived"), f"covers {plural(waiver['used'], 'result')}"] if waiver["used"] else "no failure to cover; it can go"
        where = " on ".join(waiver[key] for key in ("instance", "host") if waiver.get(key))
        rows.append(
            [
                [el("code", waiver.get("check", "")), el("small", where) if where else None],
                waiver.get("owner"),
                waiver.get("justification"),
                waiver.get("until"),
                effect,
            ]
        )
    return (
        section("waivers", "Accepted failures", table_of("Waivers", ["Check", "Owner", "Justification", "Until", "Effect"], rows)) if rows else None
    )


def _declarations(readiness: Mapping[str, Any]) -> Html | None:
    declared = [el("li", link_to(item), el("p", item["reason"])) for _group, item in iterate_items(readiness) if item.get("declared")]
    return section("declared", "Declared, not observed", el("ul", declared, cls="plain")) if declared else None


# --- the checklist ---------------------------------------------------------------------------------------------------


class _Evidence:
    """Results as the checklist shows them: in full where they first stand, and from then on as a pointer to that place."""

    def __init__(self, readiness: Mapping[str, Any]):
        self.results = readiness["results"]
        self.numbers = {key: f"r{number}" for number, key in enumerate(self.results, 1)}
        self.shown: dict[str, int] = {}

    def show(self, key: str, item: Mapping[str, Any]) -> Html:
        result = self.results[key]
        head = el("p", status_of(result["status"]), " ", el("b", result["title"]), " ", el("span", where_of(result), cls="where"), cls="rhead")
        if key in self.shown:
            pointer = el("a", f"in full at item {self.shown[key]}", href=f"#{self.numbers[key]}")
            return el("div", head, el("p", say(result["reason"] or result["observed"], 160), " ", pointer, cls="note"), cls="result")
        self.shown[key] = item["number"]
        green = result["status"] in GREEN
        cost = [result["cost"]] if result["cost"] != "quick" else []
        effect = [f"effect: {result['effect']}"] if result["effect"] != "none" else []
        how = ", ".join(
            [
                f"{HOW_WORDS.get(result['how'], result['how'])} ({result['how']})",
                *([f"observed from {result['observed_from']}"] if result["observed_from"] else []),
                f"{result['seconds']:.3f} s",
                *cost,
                *effect,
            ]
        )
        rows = rows_of(
            (
                ("Reason", result["reason"]),
                ("Observed", verbatim(result["observed"]) if result["observed"] is not None else None),
                ("Expected", result["expected"]),
                ("How", how),
                ("Source", result["source"]),
                ("Repeat", command_of(result["repeat"])),
                ("If it fails" if green else "Fix", result["remedy"]),
                ("Check", el("code", result["check"])),
            )
        )
        return el("div", head, rows, cls="result", id=self.numbers[key])


def _short(readiness: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """Why an item is not a pass, as short as it can be said beside its title."""
    culprits = _culprits(readiness, item)
    if item["reason"] or not culprits:
        return why(readiness, item)
    reasons = list(dict.fromkeys(result["reason"] or result["title"] for result in culprits))
    return reasons[0] if len(reasons) == 1 else f"{reasons[0]} (and {len(reasons) - 1} more)"


def _need(item: Mapping[str, Any]) -> str:
    if item["required"]:
        return "required"
    return "not required: out of scope" if not item["in_scope"] else "not required: not due yet"


def _item(readiness: Mapping[str, Any], item: Mapping[str, Any], evidence: _Evidence, *, signed: bool) -> Html:
    reason = "" if item["status"] == "pass" else say(_short(readiness, item), 220)
    summary = el(
        "summary",
        status_of(item["status"]),
        el("span", str(item["number"]), cls="n"),
        el("span", el("span", titled(item["title"])), el("small", reason) if reason else None, cls="t"),
        el("span", el("span", item["severity"], cls=f"s-{item['severity']}"), " ", el("span", _need(item), cls="need"), cls="meta"),
    )
    facets = [
        el(
            "div",
            el("p", icon(facet["status"]), el("span", STATUS_WORDS[facet["status"]], ": ", cls="vh"), facet["title"], cls="fhead"),
            el("p", facet["reason"], cls="note") if facet["reason"] else None,
            [evidence.show(key, item) for key in facet["results"]],
            cls="facet",
        )
        for facet in item["facets"]
    ]
    said = el("p", item["reason"]) if item["reason"] and all(item["reason"] != facet["reason"] for facet in item["facets"]) else None
    todo = item["required"] and item["status"] not in GREEN and not signed
    folded = el(
        "details",
        summary,
        el("div", said, facets, cls="body"),
        id=item["id"],
        cls="item todo" if todo else "item",
        data_s=item["status"],
        data_r="1" if item["required"] else None,
    )
    if not signed:
        return folded
    return join((folded, el("p", [el("span", label) for label in ("Name", "Signature", "Date")], cls="sign", aria_hidden="true")))


def _group_counts(group: Mapping[str, Any]) -> dict[str, int]:
    return {status: sum(item["status"] == status for item in group["items"]) for status in STATUSES}


def _groups(readiness: Mapping[str, Any]) -> Html:
    """Every item in the checklist's own order, below its own headings."""
    evidence = _Evidence(readiness)
    content: list[Html] = []
    shown: list[str] = []
    for group in readiness["groups"]:
        for level, heading in enumerate(group["path"]):
            if shown[level : level + 1] != [heading]:
                content.append(el(f"h{level + 3}", heading, cls=f"path path{level}"))
                shown = shown[:level] + [heading]
        title = el(f"h{min(len(group['path']) + 3, 6)}", group["title"], id=f"g-{group['id']}")
        items = [_item(readiness, item, evidence, signed=group["window"] == "sign_off") for item in group["items"]]
        content.append(
            el("section", el("div", title, legend_of(_group_counts(group)), cls="ghead"), items, cls="group", aria_labelledby=f"g-{group['id']}")
        )
    return join(content, "\n")


def _contents(readiness: Mapping[str, Any]) -> Html:
    """Links to the groups, each with how many of its items are green."""
    entries: list[Html] = []
    shown: tuple[str, ...] = ()
    for group in readiness["groups"]:
        if tuple(group["path"]) != shown:
            shown = tuple(group["path"])
            entries.append(el("li", shown[-1], cls="part"))
        counts = _group_counts(group)
        green = sum(counts[status] for status in GREEN)
        bad = next((status for status in ("fail", "error", "blocked") if counts[status]), None)
        marks: Child = [icon(bad), el("span", STATUS_WORDS[bad], cls="vh"), " "] if bad else None
        entries.append(
            el("li", el("a", el("span", group["title"]), el("span", marks, f"{green}/{len(group['items'])}", cls="of"), href=f"#g-{group['id']}"))
        )
    return el("ul", entries)


def _filters(readiness: Mapping[str, Any]) -> Html:
    """Hidden until the script makes it work."""
    counts = readiness["verdict"]["counts_all"]
    chips = []
    for status in (status for status in STATUSES if counts[status]):
        words = (icon(status), STATUS_WORDS[status], " ", el("b", str(counts[status])))
        chips.append(el("button", words, type="button", data_s=status, aria_pressed="false", cls=f"chip c-{status}"))
    return el(
        "form",
        el(
            "div",
            el(
                "label",
                el("span", "Search", cls="vh"),
                el("input", type="search", id="q", placeholder="Search items and evidence", autocomplete="off"),
            ),
            el("label", el("input", type="checkbox", id="required"), " required only"),
            el("p", id="shown", role="status"),
            el("button", "Expand all", type="button", id="expand"),
            cls="row",
        ),
        el("div", chips, cls="chips", role="group", aria_label="Show only these statuses"),
        id="filters",
        hidden=True,
        role="search",
    )


def render(readiness: Mapping[str, Any]) -> str:
    """The page. Everything is in it, nothing is loaded, and it reads without a script."""
    verdict = readiness["verdict"]
    hero, rules = _hero(readiness)
    contents = _contents(readiness)
    checklist = section(
        "checklist",
        "The checklist",
        el("details", el("summary", "Contents"), contents, cls="contents"),
        _filters(readiness),
        _groups(readiness),
        el("p", "No item fits this filter.", id="none", hidden=True),
    )
    main = el("main", hero, _notes(readiness), _next(readiness), _changes(readiness), _waivers(readiness), _declarations(readiness), checklist)
    jumps = [el("a", words, href=href) for words, href in (("Verdict", "#top"), ("What to do next", "#next"), ("Since the last run", "#changes"))]
    aside = el("nav", el("p", jumps, cls="jump"), contents, cls="aside", aria_label="Contents")
    body = join((sprite(), el("div", aside, el("div", main, footer(readiness), cls="column"), cls="frame", id="top")), "\n")
    return page(title=f"{verdict['line']} \u00b7 {readiness['run']['environment']}", body=body, green=verdict["green"], rules=rules)
