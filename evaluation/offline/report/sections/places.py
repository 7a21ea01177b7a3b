"""Where a model is good: quality by length of the history and by popularity of the item."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import bounds, decimal, interval, known, whole
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import (
    QUALITY,
    Summary,
    main_model,
    models,
    rivals,
    style_of,
)
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.sections.quality import known_mean, point
from evaluation.offline.report.table import Cell, Table

RIVALS_DRAWN = 3

Group = Mapping[str, Any]


def places_section(summary: Summary) -> Section | None:
    """Where a model is good: by how much a user has done, by how popular the held-out item is."""
    kinds = (
        ("by_history_length", "By length of the history", "Events"),
        ("by_item_popularity", "By popularity of the held-out item", "Popularity"),
    )
    figures = [
        _by_group(summary, title, head, summary[key])
        for key, title, head in kinds
        if summary.get(key)
    ]
    if not figures:
        return None
    return Section(
        name="places",
        title="For whom and for what",
        lead="NDCG@10 within groups, with 95 % intervals. Small groups have wide ones.",
        figures=tuple(figures),
    )


def _by_group(summary: Summary, title: str, head: str, groups: Sequence[Group]) -> Figure:
    drawn = drawn_models(summary)
    words = f"NDCG@10 {title[0].lower()}{title[1:]}, the main model and the best others."
    rows = [row for row in (_group_row(summary, group, drawn) for group in groups) if row.points]
    return Figure(
        title=title,
        description=words,
        draw=lambda width: interval_plot(width, rows, words, from_zero=True),
        table=_group_table(summary, title, head, groups),
        keys=tuple(Key(style_of(summary, name), model_label(name)) for name in drawn),
    )


def drawn_models(summary: Summary) -> list[str]:
    """The main model and the best of the others: more would hide each other."""
    main = main_model(summary)
    return [str(main), *(str(m["name"]) for m in rivals(summary)[:RIVALS_DRAWN])]


def _group_row(summary: Summary, group: Group, drawn: Sequence[str]) -> Row:
    points = []
    for name in drawn:
        value = _value(group, name)
        if value is not None and known_mean(value):
            said = f"{model_label(name)}, {group['name']}: {interval(value)}"
            points.append(point(value, style_of(summary, name), said))
    return Row(named(group), tuple(points))


def _value(group: Group, name: str) -> Mapping[str, Any] | None:
    found = (group.get("models") or {}).get(name) or {}
    value = found.get(QUALITY, found)
    return value if known_mean(value) else None


def named(group: Group) -> str:
    return f"{group['name']} ({whole(group['n'])})" if known(group.get("n")) else str(group["name"])


def _group_table(summary: Summary, title: str, head: str, groups: Sequence[Group]) -> Table:
    names = [str(model["name"]) for model in models(summary)]
    rows = []
    for group in groups:
        values = [_value(group, name) for name in names]
        cells = [Cell(decimal(v["mean"]), bounds(v)) if v else decimal(None) for v in values]
        rows.append((str(group["name"]), whole(group.get("n")), *cells))
    heads = (head, "Questions", *(model_label(name) for name in names))
    return Table(f"NDCG@10 {title.lower()}", heads, tuple(rows))
