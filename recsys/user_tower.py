"""The user tower: from a history to a user vector, and back with gradients.

    u = p + g_long * pool_long + g_short * pool_short
    pool_long  = sum_j w_j context_long[h_j]  / sum_j w_j
    pool_short = sum_j w_j context_short[h_j] / sum_j w_j
    w_j = type weight * kernel(age_j) * gap kernel(gap_j), two kernels per pool

Data without an order has one pool, the long one, divided by (sum_j w_j)^0.5, and all events share
age and gap 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.pooling import (
    Contexts,
    Events,
    Pool,
    contexts_of,
    embedding_gradient,
    log_weight_gradient,
    pool,
)
from recsys.shared_scalars import N_GAPS, SharedScalars

# Ordered data: both pools are means (ADR 6). Unordered data: the one pool grows with the root of
# the history, as item-similarity models have it (Kabbur et al. 2013, FISM, equation 5), since how
# much is known is all that a set can say of how sure one may be.
ORDERED_EXPONENT = 1.0
UNORDERED_EXPONENT = 0.5


@dataclass(frozen=True)
class UserTower:
    """What is personal, and never leaves its user. With a batch, every field has b in front.

    residual: (d,) float32; log_gains: (2,); log_type_weights: (T,)
    """

    residual: Floats
    log_gains: Floats
    log_type_weights: Floats

    @classmethod
    def default(cls, scalars: SharedScalars, dim: int) -> "UserTower":
        """The shared tower: no residual, the model version's gains and type weights."""
        residual = np.zeros(dim, scalars.log_gains.dtype)
        return cls(residual, scalars.log_gains, scalars.log_type_weights)


@dataclass(frozen=True)
class Kernels:
    """Log kernels by age (H,) and by gap (N_GAPS,) of one pool."""

    ages: Floats
    gaps: Floats

    @classmethod
    def of(cls, scalars: SharedScalars, ordered: bool) -> "tuple[Kernels, ...]":
        """Those of the long and the short pool; data without an order has the long one only."""
        long = cls(scalars.log_kernel_long, scalars.log_gap_long)
        short = cls(scalars.log_kernel_short, scalars.log_gap_short)
        return (long, short) if ordered else (long,)

    def log_weights(self, contexts: Contexts) -> Floats:
        """(b, c, n), before the weights of the types."""
        found: Floats = self.ages[contexts.ages] + self.gaps[contexts.gaps]
        return found


@dataclass(frozen=True)
class Trace:
    """One forward pass: vectors (b, c, d) and what its gradients need."""

    vectors: Floats
    contexts: Contexts
    gains: Floats
    long: Pool
    short: Pool | None


@dataclass(frozen=True)
class TowerGradient:
    """Gradient at the personal numbers, per device: residual (b, d), gains (b, 2), types (b, T)."""

    residual: Floats
    log_gains: Floats
    log_type_weights: Floats


def forward(
    table: ItemTable, kernels: tuple[Kernels, ...], tower: UserTower, contexts: Contexts
) -> Trace:
    """User vectors of b devices under c contexts each; tower: fields (b, ...) or (1, ...)."""
    types = contexts.types[:, None, :]
    b = np.arange(contexts.rows.shape[0]) % tower.log_type_weights.shape[0]
    log_types = tower.log_type_weights[b[:, None, None], types]
    gains = np.exp(tower.log_gains)
    log_long = kernels[0].log_weights(contexts) + log_types
    exponent = UNORDERED_EXPONENT if len(kernels) == 1 else ORDERED_EXPONENT
    long = pool(table.context_long[contexts.rows], log_long, contexts.present, exponent)
    vectors: Floats = tower.residual[:, None, :] + gains[:, 0, None, None] * long.values
    if len(kernels) == 1:
        return Trace(vectors, contexts, gains, long, None)
    log_short = kernels[1].log_weights(contexts) + log_types
    short = pool(table.context_short[contexts.rows], log_short, contexts.present, exponent)
    vectors = vectors + gains[:, 1, None, None] * short.values
    return Trace(vectors, contexts, gains, long, short)


