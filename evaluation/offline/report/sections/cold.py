"""Items that training never met: what content alone finds of them, against chance."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import (
    NO_BREAK,
    percent,
    percent_interval,
    ratio,
    ratio_interval,
)
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, main_model, style_of
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.sections.quality import known_mean, point
from evaluation.offline.report.table import Cell, Entry, Table

RECALL = "recall@10"
SETS = {"among_cold": "among the cold items", "among_all": "among all items"}
LEAD = (
    "The held-out items were never trained by anybody, as if the shop had added them afterwards. "
    "Each question is asked twice: among the new items alone, and among all items."
)
NOTE = (
    "Ties count half: a model that scores all cold items alike gives each the middle rank, and so "
    "finds none among the first ten, where random scores would find some."
)


def cold_section(summary: Summary) -> Section | None:
    """Recall@10 of never trained items, as a multiple of what random scores reach."""
    cold = summary.get("cold") or {}
    found = {words: cold[key] for key, words in SETS.items() if (cold.get(key) or {}).get("models")}
    if not found:
        return None
    return Section(
        name="cold",
        title="Items that training never met",
        lead=f"{LEAD} {_chance(found)}",
        figures=tuple(_figure(summary, words, one["models"]) for words, one in found.items()),
        tables=(_table(summary, found),),
        notes=(NOTE,),
    )


def _chance(found: Mapping[str, Any]) -> str:
    said = [f"{percent(one.get('chance'))} {words}" for words, one in found.items()]
    return f"Random scores reach a recall@10 of {' and '.join(said)}."


def _figure(summary: Summary, words: str, by_model: Mapping[str, Any]) -> Figure:
    title = f"Recall@10 {words}, as a multiple of chance"
    drawn = {name: one["to_chance"] for name, one in by_model.items() if _drawn(one)}
    rows = [_row(summary, name, value) for name, value in drawn.items()]
    return Figure(
        title=title,
        description=f"{title}, by model.",
        draw=lambda width: interval_plot(
            width, rows, f"{title}, by model.", from_zero=True, rule=1.0, axis="times"
        ),
    )


def _drawn(one: Mapping[str, Any]) -> bool:
    return known_mean(one.get("to_chance"))


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
    names = list(dict.fromkeys(name for one in found.values() for name in one["models"]))
    rows: list[tuple[Entry, ...]] = []
    for name in names:
        cells = [c for one in found.values() for c in _cells(one["models"].get(name) or {})]
        rows.append((model_label(name), *cells))
    marked = frozenset(i for i, name in enumerate(names) if name == main_model(summary))
    heads = [head for words in found for head in (f"Recall@10 {words}", "Times chance")]
    return Table("Recall@10 of never trained items", ("Model", *heads), tuple(rows), marked)


def _cells(one: Mapping[str, Any]) -> tuple[Cell, Cell]:
    recall, times = one.get(RECALL) or {}, one.get("to_chance") or {}
    return (
        Cell(percent(recall.get("mean")), percent_interval(recall).partition(f"{NO_BREAK}% ")[2]),
        Cell(ratio(times.get("mean")), ratio_interval(times).partition(" ")[2]),
    )
