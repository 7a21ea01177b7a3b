"""Normalised discounted cumulative gain with one relevant item a user.

Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418, with the usual logarithm: gain
1 / log2(1 + rank). The ideal ranking has the item first and gain 1, so nothing is left to divide.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.metrics.rank import check_ranks


def gains_at(ranks: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """1 / log2(1 + rank) where the rank is at most k, else 0: (n,) float64, one a user."""
    check_ranks(ranks, k)
    gains: NDArray[np.float64] = np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)
    return gains


def ndcg_at(ranks: NDArray[np.floating], k: int) -> float:
    """Mean of `gains_at`, in [0, 1]. ValueError on no ranks: nobody's mean is not zero."""
    return float(gains_at(ranks, k).mean())
