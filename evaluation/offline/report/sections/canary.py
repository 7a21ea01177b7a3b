"""The canary: items nobody touched, given the status of the held-out one."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.report.charts.intervals import Point, Row, interval_plot
from evaluation.offline.report.formats import decimal, known, percent
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import Summary, tripped
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.table import Cell, Table

CHANCE = 0.5
LEAD = (
    "Random items that a user never touched get the status of the held-out item everywhere. "
    "A model that is told nothing ranks them anywhere, at the 0.5 percentile on average; "
    "a leak lifts them."
)


def canary_section(summary: Summary) -> Section | None:
    """Mean percentile of the null items per model, two standard errors either way."""
    canary = summary.get("canary") or {}
    drawn = {
        name: found for name, found in canary.items() if found and known(found.get("percentile"))
    }
    if not drawn:
        return None
    return Section(
        name="canary",
        title="Canary",
        lead=f"{LEAD} {_outcome(summary)}{_chance(drawn)}",
        figures=(_figure(drawn),),
        beside=(_table(drawn),),
    )


def _outcome(summary: Summary) -> str:
    bad = [model_label(name) for name in tripped(summary)]
    if not bad:
        return "Every model stays within two standard errors of 0.5."
    return f"Outside two standard errors: {', '.join(bad)}."


def _chance(drawn: Mapping[str, Any]) -> str:
    """The sampled hit rate that a model reaches which is told nothing."""
    found = [one["sampled_chance"] for one in drawn.values() if known(one.get("sampled_chance"))]
    return f" Chance alone gives a sampled HR@10 of {percent(found[0])}." if found else ""


def _figure(drawn: Mapping[str, Any]) -> Figure:
    words = "Mean percentile of the null items per model, two standard errors either way."
    rows = [_row(name, found) for name, found in drawn.items()]
    limits = _limits(drawn)
    return Figure(
        title="Mean percentile of null items, ± 2 standard errors",
        description=words,
        draw=lambda width: interval_plot(width, rows, words, rule=CHANCE, limits=limits),
        keys=(Key("quiet", "within noise"), Key("alarm", "trips")),
    )


def _limits(drawn: Mapping[str, Any]) -> tuple[float, float]:
    """Wide enough for the quiet ones: a leak is off the scale, and an arrow says so."""
    quiet = [one for one in drawn.values() if one.get("within_two") is not False]
    reach = [abs(o["percentile"] - CHANCE) + 2 * (o.get("standard_error") or 0) for o in quiet]
    most = max([0.01, *reach]) * 1.25
    return CHANCE - most, CHANCE + most


def _row(name: str, found: Mapping[str, Any]) -> Row:
    mean, reach = found["percentile"], 2 * (found.get("standard_error") or 0.0)
    style = "alarm" if found.get("within_two") is False else "quiet"
    label = model_label(name)
    said = f"{label}: {decimal(mean)} ± {decimal(reach)}"
    value = f"{decimal(mean, 3)} ± {decimal(reach, 3)}"
    shown = (Point(mean, mean - reach, mean + reach, style, said),)
    return Row(label, shown, value=value, short=decimal(mean, 3))


def _table(drawn: Mapping[str, Any]) -> Table:
    rows = []
    for name, found in drawn.items():
        bad = found.get("within_two") is False
        rows.append(
            (
                model_label(name),
                decimal(found["percentile"]),
                decimal(found.get("standard_error")),
                _sampled(found),
                Cell("trips" if bad else "within noise", alarming=bad),
            )
        )
    heads = ("Model", "Percentile", "Standard error", "Sampled HR@10", "Canary")
    return Table("Null items by model", heads, tuple(rows), words=frozenset({0, 4}))


def _sampled(found: Mapping[str, Any]) -> Cell:
    """Among 99 others, chance is 10 %."""
    error = found.get("sampled_hr_se")
    beneath = f"± {percent(2 * error)}" if known(error) else ""
    return Cell(percent(found.get("sampled_hr")), beneath)
