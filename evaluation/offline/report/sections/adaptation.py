"""Local adaptation: who gains and who loses, in log-probability of the held-out item."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from evaluation.offline.report.charts.columns import Bin, histogram
from evaluation.offline.report.charts.intervals import Row, interval_plot
from evaluation.offline.report.formats import (
    bounds,
    decimal,
    known,
    percent,
    percent_interval,
    signed,
    whole,
)
from evaluation.offline.report.reading import Summary
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.sections.places import named
from evaluation.offline.report.sections.quality import known_mean, point
from evaluation.offline.report.table import Cell, Table

HEIGHT_PX = 260
GAIN = "gain_in_nats"
WHAT = (
    "Gain is the log-probability of the held-out item after adaptation less that of the shared "
    "tower, in nats."
)

Adaptation = Mapping[str, Any]


def adaptation_section(summary: Summary) -> Section | None:
    """The share of losers, what they lose and the others gain; the same by length of history."""
    adaptation = summary.get("adaptation") or {}
    if not adaptation:
        return None
    by_length = [g for g in adaptation.get("by_history_length") or [] if known_mean(g.get(GAIN))]
    figures = [_gains(adaptation["histogram"])] if adaptation.get("histogram") else []
    figures += [_by_length(by_length)] if by_length else []
    return Section(
        name="adaptation",
        title="Local adaptation",
        lead=" ".join(part for part in (_lift(adaptation), _losers(adaptation), WHAT) if part),
        figures=tuple(figures),
        tables=(_table(adaptation),),
        notes=_spread(adaptation.get("quantiles") or {}),
    )


def _lift(adaptation: Adaptation) -> str:
    lift = adaptation.get("lift") or {}
    if not known_mean(lift):
        return ""
    said = percent_interval(lift)
    if known(lift.get("low")) and lift["low"] > 0:
        return f"Adaptation lifts NDCG@10 by {said} over the shared tower."
    if known(lift.get("high")) and lift["high"] < 0:
        return f"Adaptation costs NDCG@10: {said} against the shared tower."
    return f"No lift of NDCG@10 is shown: {said} against the shared tower."


def _losers(adaptation: Adaptation) -> str:
    losers, loss, gain = (adaptation.get(key) for key in ("losers", "mean_loss", "mean_gain"))
    if not known(losers):
        return ""
    words = f"In {percent(losers)} of the cases the held-out item becomes less probable"
    if known(loss) and known(gain):
        words += f", by {decimal(abs(loss or 0), 3)} on average; the others gain {decimal(gain, 3)}"
    return f"{words}."


def _gains(counts: Mapping[str, Any]) -> Figure:
    words = "Cases by gain in log-probability of the held-out item; those who lose left of zero."
    total = sum(counts["counts"]) or 1
    bins = [
        _bin(low, high, count / total)
        for (low, high), count in zip(pairwise(counts["edges"]), counts["counts"], strict=True)
    ]
    return Figure(
        title="Who gains, who loses",
        description=words,
        draw=lambda width: histogram(
            width,
            HEIGHT_PX,
            bins,
            words,
            axis="gain in log-probability, nats",
            up=lambda share: percent(share, 0),
            rule=0.0,
        ),
        table=_gains_table(bins),
        keys=(Key("loser", "lose", "block"), Key("winner", "gain", "block")),
        note="The outermost columns hold all that lies beyond them.",
    )


def _bin(low: float, high: float, share: float) -> Bin:
    style = "loser" if (low + high) / 2 < 0 else "winner"
    said = f"{signed(low, 2)} to {signed(high, 2)}: {percent(share)} of the cases"
    return Bin(low, high, share, style, said)


def _gains_table(bins: Sequence[Bin]) -> Table:
    rows = tuple((signed(b.low, 2), signed(b.high, 2), percent(b.count)) for b in bins if b.count)
    return Table("Cases by gain from adaptation", ("From", "To", "Cases"), rows)


def _by_length(groups: Sequence[Mapping[str, Any]]) -> Figure:
    words = "Mean gain by length of the history, with 95 % intervals; right of zero it gains."
    rows = []
    for group in groups:
        value = group[GAIN]
        said = f"{group['name']}: {signed(value['mean'])} {bounds(value, 3)}"
        style = "loser" if value["mean"] < 0 else "winner"
        written = f"{signed(value['mean'])} {bounds(value, 3)}"
        shown = (point(value, style, said),)
        rows.append(Row(named(group), shown, value=written, short=signed(value["mean"])))
    return Figure(
        title="Mean gain by length of the history",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, rule=0.0, axis="nats"),
    )


def _table(adaptation: Adaptation) -> Table:
    intervals = adaptation.get("intervals") or {}
    short = ("losers", "mean_loss", "mean_gain")
    everybody = {key: intervals.get(key) or {"mean": adaptation.get(key)} for key in short}
    bands = adaptation.get("by_history_length") or []
    n = sum(band.get("n") or 0 for band in bands) or None
    groups = [{"name": "Everybody", "n": n, **everybody, GAIN: adaptation.get(GAIN)}, *bands]
    rows = tuple(_row(group, short) for group in groups)
    heads = ("Length of history", "Questions", "Lose", "Mean loss", "Mean gain", "Gain of all")
    return Table("Who gains, who loses", heads, rows, marked=frozenset({0}))


def _row(group: Mapping[str, Any], short: tuple[str, ...]) -> tuple[str | Cell, ...]:
    losers = group.get("losers") or {}
    nats = [group.get(key) or {} for key in (*short[1:], GAIN)]
    cells = [Cell(signed(value.get("mean")), bounds(value, 3)) for value in nats]
    share = Cell(percent(losers.get("mean")), percent_interval(losers).partition(" ")[2])
    return (str(group["name"]), whole(group.get("n")), share, *cells)


def _spread(quantiles: Mapping[str, Any]) -> tuple[str, ...]:
    if not all(known(quantiles.get(q)) for q in ("0.05", "0.25", "0.75", "0.95")):
        return ()
    low, first, third, high = (signed(quantiles[q], 2) for q in ("0.05", "0.25", "0.75", "0.95"))
    return (
        f"Half of the cases lie between {first} and {third} nats, nine in ten {low} to {high}.",
    )
