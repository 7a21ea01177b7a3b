"""The local objective: a full softmax over the block's items against a soft target.

What is predicted from what is drawn in `recsys.cuts`; here it becomes a distribution over the
block's items, a loss and a gradient.
"""

import numpy as np

from recsys.arrays import Bools, Floats, Ints

# The score of an item that does not compete: exp(FAR_BELOW - any score) is 0, and 0 times it too.
FAR_BELOW = -1e30


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


def rivals(known: Bools, positions: Ints, targets: Floats) -> Bools:
    """Which of the block's items compete in each cut, (c, n_block): all but the known ones.

    known: (c, n) bool by event; positions: (n,); targets: (c, n_block). Lists leave out what a user
    already has, so a model need not learn to push it down. A target competes even where it is
    known: it is asked for.
    """
    compete = np.ones(targets.shape, bool)
    cuts, events = np.nonzero(known & (positions >= 0))
    compete[cuts, positions[events]] = False
    compete |= targets > 0
    return compete


def softmax_loss(logits: Floats, targets: Floats, compete: Bools) -> tuple[Floats, Floats]:
    """Cross entropy per cut (c,) and its gradient at the logits (c, n_block).

    compete: (c, n_block), the items that the softmax runs over, every target among them. A cut
    whose target is a row of zeros has loss and gradient zero.
    """
    among = np.where(compete, logits, FAR_BELOW).astype(logits.dtype, copy=False)
    shifted = among - among.max(axis=1, keepdims=True)
    exp = np.exp(shifted)
    total = exp.sum(axis=1, keepdims=True)
    wanted = targets.astype(logits.dtype, copy=False)
    counted = wanted.sum(axis=1, keepdims=True)
    losses = counted[:, 0] * np.log(total[:, 0]) - (wanted * shifted).sum(axis=1)
    return losses, exp * (counted / total) - wanted
