"""A small task with a known truth, and two scorers: one knows it in part, one was told nothing."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.history import History
from recsys.task import UNSEEN, Grouping, Queries, Task

N_ITEMS = 60


def draw_histories(n: int, rng: np.random.Generator, lengths: tuple[int, int]) -> list[Ints]:
    """Distinct rows a person, the low ones likelier; the last is what is held out."""
    weights = 1.0 / np.arange(1, N_ITEMS + 1)
    sizes = rng.integers(*lengths, n)
    return [rng.choice(N_ITEMS, size + 1, False, weights / weights.sum()) for size in sizes]


def make_queries(drawn: Sequence[Ints], n_nulls: int, rng: np.random.Generator) -> Queries:
    """One question a person; nulls are rows that the person never touched."""
    free = [np.setdiff1d(np.arange(N_ITEMS), rows) for rows in drawn]
    return Queries(
        histories=tuple(History.of(rows[:-1]) for rows in drawn),
        users=np.arange(len(drawn)),
        targets=np.array([rows[-1] for rows in drawn], np.int64),
        nulls=np.array([rng.choice(rows, n_nulls, False) for rows in free], np.int64),
        excluded=tuple(np.sort(rows[:-1]) for rows in drawn),
        people=np.arange(len(drawn)),
    )


def make_task(n: int = 80, n_nulls: int = 2, seed: int = 0) -> Task:
    """Leave-last-out over `n` people in two groups, the second half "old"."""
    rng = np.random.default_rng(seed)
    drawn = draw_histories(n, rng, (3, 12))
    questions = make_queries(drawn, n_nulls, rng)
    return Task(
        name="made up",
        split="leave-last-out",
        item_ids=tuple(f"item-{i}" for i in range(N_ITEMS)),
        event_types=("view",),
        ordered=True,
        train=questions.histories,
        people=np.arange(n),
        validation=questions,
        test=questions,
        content=tuple(np.zeros(0, np.int64) for _ in range(N_ITEMS)),
        touched=tuple(np.sort(rows) for rows in drawn),
        groups={"age": Grouping(("young", "old"), np.repeat([0, 1], [n // 2, n - n // 2]))},
    )


class Guess:
    """A model of noise plus some knowledge of the answer: `skill` 0 knows nothing.

    `favour` is added to given rows of each user, as a leak would.
    """

    def __init__(self, queries: Queries, skill: float, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.table = rng.normal(size=(len(queries), N_ITEMS)).astype(np.float32)
        self.favour(queries, queries.targets[:, None], skill)

    def favour(self, queries: Queries, rows: Ints, by: float) -> None:
        """Raise rows (n, m) of the questions' users."""
        for user, own in zip(queries.users, rows, strict=True):
            self.table[user, own] += by

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """Rows of the table; nobody's history matters. Users unseen in training get zeros."""
        known = np.where((users == UNSEEN)[:, None], 0.0, self.table[np.maximum(users, 0)])
        return known.astype(np.float32)
