"""Small tasks whose right answer is obvious."""

import numpy as np
import pytest

from recsys.arrays import Ints
from recsys.history import History
from recsys.task import Queries, Task

N_USERS, N_ITEMS = 24, 20


def _queries(known: list[Ints], targets: list[int]) -> Queries:
    people = np.arange(len(known))
    return Queries(
        tuple(History.of(rows.tolist()) for rows in known),
        people,
        np.array(targets),
        np.zeros((len(known), 0), np.int64),
        tuple(np.sort(rows) for rows in known),
        people,
    )


def checkerboard(seed: int = 3) -> Task:
    """Even users turn to the even rows in some order, odd ones to the odd: ten rows a user.

    The last two of each are held out, so that one right answer is left for the test.
    """
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.arange(user % 2, N_ITEMS, 2)) for user in range(N_USERS)]
    return Task(
        "checkerboard",
        "last",
        tuple(f"item {row}" for row in range(N_ITEMS)),
        ("view",),
        True,
        tuple(History.of(rows[:-2].tolist()) for rows in own),
        np.arange(N_USERS),
        _queries([rows[:-2] for rows in own], [int(rows[-2]) for rows in own]),
        _queries([rows[:-1] for rows in own], [int(rows[-1]) for rows in own]),
        tuple(np.zeros(0, np.int64) for _ in range(N_ITEMS)),
        tuple(np.sort(rows) for rows in own),
    )


@pytest.fixture(scope="package")
def board() -> Task:
    return checkerboard()