def event_gradients(trace: Trace, d_vectors: Floats) -> tuple[Floats, Floats]:
    """Gradients at the log weights of every event in each pool, (b, c, n); d_vectors: (b, c, d)."""
    long = log_weight_gradient(trace.long, trace.gains[:, 0, None, None] * d_vectors)
    if trace.short is None:
        return long, np.zeros_like(long)
    return long, log_weight_gradient(trace.short, trace.gains[:, 1, None, None] * d_vectors)


def tower_gradient(
    trace: Trace, d_vectors: Floats, by_event: tuple[Floats, Floats], n_types: int
) -> TowerGradient:
    """Gradient at the personal numbers; by_event: what `event_gradients` returned."""
    log_gains = np.zeros((d_vectors.shape[0], 2), d_vectors.dtype)
    for side, pooled in enumerate((trace.long, trace.short)):
        if pooled is not None:
            d_gain = (d_vectors * pooled.values).sum(axis=(1, 2))
            log_gains[:, side] = trace.gains[:, side] * d_gain
    weights = (by_event[0] + by_event[1]).sum(axis=1)
    # One column per type: types are few, and a loop over them adds in a fixed order.
    types = [np.where(trace.contexts.types == t, weights, 0).sum(axis=1) for t in range(n_types)]
    return TowerGradient(d_vectors.sum(axis=1), log_gains, np.stack(types, axis=1))


def kernel_gradients(trace: Trace, by_event: tuple[Floats, Floats], n_ages: int) -> list[Floats]:
    """Gradients at the log kernels, summed over devices: by age, long and short, then by gap."""
    contexts = trace.contexts
    return [
        np.bincount(at.ravel(), weights=side.ravel(), minlength=n).astype(side.dtype)
        for at, n in ((contexts.ages, n_ages), (contexts.gaps, N_GAPS))
        for side in by_event
    ]


def context_gradients(trace: Trace, d_vectors: Floats) -> tuple[Floats, Floats]:
    """Gradients at the gathered context rows of each pool, (b, n, d), aligned with the events."""
    long = embedding_gradient(trace.long, trace.gains[:, 0, None, None] * d_vectors)
    if trace.short is None:
        return long, np.zeros_like(long)
    return long, embedding_gradient(trace.short, trace.gains[:, 1, None, None] * d_vectors)


def user_vectors(
    table: ItemTable,
    scalars: SharedScalars,
    towers: UserTower,
    histories: Sequence[History],
    *,
    ordered: bool = True,
) -> Floats:
    """Vectors (b, d) of b users from whole histories; towers: fields (b, ...) or (1, ...)."""
    recent = [history.last(scalars.history_length) for history in histories]
    events, real = aligned(recent)
    contexts = contexts_of(events, real[:, None, :], scalars.history_length, ordered)
    return forward(table, Kernels.of(scalars, ordered), towers, contexts).vectors[:, 0, :]


def user_vector(
    table: ItemTable,
    scalars: SharedScalars,
    tower: UserTower,
    history: History,
    *,
    ordered: bool = True,
) -> Floats:
    """The vector (d,) of one user: a batch of one."""
    vectors = user_vectors(table, scalars, batch_of_one(tower), [history], ordered=ordered)
    return vectors.reshape(table.dim)


def view(
    table: ItemTable,
    scalars: SharedScalars,
    tower: UserTower,
    history: History,
    context: Bools,
    ordered: bool,
) -> Trace:
    """One user's vectors (1, c, d) under c masks of the history; context: (1, c, n) bool."""
    contexts = contexts_of(Events.alone(history), context, scalars.history_length, ordered)
    return forward(table, Kernels.of(scalars, ordered), batch_of_one(tower), contexts)


def batch_of_one(tower: UserTower) -> UserTower:
    return UserTower(tower.residual[None], tower.log_gains[None], tower.log_type_weights[None])


def aligned(histories: Sequence[History]) -> tuple[Events, Bools]:
    """Histories with the padding in front, so that the newest events stand together.

    Also which places (b, n) are real.
    """
    n = max((len(history) for history in histories), default=0)
    events = Events(*np.zeros((3, len(histories), n), np.int64))
    real = np.zeros((len(histories), n), bool)
    for i, history in enumerate(histories):
        own = slice(n - len(history), None)
        events.rows[i, own], events.types[i, own] = history.rows, history.types
        events.times_s[i, own], real[i, own] = history.times_s, True
    return events, real
