"""Ratios: how many times as well the main model ranks as each other one."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import has_interval, known, ratio, ratio_interval
from evaluation.offline.report.headline import verdict
from evaluation.offline.report.labels import metric_label, model_label
from evaluation.offline.report.reading import QUALITY, Summary, main_model, ratios, rivals, tripped
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.sections.quality import point
from evaluation.offline.report.table import Cell, Entry, Table

VERDICTS = {1: "better", 0: "cannot be told apart", -1: "worse"}

Ratio = Mapping[str, Any]


def ratio_section(summary: Summary) -> Section | None:
    """The main model against each other one, paired by user."""
    metrics = dict.fromkeys(one.get("metric", QUALITY) for one in summary.get("ratios") or [])
    found = {metric: ratios(summary, metric) for metric in metrics}
    if not any(found.values()):
        return None
    name = model_label(str(main_model(summary)))
    figures = [_figure(summary, metric, of_metric) for metric, of_metric in found.items()]
    return Section(
        name="ratios",
        title=f"{name} against the others",
        lead="Ratios of means over the same users, with 95 % intervals from drawing users again "
        "for both models at once. Where an interval holds 1, nothing is claimed.",
        figures=tuple(figure for figure in figures if figure is not None),
        tables=(_table(summary, found),),
    )


def _figure(summary: Summary, metric: str, found: Sequence[Ratio]) -> Figure | None:
    bad = tripped(summary)
    drawn = [r for r in found if known(r.get("mean")) and r["mean"] > 0 and r["to"] not in bad]
    if not drawn:
        return None
    title = f"{metric_label(metric)} of {model_label(drawn[0]['of'])} as a multiple of"
    rows = [_row(one) for one in sorted(drawn, key=lambda one: float(one["mean"]))]
    return Figure(
        title=title,
        description=f"{title} each other model, with 95 % interval.",
        draw=lambda width: interval_plot(
            width, rows, title, rule=1.0, log=True, axis="times, logarithmic"
        ),
    )


def _row(one: Ratio) -> Row:
    label = model_label(one["to"])
    # A logarithmic axis has no place for 0.
    drawn = {**one, "low": max(one["low"], one["mean"] / 100)} if has_interval(one) else one
    style = "main" if verdict(one) else "plain"
    shown = point(drawn, style, f"{ratio_interval(one)} times as well as {label}")
    return Row(label, (shown,), value=ratio_interval(one), short=ratio(one["mean"]))


def _table(summary: Summary, found: Mapping[str, Sequence[Ratio]]) -> Table:
    """A row per model, and per metric the ratio and what follows from it."""
    bad, main = tripped(summary), model_label(str(main_model(summary)))
    by_name = {m: {str(one["to"]): one for one in of_metric} for m, of_metric in found.items()}
    rows: list[tuple[Entry, ...]] = []
    order = dict.fromkeys([*(str(m["name"]) for m in rivals(summary)), *bad])
    compared = {name for of_metric in by_name.values() for name in of_metric}
    for name in (name for name in order if name in compared):
        leaks = name in bad or main_model(summary) in bad
        cells = [c for m in by_name for c in _cells(by_name[m].get(name), leaks)]
        rows.append((model_label(name), *cells))
    heads = [head for metric in found for head in (metric_label(metric), f"{main} is")]
    verdicts = frozenset(range(2, 2 * len(found) + 1, 2))
    title = f"{main} to each model, paired by user"
    return Table(title, ("Model", *heads), tuple(rows), words=verdicts | {0})


def _cells(one: Ratio | None, leaks: bool) -> tuple[Cell, Cell]:
    if one is None:
        return Cell(ratio(None)), Cell("")
    beneath = ratio_interval(one).partition(" ")[2]
    said = "no verdict: canary trips" if leaks else VERDICTS[verdict(one)]
    return Cell(ratio(one.get("mean")), beneath), Cell(said, alarming=leaks)
