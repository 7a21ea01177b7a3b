"""Fairness: quality and adaptation gain by group of people, and the gap between groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import bounds, decimal, interval, known, signed, whole
from evaluation.offline.report.labels import metric_label, model_label
from evaluation.offline.report.reading import QUALITY, Summary, main_model
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.sections.places import Group, named
from evaluation.offline.report.sections.quality import known_mean, point
from evaluation.offline.report.table import Cell, Entry, Table

GAIN = "gain"

Grouping = Mapping[str, Any]


def fairness_section(summary: Summary) -> Section | None:
    """Per grouping: quality and adaptation gain of each group, the gap, the worst group."""
    fairness = summary.get("fairness") or {}
    groupings = {name: found for name, found in fairness.items() if found.get("groups")}
    if not groupings:
        return None
    name = model_label(str(main_model(summary)))
    figures = [f for by, found in groupings.items() for f in _figures(_titled(by), found)]
    return Section(
        name="fairness",
        title="Fairness",
        lead=f"{name} by group of people, with 95 % intervals. The gap is the best group less the "
        "worst; the worst is red only where the whole interval of the gap lies above 0. Grey "
        "groups are too small to count: their figures are mostly noise.",
        figures=tuple(figures),
        tables=(_gap_table(summary, groupings),),
    )


def _figures(title: str, found: Grouping) -> list[Figure]:
    figures = [_quality(title, found)]
    if any(known_mean(group.get(GAIN)) for group in found["groups"]):
        figures.append(_gain(title, found["groups"]))
    return figures


def _quality(title: str, found: Grouping) -> Figure:
    worst = _worst(found) if _shown(found.get("gap") or {}) else None
    groups = [group for group in found["groups"] if known_mean(group.get(QUALITY))]
    rows = [_row(group, group[QUALITY], _style(group, worst)) for group in groups]
    words = f"NDCG@10 per group by {title.lower()}, with 95 % intervals."
    return Figure(
        title=f"{title}: NDCG@10",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, from_zero=True),
        table=_table(title, found["groups"]),
        note=_gap_words(found),
    )


def _gain(title: str, groups: Sequence[Group]) -> Figure:
    words = f"Gain in NDCG@10 from adaptation by {title.lower()}, with 95 % intervals."
    found = [group for group in groups if known_mean(group.get(GAIN))]
    rows = [_row(group, group[GAIN], _style(group, None)) for group in found]
    return Figure(
        title=f"{title}: gain in NDCG@10 from adaptation",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, rule=0.0),
    )


def _style(group: Group, worst: str | None) -> str:
    if group.get("small"):
        return "plain"
    return "alarm" if str(group["name"]) == worst else "main"


def _row(group: Group, value: Mapping[str, Any], style: str) -> Row:
    shown = (point(value, style, f"{group['name']}: {interval(value)}"),)
    return Row(named(group), shown, value=interval(value, 3), short=decimal(value["mean"], 3))


def _worst(found: Grouping) -> str | None:
    worst = found.get("worst")
    name = worst.get("name") if isinstance(worst, Mapping) else worst
    return None if name is None else str(name)


def _gap_words(found: Grouping) -> str:
    gap, short = found.get("gap") or {}, found.get("shortfall") or {}
    if not known_mean(gap):
        return "Fewer than two groups are large enough to compare."
    words = f"Gap {interval(gap, 3)}"
    if not _shown(gap):
        return f"{words}: no gap is shown, the interval holds 0."
    if not known_mean(short):
        return f"{words}; worst: {_worst(found)}."
    return f"{words}; worst: {_worst(found)}, {interval(short, 3)} below everybody."


def _shown(gap: Mapping[str, Any]) -> bool:
    """Whether the groups differ by more than chance."""
    return known(gap.get("low")) and float(gap["low"]) > 0


def _table(title: str, groups: Sequence[Group]) -> Table:
    rows: list[tuple[Entry, ...]] = []
    for group in groups:
        name = f"{group['name']} (small)" if group.get("small") else str(group["name"])
        values = [group.get(key) or {} for key in (QUALITY, "hr@10")]
        cells = [Cell(decimal(value.get("mean")), bounds(value)) for value in values]
        gain = group.get(GAIN) or {}
        lift = Cell(signed(gain.get("mean"), 4), bounds(gain))
        rows.append((name, whole(group.get("n")), *cells, lift))
    heads = ("Group", "People", metric_label(QUALITY), "HR@10", "Gain in NDCG@10")
    return Table(f"{title}: groups", heads, tuple(rows))


def _gap_table(summary: Summary, groupings: Mapping[str, Grouping]) -> Table:
    """The gap of every model by grouping, the main model first."""
    main = str(main_model(summary))
    others = dict.fromkeys(m for found in groupings.values() for m in found.get("models") or {})
    rows: list[tuple[Entry, ...]] = []
    for name in (main, *others):
        audits = [
            f if name == main else (f.get("models") or {}).get(name) for f in groupings.values()
        ]
        rows.append((model_label(name), *(_gap_cell(audit or {}) for audit in audits)))
    heads = ("Model", *(_titled(by) for by in groupings))
    return Table("Gap in NDCG@10 between groups", heads, tuple(rows), marked=frozenset({0}))


def _gap_cell(audit: Mapping[str, Any]) -> Cell:
    gap, worst = audit.get("gap") or {}, _worst(audit)
    beneath = f"{bounds(gap)} worst: {worst}" if worst is not None else ""
    return Cell(decimal(gap.get("mean")), beneath)


def _titled(name: str) -> str:
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]
