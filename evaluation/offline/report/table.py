"""A table of figures, written as HTML or as Markdown."""

import re
from dataclasses import dataclass

from evaluation.offline.report.markup import Markup, element

# A character that opens a construct in Markdown or HTML anywhere in a line.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~!&]|@(?=[A-Za-z]))")
INTERVAL = re.compile(r"\\\[([\d.,\s\u2212\u2013]+)\\\](?![(\[:])")


@dataclass(frozen=True)
class Cell:
    """beneath: said in small below the text, for instance its interval."""

    text: str
    beneath: str = ""
    alarming: bool = False


Entry = str | Cell


@dataclass(frozen=True)
class Table:
    """columns: their heads; rows: the first entry names the row; marked: rows that stand out.

    words: columns that are text, not figures
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    marked: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset({0})

    def to_html(self) -> Markup:
        """In a region that scrolls sideways where the table is wider than its place."""
        head = element("tr", [self._cell("th", i, c, "col") for i, c in enumerate(self.columns)])
        body = [self._row(i, row) for i, row in enumerate(self.rows)]
        table = element("table", element("thead", head), element("tbody", body), class_="figures")
        return element(
            "div", table, class_="scroll", role="region", aria_label=self.title, tabindex="0"
        )

    def _row(self, place: int, row: tuple[Entry, ...]) -> Markup:
        cells = [self._cell("td" if i else "th", i, e, "row") for i, e in enumerate(row)]
        return element("tr", cells, class_="marked" if place in self.marked else None)

    def _cell(self, tag: str, column: int, entry: Entry, scope: str) -> Markup:
        cell = entry if isinstance(entry, Cell) else Cell(entry)
        beneath = element("span", cell.beneath, class_="beneath") if cell.beneath else None
        classes = ["words"] * (column in self.words) + ["alarming"] * cell.alarming
        return element(
            tag,
            cell.text,
            beneath,
            scope=scope if tag == "th" else None,
            class_=" ".join(classes) or None,
        )

    def to_markdown(self) -> str:
        """A pipe table."""
        rule = ["---" if i in self.words else "---:" for i in range(len(self.columns))]
        rows = [[_in_line(entry) for entry in row] for row in self.rows]
        lines = [[_in_line(c) for c in self.columns], rule, *rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _in_line(entry: Entry) -> str:
    cell = entry if isinstance(entry, Cell) else Cell(entry)
    return escape_markdown(f"{cell.text} {cell.beneath}".strip())


def escape_markdown(text: str) -> str:
    """One line that reads as the text itself. Brackets around an interval are no link and stay."""
    line = " ".join(text.splitlines())
    return INTERVAL.sub(r"[\1]", SPECIAL.sub(r"\\\1", line))
