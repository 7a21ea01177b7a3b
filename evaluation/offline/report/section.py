"""A part of the report: what it says, its plots and its tables. Both documents are made from it."""

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.offline.report.markup import Markup
from evaluation.offline.report.table import Table

Draw = Callable[[int], Markup]


@dataclass(frozen=True)
class Key:
    """An entry of a plot's legend. style: the class that its marks have; mark: dot, line, block."""

    style: str
    label: str
    mark: str = "dot"


@dataclass(frozen=True)
class Figure:
    """A plot. draw: makes it, given a width in pixels; description: what it shows, for who cannot
    see it; table: the same in figures; broad: takes the whole width of the page."""

    title: str
    description: str
    draw: Draw
    table: Table | None = None
    keys: tuple[Key, ...] = ()
    note: str = ""
    broad: bool = False


@dataclass(frozen=True)
class Section:
    """name: its anchor; lead: the first words on it; tables: those that stand open;
    beside: those next to the figures instead of below."""

    name: str
    title: str
    lead: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    beside: tuple[Table, ...] = ()
    code: str = ""
    notes: tuple[str, ...] = ()
