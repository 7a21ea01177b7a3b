"""The local objective: cut a history, and predict from one side what is on the other.

Ordered data: cut at a random point; from what came before (some of it dropped at random) predict
the next few events with weights e^(-k / decay). Unordered data: a random part of the history is
the context, the rest the target with equal weights. Both end in the same shape, a mask of context
events and a weight per target event, and in the same loss, a full softmax over the block's items.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Cuts:
    """c views of one history of n events.

    context: (c, n) bool, the events that the user vector is made of
    target_weights: (c, n) float64, not normalised, zero outside the target
    """

    context: Bools
    target_weights: Floats


def draw_points(n_events: int, n_cuts: int, rng: np.random.Generator) -> Ints:
    """Cut points in [1, n_events - 1], without repeats where there are enough of them, sorted."""
    points = np.arange(1, n_events)
    replace = n_cuts > points.shape[0]
    return np.sort(rng.choice(points, size=n_cuts, replace=replace)).astype(np.int64)


def recent_points(
    n_events: int, n_cuts: int, recent_share: float, rng: np.random.Generator
) -> Ints:
    """Cut points in [1, n_events - 1] whose distance from the end is about exponential.

    recent_share: mean of that distance, as a share of the history.
    """
    back = np.arange(n_events - 2, -1, -1)
    weights = np.exp(-back / max(1.0, recent_share * n_events))
    return 1 + np.sort(rng.choice(n_events - 1, size=n_cuts, p=weights / weights.sum()))


def next_event_cuts(n_events: int, n_held: int) -> Cuts:
    """Each of the last n_held events, predicted from everything before it."""
    points = np.arange(n_events - n_held, n_events)[:, None]
    ahead = np.arange(n_events) - points
    return Cuts(ahead < 0, (ahead == 0).astype(np.float64))


def ordered_cuts(
    n_events: int,
    points: Ints,
    n_targets: int,
    target_decay: float,
    dropout: float,
    rng: np.random.Generator,
) -> Cuts:
    """Before each point the context, the next n_targets events the target."""
    ahead = np.arange(n_events) - points[:, None]
    kept = rng.random(ahead.shape) >= dropout
    near = (ahead >= 0) & (ahead < n_targets)
    weights = np.where(near, np.exp(-np.maximum(ahead, 0) / target_decay), 0.0)
    return Cuts((ahead < 0) & kept, weights)


def unordered_cuts(n_events: int, n_cuts: int, dropout: float, rng: np.random.Generator) -> Cuts:
    """A random part of random size is the context, the rest the target."""
    sizes = rng.integers(1, n_events, size=(n_cuts, 1))
    places = np.argsort(rng.random((n_cuts, n_events)), axis=1)
    kept = rng.random(places.shape) >= dropout
    return Cuts((places < sizes) & kept, (places >= sizes).astype(np.float64))


def block_positions(rows: Ints, block: Ints) -> Ints:
    """Position of each row in the sorted block, -1 for rows outside it."""
    if block.shape[0] == 0:
        return np.full(rows.shape, -1, np.int64)
    places = np.minimum(np.searchsorted(block, rows), block.shape[0] - 1)
    return np.where(block[places] == rows, places, -1).astype(np.int64)


def soft_targets(target_weights: Floats, positions: Ints, n_block: int) -> Floats:
    """Distribution over the block's items per cut, (c, n_block) float64.

    target_weights: (c, n); positions: (n,), -1 outside the block. What falls outside is dropped and
    the rest renormalised; a cut without any target left is a row of zeros.
    """
    cuts, events = np.nonzero(target_weights * (positions >= 0))
    places = cuts * n_block + positions[events]
    size = target_weights.shape[0] * n_block
    summed = np.bincount(places, weights=target_weights[cuts, events], minlength=size)
    dense = summed.reshape(target_weights.shape[0], n_block)
    mass = dense.sum(axis=1, keepdims=True)
    return dense / np.where(mass > 0, mass, 1)


def softmax_loss(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Cross entropy per cut (c,) and its gradient at the logits (c, n_block).

    A cut whose target is a row of zeros has loss and gradient zero.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    exp = np.exp(shifted)
    total = exp.sum(axis=1, keepdims=True)
    wanted = targets.astype(logits.dtype, copy=False)
    counted = wanted.sum(axis=1, keepdims=True)
    losses = counted[:, 0] * np.log(total[:, 0]) - (wanted * shifted).sum(axis=1)
    return losses, exp * (counted / total) - wanted
