"""Users who took part in no training: how much of the quality is left for them."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import bounds, decimal, known, ratio, ratio_interval
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, main_model, style_of
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.sections.quality import known_mean, point
from evaluation.offline.report.table import Cell, Entry, Table

LEAD = (
    "Each user is asked twice, with the same history: by a model that trained on everybody, and by "
    "one that trained without this user. The ratio is paired by user; at 1 nothing is lost."
)


def unseen_section(summary: Summary) -> Section | None:
    """NDCG@10 for unseen users over that for the same users seen, by model."""
    found = {name: one for name, one in (summary.get("unseen") or {}).items() if one}
    if not found:
        return None
    return Section(
        name="unseen",
        title="Users that training never met",
        lead=LEAD,
        figures=_figures(summary, found),
        tables=(_table(summary, found),),
    )


def _figures(summary: Summary, found: Mapping[str, Any]) -> tuple[Figure, ...]:
    words = "NDCG@10 for users unseen in training as a multiple of the same users seen."
    rows = [_row(summary, name, one["ratio"]) for name, one in found.items() if _drawn(one)]
    if not rows:
        return ()
    figure = Figure(
        title="NDCG@10 unseen as a multiple of seen",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, rule=1.0, axis="times"),
        broad=True,
    )
    return (figure,)


def _drawn(one: Mapping[str, Any]) -> bool:
    return known_mean(one.get("ratio"))


def _row(summary: Summary, name: str, value: Mapping[str, Any]) -> Row:
    label = model_label(name)
    return Row(
        label,
        (point(value, style_of(summary, name), f"{label}: {ratio_interval(value)}"),),
        value=ratio_interval(value),
        short=ratio(value["mean"]),
        strong=name == main_model(summary),
    )


def _table(summary: Summary, found: Mapping[str, Any]) -> Table:
    rows: list[tuple[Entry, ...]] = []
    for name, one in found.items():
        levels = [_cell(one.get(key)) for key in ("unseen", "seen")]
        times = one.get("ratio") or {}
        beneath = ratio_interval(times).partition(" ")[2]
        rows.append((model_label(name), *levels, Cell(ratio(times.get("mean")), beneath)))
    marked = frozenset(i for i, name in enumerate(found) if name == main_model(summary))
    heads = ("Model", "Unseen", "Seen", "Unseen ÷ seen")
    return Table("NDCG@10 for users unseen and seen", heads, tuple(rows), marked)


def _cell(value: Mapping[str, Any] | None) -> Cell:
    if value is None or not known(value.get("mean")):
        return Cell(decimal(None))
    return Cell(decimal(value["mean"]), bounds(value))
