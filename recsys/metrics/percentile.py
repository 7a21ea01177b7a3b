"""Where a row stands among other rows, between 0 (last) and 1 (first).

percentile = (rows below + half of those tied) / rows compared with. A row that is exchangeable with
those it is compared with has mean 0.5 whatever the scores are, which is what the null-item canary
rests on.
"""

import numpy as np

from recsys.arrays import Bools, Floats, Ints


def percentiles_of(scores: Floats, rows: Ints, others: Bools) -> Floats:
    """Share of `others` that score below each row, ties half: (n, m) float64 in [0, 1].

    scores: (n, n_items), higher is better, infinities allowed
    rows: (n, m), the rows to place
    others: (n, n_items), True for what they are compared with; a row is never compared with itself
    ValueError on shapes that do not fit, a NaN among the scores compared, and nothing to compare.
    """
    if scores.ndim != 2 or others.shape != scores.shape or rows.shape[:1] != scores.shape[:1]:
        raise ValueError(f"scores, rows and others do not fit: {scores.shape}, {rows.shape}")
    found = np.empty(rows.shape)
    for place in range(rows.shape[1]):
        found[:, place] = _percentile(scores, rows[:, place : place + 1], others)
    return found


def _percentile(scores: Floats, row: Ints, others: Bools) -> Floats:
    own = np.take_along_axis(scores, row, axis=1)
    itself = np.take_along_axis(others, row, axis=1)[:, 0]
    below = ((scores < own) & others).sum(axis=1)
    above = ((scores > own) & others).sum(axis=1)
    tied = ((scores == own) & others).sum(axis=1)
    n = others.sum(axis=1)
    # A NaN is neither below, above nor tied; it must not pass for any of them.
    if (below + above + tied != n).any() or np.isnan(own).any():
        raise ValueError("a candidate's score is NaN")
    if (n - itself < 1).any():
        raise ValueError("a row has nothing to be compared with")
    share: Floats = (below + 0.5 * (tied - itself)) / (n - itself)
    return share
