"""Loss of one device's cuts under the shared tower, its gradient, and how its last event ranks.

One device is a batch of one; its cuts are the contexts of that batch. Rows outside the block are
constants: they take part in the user vector and get no gradient.
"""

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.cuts import Cuts, next_event_cuts
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.objective import block_positions, rivals, soft_targets, softmax_loss
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import (
    Trace,
    UserTower,
    context_gradients,
    event_gradients,
    kernel_gradients,
    tower_gradient,
    view,
)


def loss_gradient(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    block: Ints,
    cuts: Cuts,
    ordered: bool,
    scales: Floats | None = None,
) -> tuple[float, Floats]:
    """Mean loss over the cuts with a target in the block, and its gradient, flat (n_values,).

    cuts: of this one history (b = 1); scales: (1, c, d), what the user vectors are multiplied with
    (`recsys.draws.vector_scales`).
    """
    shared = UserTower.default(scalars, table.dim)
    trace = view(table, scalars, shared, history, cuts.context, ordered)
    vectors, rows = _scaled(trace.vectors, scales)[0], table.target[block]
    positions = block_positions(history.rows, block)
    targets = soft_targets(cuts.target_weights[0], positions, block.shape[0])
    compete = rivals(cuts.known[0], positions, targets)
    losses, d_logits = softmax_loss(vectors @ rows.T + table.bias[block], targets, compete)
    counted = max(1, int(np.count_nonzero(targets.any(axis=1))))
    d_logits /= counted
    d_vectors = _scaled((d_logits @ rows)[None], scales)
    d_long, d_short = context_gradients(trace, d_vectors)
    parts = (
        (d_logits.T @ vectors).ravel(),
        _scatter(d_long[0], positions, block.shape[0]).ravel(),
        _scatter(d_short[0], positions, block.shape[0]).ravel(),
        d_logits.sum(axis=0),
        _scalar_gradient(trace, d_vectors, scalars),
    )
    return float(losses.sum()) / counted, np.concatenate(parts)


def last_event(
    table: ItemTable, scalars: SharedScalars, history: History, block: Ints, ordered: bool
) -> tuple[float, int] | None:
    """Loss and rank (0 is best) of the last event, predicted from everything before it.

    Neither has what the history already holds among the rivals, as serving leaves it out. Equal
    scores count against the model. None if the item is outside the block or nothing comes before
    it.
    """
    positions = block_positions(history.rows, block)
    if len(history) < 2 or positions[-1] < 0:
        return None
    context = next_event_cuts(len(history), 1).context
    shared = UserTower.default(scalars, table.dim)
    vector = view(table, scalars, shared, history, context, ordered).vectors[0, 0]
    logits = table.target[block] @ vector + table.bias[block]
    own = logits[positions[-1]]
    seen = positions[positions >= 0]
    others = np.delete(logits, seen)
    top = max(own, others.max(initial=own))
    loss = float(top + np.log(np.exp(others - top).sum() + np.exp(own - top)) - own)
    return loss, int(np.count_nonzero(others >= own))


def _scaled(vectors: Floats, scales: Floats | None) -> Floats:
    return vectors if scales is None else vectors * scales.astype(vectors.dtype, copy=False)


def _scatter(by_event: Floats, positions: Ints, n_block: int) -> Floats:
    """Sum the events' gradients (n, d) into the block's rows (n_block, d)."""
    rows = np.zeros((n_block, by_event.shape[1]), by_event.dtype)
    inside = positions >= 0
    np.add.at(rows, positions[inside], by_event[inside])
    return rows


def _scalar_gradient(trace: Trace, d_vectors: Floats, scalars: SharedScalars) -> Floats:
    """In the order of `SharedScalars.to_vector`."""
    by_event = event_gradients(trace, d_vectors)
    kernels = kernel_gradients(trace, by_event, scalars.history_length)
    tower = tower_gradient(trace, d_vectors, by_event, scalars.n_types)
    return np.concatenate([*kernels, tower.log_gains[0], tower.log_type_weights[0]])
