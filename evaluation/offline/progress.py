"""What is seen while an evaluation runs: a bar for everything, one for the training at hand.

Where the output is no terminal (a log, a build) there are lines instead of bars.
"""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from evaluation.offline.experiment import TEST
from evaluation.offline.results import Run
from recsys.metrics.ndcg import ndcg_at
from recsys.recommender import OnProgress

LINE_EVERY_S = 60.0


class Display:
    """A context manager. n_trainings: how many there will be."""

    def __init__(self, console: Console, n_trainings: int) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[words]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._n, self._begun, self._said_at = n_trainings, 0, time.monotonic()
        self._all = self._bars.add_task("everything", total=n_trainings, words="")
        self._one = self._bars.add_task("", total=1.0, words="")

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def training(self, words: str) -> OnProgress:
        """A training begins. Returns what is to be told how far it is."""
        done, self._begun = self._begun, self._begun + 1
        self._bars.update(self._all, completed=done, words=f"training {self._begun} of {self._n}")
        self._bars.reset(self._one, description=words, total=1.0, words="")

        def on_progress(share: float, doing: str) -> None:
            self._bars.update(self._one, completed=share, words=doing)
            self._bars.update(self._all, completed=done + min(share, 1.0))
            self._say_now_and_then(f"{words}: {share:.0%}, {doing}")

        return on_progress

    def finished(self, words: str, runs: Mapping[str, Run]) -> None:
        """A model is trained with a seed and has answered."""
        run = runs[TEST]
        found = f"NDCG@10 {ndcg_at(run.test.ranks, 10):.4f}, {run.cpu_s:.1f} CPU s a training"
        self._print(f"✓ {words}: {found}")

    def _say_now_and_then(self, line: str) -> None:
        if self._console.is_terminal or time.monotonic() - self._said_at < LINE_EVERY_S:
            return
        self._print(f"  {line}")

    def _print(self, line: str) -> None:
        # Wrapped by the terminal alone, so that a log has one line each.
        self._console.print(Text(line), soft_wrap=True)
        self._said_at = time.monotonic()
