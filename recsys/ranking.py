"""Ranking with an item table: the best rows for a user, similar rows, and why a row came up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, view


@dataclass(frozen=True)
class Attribution:
    """The parts of one score; their sum is the score.

    events: (n,) what each event of the history adds (0 for events older than the kernels)
    residual: what the user's own residual adds; bias: what the item itself brings
    """

    events: Floats
    residual: float
    bias: float

    @property
    def score(self) -> float:
        return float(self.events.sum()) + self.residual + self.bias


def scores(table: ItemTable, user_vector: Floats) -> Floats:
    """u . target_i + bias_i for every row: (n_rows,) for a vector (d,), (b, n_rows) for (b, d)."""
    found: Floats = user_vector @ table.target.T + table.bias
    return found


def top_k(row_scores: Floats, excluded: Ints, k: int) -> Ints:
    """The k best rows, best first; fewer if not that many are left. Equal scores: lower row first.

    row_scores: (n_rows,); excluded: rows that must not come up (seen, removed, unassigned).
    """
    left = np.ones(row_scores.shape[0], bool)
    left[excluded] = False
    rows = np.nonzero(left)[0]
    k = min(k, rows.shape[0])
    if k <= 0:
        return np.zeros(0, np.int64)
    values = row_scores[rows]
    # Everything that ties with the k-th best takes part in the sort: argpartition alone would pick
    # among equals as it likes.
    worst = np.partition(values, values.shape[0] - k)[values.shape[0] - k]
    near = np.nonzero(values >= worst)[0]
    best = near[np.lexsort((rows[near], -values[near]))[:k]]
    return rows[best].astype(np.int64)


def top_k_batch(row_scores: Floats, excluded: Sequence[Ints], k: int) -> list[Ints]:
    """`top_k` for each of b users; row_scores: (b, n_rows)."""
    return [top_k(one, rows, k) for one, rows in zip(row_scores, excluded, strict=True)]


def attribute(
    table: ItemTable,
    scalars: SharedScalars,
    tower: UserTower,
    history: History,
    item_row: int,
    *,
    ordered: bool = True,
) -> Attribution:
    """Split the score of one row exactly: a score is a sum over the history's events."""
    whole = np.ones((1, 1, len(history)), bool)
    trace = view(table, scalars, tower, history, whole, ordered)
    target = table.target[item_row]
    events = np.zeros(len(history), target.dtype)
    for gain, pooled in zip(trace.gains[0], (trace.long, trace.short), strict=True):
        if pooled is not None:
            shares = pooled.weights[0, 0] / pooled.mass[0, 0] ** pooled.exponent
            events += gain * shares * (pooled.embeddings[0] @ target)
    return Attribution(events, float(tower.residual @ target), float(table.bias[item_row]))


def explain(
    table: ItemTable,
    scalars: SharedScalars,
    tower: UserTower,
    history: History,
    item_row: int,
    top: int = 3,
    *,
    ordered: bool = True,
) -> list[tuple[int, float]]:
    """The events that speak most for a row: (position in the history, what it adds), best first.

    Only events that add something: one that lowers the score is no reason for it.
    """
    events = attribute(table, scalars, tower, history, item_row, ordered=ordered).events
    order = np.lexsort((-np.arange(events.shape[0]), -events))[:top]
    return [(int(position), float(events[position])) for position in order if events[position] > 0]


def similar(table: ItemTable, row: int, k: int, excluded: Ints | Bools | None = None) -> Ints:
    """The k rows nearest to `row` by the cosine of their targets, never the row itself.

    excluded: further rows to leave out. Rows of zeros (no item) are always left out.
    """
    norms = np.linalg.norm(table.target, axis=1)
    cosines = (table.target @ table.target[row]) / np.where(norms > 0, norms, 1)
    out = norms == 0
    out[row] = True
    if excluded is not None:
        out[excluded] = True
    return top_k(cosines, np.nonzero(out)[0], k)
