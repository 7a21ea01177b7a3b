"""The table of faults, repetitions, outcomes and recovery times, as a run has found them."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
STORES = ("sqlite", "postgres")
HEAD = ("fault", "", "SQLite", "Postgres", "lost", "counted twice")


@dataclass
class Row:
    """One fault. recoveries_s: by store, one for each repetition."""

    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)


@dataclass
class FaultTable:
    """Rows in the order in which they were first noted. number: as F1; name: what was done."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    receipts: int = 0
    published: int = 0

    def note(self, number: str, name: str, store: str, recovery_s: float) -> None:
        """One repetition whose books were in order."""
        row = self.rows.setdefault((number, name), Row())
        row.recoveries_s.setdefault(store, []).append(recovery_s)

    def note_not_run(self, number: str, name: str, store: str, reason: str) -> None:
        """A fault that this machine does not permit, or that the store does not have."""
        self.rows.setdefault((number, name), Row()).not_run[store] = reason

    def lines(self) -> list[str]:
        """The table in Markdown."""
        lines = [_line(HEAD), _line(["---"] * len(HEAD))]
        for (number, name), row in sorted(self.rows.items(), key=lambda item: int(item[0][0][1:])):
            cells = [_cell(row, store) for store in STORES]
            ran = bool(row.recoveries_s)
            lines.append(_line([number, name, *cells, *(("0", "0") if ran else ("", ""))]))
        return lines


def _cell(row: Row, store: str) -> str:
    found = row.recoveries_s.get(store)
    if not found:
        return row.not_run.get(store, "")
    return f"{len(found)}: {statistics.median(found):.2f} s, at most {max(found):.2f} s"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_between(page: Path, lines: list[str]) -> None:
    """Replace what stands between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = "\n".join([BEGIN, "", *lines, "", END])
    page.write_text(head + body + tail, encoding="utf-8")
