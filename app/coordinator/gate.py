"""The gate: what a new version must hold before anybody gets it."""

import numpy as np

from recsys.arrays import Ints
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, batch_of_one, user_vectors

NOT_FINITE = "not_finite"
TOO_LARGE = "values_too_large"
ROW_STEP = "row_step_too_large"
PROBE = "probe_not_finite"

# Heads travel as float16, whose largest number is 65,504; sums of a few rows must fit as well.
VALUE_MAX = 4096.0
# No honest step moves a row by many times what a row is long: a diverging optimiser does.
ROW_STEP_FACTOR = 10.0
PROBE_USERS = 16
PROBE_EVENTS = 20


def check_version(
    before: ItemTable, after: ItemTable, scalars: SharedScalars, live: Ints
) -> str | None:
    """None if the version may be published, else a stable reason. live: (n,) rows on offer."""
    heads = (after.target, after.context_long, after.context_short, after.bias)
    if not all(np.isfinite(array).all() for array in (*heads, scalars.to_vector())):
        return NOT_FINITE
    if max(float(np.abs(array).max(initial=0.0)) for array in heads) > VALUE_MAX:
        return TOO_LARGE
    if _largest_step(before, after, live) > ROW_STEP_FACTOR:
        return ROW_STEP
    return None if _probes_are_finite(after, scalars, live) else PROBE


def _largest_step(before: ItemTable, after: ItemTable, live: Ints) -> float:
    """The longest step of a row, in units of one plus the median length of a row."""
    known = live[live < before.n_rows]
    if known.size == 0:
        return 0.0
    old, new = _flat(before, known), _flat(after, known)
    typical = 1.0 + float(np.median(np.linalg.norm(old, axis=1)))
    return float(np.linalg.norm(new - old, axis=1).max()) / typical


def _flat(table: ItemTable, rows: Ints) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    heads = (table.target, table.context_long, table.context_short, table.bias[:, None])
    return np.concatenate([head[rows].astype(np.float64) for head in heads], axis=1)


def _probes_are_finite(table: ItemTable, scalars: SharedScalars, live: Ints) -> bool:
    """Score every item for a few made-up users; the same ones for every version of a catalogue."""
    if live.size == 0:
        return True
    rng = np.random.default_rng(live.size)
    n_events = min(PROBE_EVENTS, scalars.history_length)
    histories = []
    for _ in range(PROBE_USERS):
        rows, types = rng.choice(live, n_events), rng.integers(0, scalars.n_types, n_events)
        histories.append(History(rows, types, np.zeros(n_events, np.int64)))
    tower = batch_of_one(UserTower.default(scalars, table.dim))
    vectors = user_vectors(table, scalars, tower, histories)
    return bool(np.isfinite(vectors @ table.target[live].T + table.bias[live]).all())
