"""Loss of one device's cuts under the shared tower, its gradient, and how its last event ranks.

One device is a batch of one; its cuts are the contexts of that batch. Rows outside the block are
constants: they take part in the user vector and get no gradient.
"""

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.objective import Cuts, block_positions, soft_targets, softmax_loss
from recsys.pooling import contexts_of
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import (
    Kernels,
    Trace,
    UserTower,
    batch_of_one,
    context_gradients,
    event_gradients,
    forward,
    kernel_gradients,
    tower_gradient,
)


def loss_gradient(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    block: Ints,
    cuts: Cuts,
    ordered: bool,
) -> Floats:
    """Gradient of the mean loss over the cuts that have a target in the block, flat (n_values,)."""
    trace = _forward(table, scalars, history, cuts, ordered)
    vectors = trace.vectors[0]
    targets = soft_targets(
        cuts.target_weights, block_positions(history.rows, block), block.shape[0]
    )
    block_rows = table.target[block]
    _, d_logits = softmax_loss(vectors @ block_rows.T + table.bias[block], targets)
    d_logits /= max(1, np.count_nonzero(targets.sum(axis=1)))
    d_vectors = (d_logits @ block_rows)[None]
    d_long, d_short = context_gradients(trace, d_vectors)
    positions = block_positions(history.rows, block)
    parts = (
        (d_logits.T @ vectors).ravel(),
        _scatter(d_long[0], positions, block.shape[0]).ravel(),
        _scatter(d_short[0], positions, block.shape[0]).ravel(),
        d_logits.sum(axis=0),
        _scalar_gradient(trace, d_vectors, scalars),
    )
    return np.concatenate(parts)


def mean_loss(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    block: Ints,
    cuts: Cuts,
    ordered: bool,
) -> float:
    """The loss whose gradient `loss_gradient` is."""
    vectors = _forward(table, scalars, history, cuts, ordered).vectors[0]
    targets = soft_targets(
        cuts.target_weights, block_positions(history.rows, block), block.shape[0]
    )
    losses, _ = softmax_loss(vectors @ table.target[block].T + table.bias[block], targets)
    return float(losses.sum() / max(1, np.count_nonzero(targets.sum(axis=1))))


def device_contexts(history: History, context: Floats, n_ages: int, ordered: bool) -> Contexts:
    """One device's contexts, b = 1, from a mask (c, n)."""
    return contexts_of(
        history.rows[None], history.types[None], context.astype(bool)[None], n_ages, ordered
    )


def _forward(
    table: ItemTable, scalars: SharedScalars, history: History, cuts: Cuts, ordered: bool
) -> Trace:
    contexts = device_contexts(history, cuts.context, scalars.history_length, ordered)
    tower = batch_of_one(UserTower.default(scalars, table.dim))
    return forward(table, Kernels.of(scalars, ordered), tower, contexts)
