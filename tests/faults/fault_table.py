"""The table of faults, repetitions, outcomes and recovery times, as a run has found them."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.recovery import BAR_S, Recovery

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
STORES = ("sqlite", "postgres")
HEAD = ("", "fault", "SQLite", "Postgres", "outcome")
OUTCOME = "0 lost, 0 twice, chain whole"


@dataclass
class Row:
    """One fault: by store, what each repetition took, or why there was none."""

    recoveries: dict[str, list[Recovery]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)


class FaultTable:
    """Rows by number of the fault (as `F1`) and what was done, in the order of the run."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.facts: list[str] = []

    def note(self, number: str, name: str, store: str, recovery: Recovery) -> None:
        """One repetition, after which the books were in order."""
        row = self.rows.setdefault((number, name), Row())
        row.recoveries.setdefault(store, []).append(recovery)

    def note_not_run(self, number: str, name: str, store: str, reason: str) -> None:
        """A fault that the store does not have, or that this machine does not permit."""
        self.rows.setdefault((number, name), Row()).not_run[store] = reason

    def verdict(self) -> str:
        """Whether every repetition of every row stayed under the bar, or which did not."""
        slow = [
            f"{number} {name} on {store} ({longest_s:.1f} s)"
            for (number, name), row in self.rows.items()
            for store, found in row.recoveries.items()
            if (longest_s := max(recovery.wall_s for recovery in found)) >= BAR_S
        ]
        if not slow:
            return f"Every repetition of every row recovered in less than {BAR_S:g} s."
        return f"NOT in less than {BAR_S:g} s: {'; '.join(slow)}."

    def lines(self) -> list[str]:
        """The table in Markdown."""
        lines = [_line(HEAD), _line(["---"] * len(HEAD))]
        for (number, name), row in sorted(self.rows.items(), key=lambda item: int(item[0][0][1:])):
            outcome = OUTCOME if row.recoveries else "not run"
            cells = [_cell(row, store) for store in STORES]
            lines.append(_line([number, name, *cells, outcome]))
        for fact in [self.verdict(), *self.facts]:
            lines += ["", fact]
        return lines


def _cell(row: Row, store: str) -> str:
    found = row.recoveries.get(store)
    if not found:
        return row.not_run.get(store, "-")
    wall = [recovery.wall_s for recovery in found]
    versions = [recovery.next_s for recovery in found if recovery.next_s is not None]
    cpu = [recovery.cpu_s for recovery in found if recovery.cpu_s is not None]
    text = f"{len(found)}: {statistics.median(wall):.1f} s, at most {max(wall):.1f} s"
    text += f"; version {statistics.median(versions):.1f} s" if versions else ""
    return f"{text}; CPU {statistics.median(cpu):.1f} s" if cpu else text


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_between(page: Path, lines: list[str]) -> None:
    """Replace what stands between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = "\n".join([BEGIN, "", *lines, "", END])
    page.write_text(head + body + tail, encoding="utf-8")
