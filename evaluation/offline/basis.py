"""What every figure of one evaluation rests on: its questions, its people, what was popular."""

from dataclasses import dataclass

import numpy as np

from evaluation.offline.intervals import N_BOOT, Resamples, resample
from recsys.arrays import Floats, Ints
from recsys.metrics.novelty import information
from recsys.task import Queries, Task


@dataclass(frozen=True)
class Basis:
    """drawn: the people, drawn again once for all figures;
    popularity: (n_items,) int64, training users who touched each item; bits: its information
    catalogue: (m,) int64, the rows that may be listed at all
    person_weights: (n_questions,), one over the questions of the same person
    """

    task: Task
    drawn: Resamples
    popularity: Ints
    bits: Floats
    catalogue: Ints
    person_weights: Floats

    @property
    def queries(self) -> Queries:
        """The test questions."""
        return self.task.test


def basis_of(task: Task, n_boot: int = N_BOOT, seed: int = 0) -> Basis:
    """The basis for a task's test questions. ValueError if it asks nobody."""
    drawn = resample(task.test.people, np.random.default_rng(seed), n_boot)
    popularity = training_users(task)
    everything = np.arange(task.n_items)
    candidates = task.test.candidates
    return Basis(
        task=task,
        drawn=drawn,
        popularity=popularity,
        bits=information(popularity),
        catalogue=everything if candidates is None else candidates,
        person_weights=1.0 / np.bincount(drawn.of)[drawn.of],
    )


def training_users(task: Task) -> Ints:
    """(n_items,) int64, the training users who touched each item. Users count, not events."""
    rows = [np.unique(history.rows) for history in task.train]
    return np.bincount(_joined(rows), minlength=task.n_items).astype(np.int64)


def training_events(task: Task) -> Ints:
    """(n_items,) int64, the training events of each item."""
    rows = [history.rows for history in task.train]
    return np.bincount(_joined(rows), minlength=task.n_items).astype(np.int64)


def _joined(rows: list[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *rows])
