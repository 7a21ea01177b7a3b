"""How well each model ranks: levels, and ratios to the others."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.report.charts.intervals import Point, Row, interval_plot
from evaluation.offline.report.formats import (
    bounds,
    decimal,
    has_interval,
    interval,
    known,
)
from evaluation.offline.report.labels import metric_label, model_label
from evaluation.offline.report.reading import (
    QUALITY,
    Summary,
    main_model,
    models,
    style_of,
    tripped,
)
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.table import Cell, Table

SHOWN = ("ndcg@10", "hr@10")
SAMPLED = "sampled"
OF_LISTS = ("novelty", "coverage", "gini")

Entry = tuple[str, Mapping[str, Any]]


def quality_section(summary: Summary) -> Section | None:
    """Every model by every metric; the sampled metrics only after the full ones."""
    entries = _entries(summary)
    metrics = list(dict.fromkeys(key for _, found in entries for key in found))
    if not entries or not metrics:
        return None
    figures = tuple(_level(summary, entries, key) for key in SHOWN if key in metrics)
    return Section(
        name="quality",
        title="Quality",
        lead="Every candidate is ranked for every question. Dots are means over users and seeds, "
        "bars 95 % intervals from a bootstrap over users.",
        figures=figures,
        tables=_tables(summary, entries, metrics),
        notes=_notes(metrics),
    )


def _entries(summary: Summary) -> list[Entry]:
    """Models, and what stands beside them ("shared"): best first, those that leak last."""
    found: list[Entry] = []
    for model in models(summary):
        found.append((model["name"], model.get("metrics") or {}))
        for name, beside in (model.get("beside") or {}).items():
            found.append((f"{model['name']}/{name}", beside.get("metrics", beside)))
    bad = tripped(summary)
    return sorted(found, key=lambda entry: (entry[0] in bad, -_level_of(entry[1])))


def _level(summary: Summary, entries: list[Entry], key: str) -> Figure:
    measured = [(name, found[key]) for name, found in entries if known_mean(found.get(key))]
    rows = [_row(summary, name, value) for name, value in measured]
    title = metric_label(key)
    limits = _limits(summary, measured)
    chance = (summary.get("chance") or {}).get(key)
    words = f"{title} per model with 95 % interval, best first."
    return Figure(
        title=title,
        description=words,
        draw=lambda width: interval_plot(
            width,
            rows,
            words,
            from_zero=True,
            rule=chance,
            rule_style="rule faint",
            limits=limits,
        ),
        table=_level_table(title, measured),
        note=_note(chance, limits is not None),
    )


def _level_of(metrics: Mapping[str, Any]) -> float:
    value = metrics.get(QUALITY)
    return float(value["mean"]) if value and known_mean(value) else float("-inf")


def known_mean(value: Mapping[str, Any] | None) -> bool:
    """Whether there is a mean to draw."""
    return value is not None and known(value.get("mean"))


def _note(chance: float | None, arrows: bool) -> str:
    said = [f"Dashed: what random scores would reach, {decimal(chance)}."] if known(chance) else []
    said += ["An arrow: off the scale, and its canary trips."] if arrows else []
    return " ".join(said)


def _limits(summary: Summary, measured: list[Entry]) -> tuple[float, float] | None:
    """Of the models that can be believed, where others are: a leak would press them together."""
    bad = tripped(summary)
    fair = [value for name, value in measured if name not in bad]
    most = 1.06 * max((value.get("high") or value["mean"] for value in fair), default=0.0)
    beyond = any(value["mean"] > most for name, value in measured if name in bad)
    return (0.0, most) if fair and beyond else None


def _row(summary: Summary, name: str, value: Mapping[str, Any]) -> Row:
    label = model_label(name)
    said = f"{label}: {interval(value)}"
    return Row(
        label,
        (point(value, style_of(summary, name), said),),
        value=interval(value, 3),
        short=decimal(value["mean"], 3),
        strong=name == main_model(summary),
    )


def point(value: Mapping[str, Any], style: str, said: str) -> Point:
    """A mean with its interval; without one, a mere dot."""
    low, high = (value["low"], value["high"]) if has_interval(value) else (value["mean"],) * 2
    return Point(value["mean"], low, high, style, said)


def _level_table(title: str, measured: list[Entry]) -> Table:
    rows = tuple(
        (model_label(name), *(decimal(v.get(key)) for key in ("mean", "low", "high", "std")))
        for name, v in measured
    )
    return Table(title, ("Model", "Mean", "Low", "High", "Std over seeds"), rows)


def _tables(summary: Summary, entries: list[Entry], metrics: list[str]) -> tuple[Table, ...]:
    """The ranking; apart from it what the lists hold and the sampled metrics."""
    beside = [m for m in metrics if m.startswith((*OF_LISTS, SAMPLED))]
    beside.sort(key=lambda key: key.startswith(SAMPLED))
    parts = {
        "Ranking of the held-out item, all candidates": [m for m in metrics if m not in beside],
        "What the lists hold, and the sampled metrics": beside,
    }
    return tuple(_table(summary, title, entries, keys) for title, keys in parts.items() if keys)


def _table(summary: Summary, title: str, entries: list[Entry], metrics: list[str]) -> Table:
    bad = tripped(summary)
    rows = []
    for name, found in entries:
        label = Cell(model_label(name), "canary trips" if name in bad else "", name in bad)
        rows.append((label, *(_cell(found.get(key)) for key in metrics)))
    marked = frozenset(i for i, (name, _) in enumerate(entries) if name == main_model(summary))
    heads = ("Model", *(metric_label(key) for key in metrics))
    return Table(title, heads, tuple(rows), marked)


def _cell(value: Mapping[str, Any] | None) -> Cell:
    if value is None:
        return Cell(decimal(None))
    return Cell(decimal(value.get("mean")), bounds(value))


def _notes(metrics: list[str]) -> tuple[str, ...]:
    if not any(key.startswith(SAMPLED) for key in metrics):
        return ()
    return (
        "The sampled metrics rank the held-out item among 99 random ones. They are printed for "
        "comparison with older papers and decide nothing: they can order models differently.",
    )
