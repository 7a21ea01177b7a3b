"""Question by question: where the held-out item ranks, over all of them."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from evaluation.offline.report.charts.lines import Axis, Line, line_plot
from evaluation.offline.report.formats import percent
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, models, style_of
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.table import Table

RANKS_HEIGHT_PX = 340
LISTED_RANKS = (1, 5, 10, 20, 50, 100)

Counts = Mapping[str, Any]


def ranks_section(summary: Summary) -> Section | None:
    """Per model the share of questions whose held-out item is among the first k."""
    found = {m["name"]: _cumulative(m.get("rank_histogram")) for m in models(summary)}
    found = {name: points for name, points in found.items() if len(points) > 1}
    if not found:
        return None
    words = "Share of questions whose held-out item is among the first k, by k, a line per model."
    # The main model is drawn last, above the others.
    ordered = sorted(found, key=lambda name: style_of(summary, name) == "main")
    lines = [Line(found[name], style_of(summary, name), model_label(name)) for name in ordered]
    across = Axis(1, max(p[-1][0] for p in found.values()), "k, logarithmic", log=True)
    up = Axis(0, 1, label=lambda share: percent(share, 0))
    figure = Figure(
        title="Share of questions with the held-out item among the first k",
        description=words,
        draw=lambda width: line_plot(width, RANKS_HEIGHT_PX, lines, words, across, up, rule=10),
        table=_ranks_table(found),
        keys=tuple(Key(style_of(summary, n), model_label(n), "line") for n in found),
        broad=True,
    )
    return Section(
        name="ranks",
        title="Question by question",
        lead="The rank of the held-out item over all questions. A line that is higher on the left "
        "finds it sooner; the upright rule is at ten, the length of a list.",
        figures=(figure,),
    )


def _cumulative(counts: Counts | None) -> tuple[tuple[float, float], ...]:
    """(rank, share at or before it) from bins edges[i] <= rank < edges[i + 1]."""
    if not counts or not sum(counts["counts"]):
        return ()
    total = sum(counts["counts"])
    sums = accumulate(counts["counts"])
    ends = counts["edges"][1:]
    return tuple((max(end - 1, 1), done / total) for end, done in zip(ends, sums, strict=True))


def _ranks_table(found: Mapping[str, Sequence[tuple[float, float]]]) -> Table:
    rows = []
    for name, points in found.items():
        shares = [next((s for k, s in points if k == rank), None) for rank in LISTED_RANKS]
        rows.append((model_label(name), *(percent(share) for share in shares)))
    heads = ("Model", *(f"first {k}" for k in LISTED_RANKS))
    return Table("Share of questions with the held-out item among the first k", heads, tuple(rows))
