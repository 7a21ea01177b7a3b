"""The contract that every model of a comparison keeps, and the number that all choose by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.history import History
from recsys.metrics.ndcg import gains_at
from recsys.metrics.rank import ranks_of
from recsys.task import Queries, Task

CHUNK = 512  # questions scored at a time: bounds memory to CHUNK x n_items floats
K = 10


class Scorer(Protocol):
    """A trained model."""

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """Scores of every row for n users, (n, n_items), higher is better.

        users: (n,) int64, index of each user's training history, UNSEEN for none. What is personal
        in a model may depend on it; the history may hold events that came after training.
        """


@dataclass(frozen=True)
class Fitted:
    """A trained model with what it was chosen by.

    scorer: the model; chosen: the settings that validation chose;
    curve: (rounds or epochs so far, validation NDCG@10), as training went on;
    beside: further scorers of the same training, by name ("shared": without adaptation)
    """

    scorer: Scorer
    chosen: dict[str, float | int | str] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    beside: dict[str, Scorer] = field(default_factory=dict)


OnProgress = Callable[[float, str], None]
"""Told the share done, in [0, 1], and what is being done."""


class Recommender(Protocol):
    """A model before training. Equal task and seed give an equal scorer."""

    @property
    def name(self) -> str:
        """As the command line and the table name it."""

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        """Train on `task.train` alone; choose on `task.validation`."""


def chunks(queries: Queries, size: int = CHUNK) -> Iterator[Queries]:
    """The questions in order, `size` at a time."""
    for start in range(0, len(queries), size):
        yield queries.take(range(start, min(start + size, len(queries))))


def not_candidates(queries: Queries, n_items: int) -> Bools:
    """(n, n_items), True for rows that are not ranked for a question."""
    out = np.zeros((len(queries), n_items), bool)
    if queries.candidates is not None:
        out[:] = True
        out[:, queries.candidates] = False
    for i, rows in enumerate(queries.excluded):
        out[i, rows] = True
    return out


def target_ranks(scorer: Scorer, queries: Queries) -> Floats:
    """Rank of each target among its candidates, (n,) float64, 1 is best, ties count half."""
    found = []
    for part in chunks(queries):
        scores = scorer.scores(part.histories, part.users)
        found.append(ranks_of(scores, part.targets, not_candidates(part, scores.shape[1])))
    return np.concatenate(found) if found else np.zeros(0)


def validation_ndcg(scorer: Scorer, queries: Queries, k: int = K) -> float:
    """NDCG@k over the questions, full ranking: what every choice in a comparison is made by."""
    return float(gains_at(target_ranks(scorer, queries), k).mean())
