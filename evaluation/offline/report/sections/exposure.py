"""Exposure: which share of the places in people's lists goes to popular and to rare items."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.charts.intervals import Point, Row, interval_plot
from evaluation.offline.report.formats import known, percent, whole
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, style_of
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.sections.places import drawn_models
from evaluation.offline.report.table import Table

EVENTS = "training events"
ANSWERS = "held-out items"


def exposure_section(summary: Summary) -> Section | None:
    """Per popularity group the share of list places by model, against that of training events."""
    groups = (summary.get("exposure") or {}).get("groups") or []
    if not groups:
        return None
    names = list(dict.fromkeys(name for group in groups for name in group.get("slots") or {}))
    shown = [n for n in names if n in drawn_models(summary) or n == "popular"]
    words = "Share of list places per group of items and model, against its share of events."
    marks = [Key("events", EVENTS)]
    if any(known(group.get("target_share")) for group in groups):
        marks.append(Key("plain", ANSWERS))
    rows = [_row(summary, group, shown) for group in groups]
    figure = Figure(
        title="Share of the places in first-ten lists, by popularity of the item",
        description=words,
        draw=lambda width: interval_plot(
            width, rows, words, from_zero=True, axis="percent of the places"
        ),
        table=_table(groups, names),
        keys=(*marks, *(Key(style_of(summary, n), model_label(n)) for n in shown)),
        broad=True,
    )
    return Section(
        name="exposure",
        title="Exposure of items",
        lead="A model whose dots lie near the open ring shows items about as often as people turn "
        "to them; right of it the group is shown more, left of it less.",
        figures=(figure,),
    )


def _row(summary: Summary, group: Mapping[str, Any], names: Sequence[str]) -> Row:
    label = str(group["name"])
    shares = [(EVENTS, "events", group.get("train_share"))]
    shares.append((ANSWERS, "plain", group.get("target_share")))
    slots = group.get("slots") or {}
    shares += [(model_label(n), style_of(summary, n), slots.get(n)) for n in names]
    points = [
        Point(100 * v, 100 * v, 100 * v, style, f"{who}, {label}: {percent(v)}")
        for who, style, v in shares
        if known(v)
    ]
    return Row(label, tuple(points))


def _table(groups: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    rows = []
    for group in groups:
        slots = group.get("slots") or {}
        given = [percent(slots.get(name)) for name in names]
        of_people = [percent(group.get(key)) for key in ("train_share", "target_share")]
        rows.append((str(group["name"]), whole(group.get("items")), *of_people, *given))
    heads = (
        "Items",
        "Number",
        "Training events",
        "Held-out items",
        *(model_label(name) for name in names),
    )
    return Table("Share of list places by popularity of the item", heads, tuple(rows))
