"""Mitigation: what calibrating each group's ranking does to the gap, and at whose cost."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.mitigation import verdict
from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import (
    bounds,
    decimal,
    percent,
    percent_interval,
    signed,
    whole,
)
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, main_model
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.sections.places import named
from evaluation.offline.report.sections.quality import point
from evaluation.offline.report.table import Cell, Entry, Table

LEAD = (
    "Every device ranks popular items lower by the strength of its own group, which it knows by "
    "itself and never sends. Strengths are chosen on validation, for the narrowest gap at a cost "
    "of at most 3 percent overall; no strength may make the worst group worse there. Intervals "
    "are 95 % and paired: the same people before and after."
)
KEYS = (Key("plain", "before"), Key("main", "after"))

Found = Mapping[str, Any]


def mitigation_section(summary: Summary) -> Section | None:
    """Gap before and after, the cost, and each group; nothing where nothing was mitigated."""
    fairness = summary.get("fairness") or {}
    mitigated = {by: one["mitigation"] for by, one in fairness.items() if one.get("mitigation")}
    if not mitigated:
        return None
    main = str(main_model(summary))
    own = {by: found[main] for by, found in mitigated.items() if main in found}
    return Section(
        name="mitigation",
        title="Mitigation",
        lead=LEAD,
        figures=tuple(_figure(by, found) for by, found in own.items()),
        tables=tuple(_gaps(by, found) for by, found in mitigated.items()),
        notes=tuple(_strengths(by, found) for by, found in own.items()),
    )


def _figure(by: str, found: Found) -> Figure:
    words = f"NDCG@10 per group by {by}, before and after calibration, with 95 % intervals."
    rows = [_row(group) for group in found["groups"]]
    return Figure(
        title=f"By {by}: before and after",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, from_zero=True),
        table=_groups(by, found),
        keys=KEYS,
        note=f"By {by}: {verdict(found)}.",
    )


def _row(group: Found) -> Row:
    before, after = group["before"], group["after"]
    words = f"{decimal(before['mean'], 3)} to {decimal(after['mean'], 3)}"
    points = (
        point(before, "plain", f"{group['name']} before: {decimal(before['mean'])}"),
        point(after, "main", f"{group['name']} after: {decimal(after['mean'])}"),
    )
    return Row(named(group), points, value=words, short=decimal(after["mean"], 3))


def _groups(by: str, found: Found) -> Table:
    rows: list[tuple[Entry, ...]] = []
    for group in found["groups"]:
        name = f"{group['name']} (small)" if group["small"] else str(group["name"])
        cells = [_cell(group[key]) for key in ("before", "after")]
        change = Cell(signed(group["change"]["mean"], 4), bounds(group["change"]))
        rows.append((name, whole(group["n"]), *cells, change))
    return Table(f"NDCG@10 by {by}", ("Group", "People", "Before", "After", "Change"), tuple(rows))


def _gaps(by: str, mitigated: Mapping[str, Found]) -> Table:
    rows: list[tuple[Entry, ...]] = []
    for name, found in mitigated.items():
        gain = found["worst_gain"]
        rows.append(
            (
                model_label(name),
                _cell(found["before"]),
                _cell(found["after"]),
                _cell(found["reduction"]),
                percent(found["share"]["mean"]),
                Cell(*_two(percent_interval(found["cost"]))),
                Cell(signed(gain["mean"], 4), f"{bounds(gain)} {found['worst']}"),
                verdict(found),
            )
        )
    heads = ("Model", "Gap", "After", "Reduction", "Of the gap", "Cost", "Worst group gains", "So")
    title = f"Gap in NDCG@10 by {by}, before and after"
    return Table(title, heads, tuple(rows), words=frozenset({0, len(heads) - 1}))


def _strengths(by: str, found: Found) -> str:
    """Of every seed; equal ones are said once."""
    each = "; ".join(dict.fromkeys(found["strengths"]))
    return f"Strengths by {by} that validation chose: {each}."


def _cell(value: Found) -> Cell:
    return Cell(decimal(value["mean"]), bounds(value))


def _two(text: str) -> tuple[str, str]:
    """A figure and the interval that stands beneath it."""
    figure, bracket, rest = text.partition(" [")
    return figure, f"[{rest}" if bracket else ""
