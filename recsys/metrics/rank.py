"""The rank of each user's held-out item among all candidates, from which the metrics follow.

**Ties count half** (mid-rank): rank = 1 + candidates above + half of those tied. Counting ties in
the item's favour lets a model that scores everything alike appear perfect; counting them all
against it punishes integer scores such as popularity counts and so flatters whatever is compared
with them. The mid-rank is the mean over random orders of the tied items: a constant score puts the
held-out item in the middle of the candidates.
"""

import numpy as np
from numpy.typing import NDArray


def ranks_of(
    scores: NDArray[np.floating], targets: NDArray[np.integer], excluded: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Rank of each user's target among the items not excluded, (n_users,) float64, 1 is best.

    scores: (n_users, n_items), higher is better, infinities allowed.
    targets: (n_users,), item row held out for each user.
    excluded: (n_users, n_items), True for items that are no candidates (those of the training
        history).
    ValueError on shapes that do not fit, NaN scores of candidates (they compare as "not above",
    which would give rank 1), a target out of range or excluded.
    """
    _check(scores, targets, excluded)
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    above = ((scores > own) & ~excluded).sum(axis=1)
    tied = ((scores == own) & ~excluded).sum(axis=1) - 1  # the target itself is one of them
    ranks: NDArray[np.float64] = 1.0 + above + 0.5 * tied
    return ranks


def _check(
    scores: NDArray[np.floating], targets: NDArray[np.integer], excluded: NDArray[np.bool_]
) -> None:
    if scores.ndim != 2 or excluded.shape != scores.shape or targets.shape != scores.shape[:1]:
        shapes = f"{scores.shape}, {targets.shape}, {excluded.shape}"
        raise ValueError(f"scores, targets and excluded do not fit: {shapes}")
    if targets.size and not (targets.min() >= 0 and targets.max() < scores.shape[1]):
        raise ValueError("a target is not an item row")
    if np.take_along_axis(excluded, targets[:, None], axis=1).any():
        raise ValueError("a target is excluded from its own candidates")
    if np.isnan(scores[~excluded]).any():
        raise ValueError("a candidate's score is NaN")


def check_ranks(ranks: NDArray[np.floating], k: int) -> None:
    """ValueError unless `ranks` is a non-empty (n,) array of values >= 1 and k is at least 1."""
    if ranks.ndim != 1 or not ranks.size or not (ranks >= 1).all():
        raise ValueError("ranks must be a non-empty array of values of at least 1")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
