"""The drill's figures as a table for people."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from evaluation.drill.figures import Figures

COLUMNS = (
    "plan",
    "rounds\na day",
    "aban-\ndoned",
    "to\nquorum",
    "p90",
    "leases",
    "wasted",
    "kB\ndown",
    "kB\nup",
    "requests\nan update",
)
STALENESS = "updates by\nstaleness"


def print_table(console: Console, figures: Mapping[str, Figures]) -> None:
    """One row a plan, then the polls and refusals of each. figures: by the plan's name."""
    # A column of its own only where it tells anything: lines have eighty characters.
    are_stale = any(set(one.staleness) - {0} for one in figures.values())
    columns = (*COLUMNS, STALENESS) if are_stale else COLUMNS
    table = Table(*columns, box=SIMPLE_HEAD, padding=(0, 1))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, one in figures.items():
        table.add_row(name, *_cells(one), *([_by_staleness(one.staleness)] if are_stale else []))
    console.print(table)
    for name, one in figures.items():
        console.print(f"polls a visit with {name}: {_shown(one.polls_per_visit, 1)}")
        refusals = ", ".join(f"{reason} {n}" for reason, n in one.refusals.items())
        console.print(f"refused with {name}: {refusals or 'nothing'}")


def _cells(one: Figures) -> tuple[str, ...]:
    return (
        f"{one.rounds_per_day:.1f}",
        str(one.abandoned),
        _shown(one.quorum_s_median, 0),
        _shown(one.quorum_s_p90, 0),
        str(one.leases),
        f"{one.wasted} ({one.wasted_share:.0%})",
        f"{one.down_bytes / 1000:.1f}",
        f"{one.up_bytes / 1000:.1f}",
        _shown(one.requests_per_update, 1),
    )


def _by_staleness(updates: Mapping[int, int]) -> str:
    """Updates that are 0, 1, 2, ... steps behind; a synchronous plan has the first alone."""
    return " / ".join(str(updates.get(steps, 0)) for steps in range(max(updates, default=0) + 1))


def _shown(value: float | None, digits: int) -> str:
    return "never" if value is None else f"{value:.{digits}f}"
