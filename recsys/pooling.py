"""A weighted pool of history rows and its gradient: the one building block of the user tower.

    pool = sum_j w_j e_j / (sum_j w_j)^exponent

Batch first. b devices, each with n (padded) events seen through c contexts: the same events under c
different masks, so that rows are gathered once per device and a pool is a matrix product.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.history import History
from recsys.shared_scalars import N_GAPS

GAP_MAX_S = 1 << 40  # beyond every class; keeps the difference exact in float64


@dataclass(frozen=True)
class Events:
    """Histories of b devices, padded to n events: rows, types, times_s (b, n) int64."""

    rows: Ints
    types: Ints
    times_s: Ints

    @classmethod
    def alone(cls, history: History) -> "Events":
        """A batch of one."""
        return cls(history.rows[None], history.types[None], history.times_s[None])


@dataclass(frozen=True)
class Contexts:
    """Events of b devices and the c contexts in which each device looks at them.

    rows, types: (b, n) int64, oldest first; what pads a shorter history may be any valid index
    ages: (b, c, n) int64 in [0, H), number of later events in the same context
    gaps: (b, c, n) int64 in [0, N_GAPS), how long before the context's newest event (`gaps_of`)
    present: (b, c, n) bool, whether the event belongs to the context
    """

    rows: Ints
    types: Ints
    ages: Ints
    gaps: Ints
    present: Bools


@dataclass(frozen=True)
class Pool:
    """A pool and what its gradient needs: values (b, c, d), weights (b, c, n), mass (b, c, 1)."""

    values: Floats
    embeddings: Floats
    weights: Floats
    mass: Floats
    exponent: float


def contexts_of(events: Events, kept: Bools, n_ages: int, ordered: bool) -> Contexts:
    """Contexts from a mask of kept events, kept: (b, c, n).

    An event's age counts the later events *of its own context*. A context with dropped events is
    then a shorter history like any other, which is what serving (where nothing is dropped) sees.
    Only the last n_ages events of a context count. Without an order every age and gap is 0.
    """
    newer = np.cumsum(kept[..., ::-1], axis=-1, dtype=np.int64)[..., ::-1] - kept
    present = kept & (newer < n_ages)
    if ordered:
        ages, gaps = np.minimum(newer, n_ages - 1), gaps_of(events.times_s, kept)
    else:
        ages = gaps = np.zeros_like(newer)
    return Contexts(events.rows, events.types, ages, gaps, present)


def gaps_of(times_s: Ints, kept: Bools) -> Ints:
    """Class of each event's time before the newest event of its context, (b, c, n) int64.

    times_s: (b, n). 0 is the same second (or no times), k a gap of 2^(k-1) s or more and less than
    2^k: what is rated on one page, in one visit, last week or last year falls apart by itself.
    """
    times = times_s[:, None, :]
    newest = np.where(kept, times, np.iinfo(np.int64).min).max(axis=2, keepdims=True, initial=0)
    _, classes = np.frexp(np.clip(newest - times, 0, GAP_MAX_S).astype(np.float64))
    found: Ints = np.minimum(classes, N_GAPS - 1).astype(np.int64)
    return found


def pool(embeddings: Floats, log_weights: Floats, present: Bools, exponent: float) -> Pool:
    """embeddings: (b, n, d); log_weights, present: (b, c, n). An empty context pools to zero."""
    weights = np.where(present, np.exp(log_weights), 0).astype(embeddings.dtype, copy=False)
    mass = weights.sum(axis=-1, keepdims=True)
    mass = np.where(mass > 0, mass, 1).astype(embeddings.dtype, copy=False)
    values = (weights @ embeddings) / mass**exponent
    return Pool(values, embeddings, weights, mass, exponent)


def embedding_gradient(pooled: Pool, d_values: Floats) -> Floats:
    """Gradient at the gathered rows, (b, n, d), summed over contexts; d_values: (b, c, d)."""
    shares: Floats = pooled.weights / pooled.mass**pooled.exponent
    return shares.swapaxes(-1, -2) @ d_values


def log_weight_gradient(pooled: Pool, d_values: Floats) -> Floats:
    """Gradient at the log weights, (b, c, n): the numerator's part minus the normaliser's."""
    numerator = (d_values @ pooled.embeddings.swapaxes(-1, -2)) / pooled.mass**pooled.exponent
    along = (d_values * pooled.values).sum(axis=-1, keepdims=True)
    result: Floats = pooled.weights * (numerator - pooled.exponent * along / pooled.mass)
    return result
