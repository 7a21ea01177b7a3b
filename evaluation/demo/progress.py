"""The demo's live display: the round that runs, the devices, and how the model does on them."""

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from clients.python.fleet_counts import FleetCounts
from clients.python.service_answers import Round

# Where the output is no terminal (a log, a build), a line now and then says the same.
LINE_EVERY_ROUNDS = 10


class RoundsDisplay:
    """A context manager; `show` what is known now."""

    def __init__(self, console: Console, rounds: int) -> None:
        self._console = console
        self._wanted = rounds
        self._printed = 0
        self._bar = Progress(
            TextColumn("rounds"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("rounds", total=rounds)
        self._live = Live(self._bar, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "RoundsDisplay":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, published: int, newest: Round | None, counts: FleetCounts) -> None:
        """published: rounds so far; newest: the newest published round as the service tells it."""
        self._bar.update(self._task, completed=published)
        line = _describe(newest, counts)
        if self._console.is_terminal:
            self._live.update(Group(self._bar, Text(line, style="dim")))
        elif published >= self._printed + LINE_EVERY_ROUNDS or published == self._wanted:
            if published != self._printed:
                self._console.print(f"round {published}/{self._wanted}: {line}")
            self._printed = published


def _describe(newest: Round | None, counts: FleetCounts) -> str:
    parts = [f"{counts.accepted} updates accepted", f"{counts.waits} polls"]
    if counts.drop_outs:
        parts.append(f"{counts.drop_outs} drop-outs")
    if counts.failures:
        parts.append(f"{counts.failures} retries")
    metrics = newest["metrics"] if newest else None
    if metrics:
        parts.append(f"loss {metrics['loss']:.3f}, hits@10 {metrics['hits_at_10']:.3f} on devices")
    return ", ".join(parts)
