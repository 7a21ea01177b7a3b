"""Quality per round on validation: how each model got where it is, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.charts.lines import Axis, Line, line_plot
from evaluation.offline.report.formats import decimal, known, whole
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, models, style_of, tripped
from evaluation.offline.report.section import Figure, Section
from evaluation.offline.report.table import Table

HEIGHT_PX = 230

Curve = Sequence[tuple[float, float]]


def learning_section(summary: Summary) -> Section | None:
    """One plot per model that was trained in rounds, all on the same height."""
    curves = {model["name"]: _curves(model) for model in models(summary)}
    curves = {name: found for name, found in curves.items() if found}
    if not curves:
        return None
    tops = {name: _top(found) for name, found in curves.items()}
    # A leak would press everybody else to the ground.
    fair = max((top for n, top in tops.items() if n not in tripped(summary)), default=0.0)
    figures = tuple(
        _figure(summary, n, found, tops[n] if n in tripped(summary) else fair)
        for n, found in curves.items()
    )
    return Section(
        name="learning",
        title="Quality per round",
        lead="NDCG@10 on validation while training, a line per seed. The dot is the best point "
        "of the line. The test questions are asked once, afterwards.",
        figures=figures,
    )


def _top(found: Mapping[str, Curve]) -> float:
    return max(y for curve in found.values() for _, y in curve)


def _curves(model: Mapping[str, Any]) -> dict[str, Curve]:
    """By seed; points that are no numbers are left out, and a single point is no curve."""
    found: dict[str, Curve] = {}
    for run in model.get("seeds") or []:
        curve = [(float(x), float(y)) for x, y in run.get("curve") or [] if known(x) and known(y)]
        if len(curve) > 1:
            found[str(run.get("seed", len(found)))] = curve
    return found


def _figure(summary: Summary, name: str, found: Mapping[str, Curve], top: float) -> Figure:
    label = model_label(name)
    words = f"{label}: NDCG@10 on validation by round, {len(found)} seeds."
    style = style_of(summary, name)
    lines = [
        Line(tuple(curve), style, f"seed {seed}", max(curve, key=lambda p: p[1]))
        for seed, curve in found.items()
    ]
    across = Axis(0, max(x for curve in found.values() for x, _ in curve), "round or epoch")
    up = Axis(0, top * 1.06 or 1.0, label=lambda v: f"{v:.3f}".removesuffix("0"))
    return Figure(
        title=label,
        description=words,
        draw=lambda width: line_plot(width, HEIGHT_PX, lines, words, across, up),
        table=_table(label, found),
    )


def _table(label: str, found: Mapping[str, Curve]) -> Table:
    rows = []
    for seed, curve in found.items():
        best = max(curve, key=lambda p: p[1])
        last = curve[-1]
        rows.append((seed, whole(best[0]), decimal(best[1]), whole(last[0]), decimal(last[1])))
    heads = ("Seed", "Best round", "NDCG@10", "Last round", "NDCG@10")
    return Table(f"{label}: best and last round", heads, tuple(rows))
