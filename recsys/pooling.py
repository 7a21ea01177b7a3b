"""A weighted pool of history rows and its gradient: the one building block of the user tower.

    pool = sum_j w_j e_j / (sum_j w_j)^exponent

Batch first. b devices, each with n (padded) events seen through c contexts: the same events under c
different masks, so that rows are gathered once per device and a pool is a matrix product.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Contexts:
    """Events of b devices and the c contexts in which each device looks at them.

    rows, types: (b, n) int64, oldest first; what pads a shorter history may be any valid index
    ages: (b, c, n) int64 in [0, H), number of later events in the same context
    present: (b, c, n) bool, whether the event belongs to the context
    """

    rows: Ints
    types: Ints
    ages: Ints
    present: Bools


@dataclass(frozen=True)
class Pool:
    """A pool and what its gradient needs: values (b, c, d), weights (b, c, n), mass (b, c, 1)."""

    values: Floats
    embeddings: Floats
    weights: Floats
    mass: Floats
    exponent: float


def contexts_of(rows: Ints, types: Ints, kept: Bools, n_ages: int, ordered: bool) -> Contexts:
    """Contexts from a mask of kept events, kept: (b, c, n).

    An event's age counts the later events *of its own context*. A context with dropped events is
    then a shorter history like any other, which is what serving (where nothing is dropped) sees.
    Only the last n_ages events of a context count. Without an order every age is 0.
    """
    newer = np.cumsum(kept[..., ::-1], axis=-1, dtype=np.int64)[..., ::-1] - kept
    ages = np.minimum(newer, n_ages - 1) if ordered else np.zeros_like(newer)
    return Contexts(rows, types, ages, kept & (newer < n_ages))


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
