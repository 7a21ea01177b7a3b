"""Hit rate: the share of users whose held-out item is among the first k.

With one held-out item a user this is also recall at k.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.metrics.rank import check_ranks


def hits_at(ranks: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """1 where the rank is at most k, else 0: (n,) float64, for paired intervals over users."""
    check_ranks(ranks, k)
    return (ranks <= k).astype(np.float64)


def hit_rate_at(ranks: NDArray[np.floating], k: int) -> float:
    """Mean of `hits_at`, in [0, 1]. ValueError on no ranks: nobody's mean is not zero."""
    return float(hits_at(ranks, k).mean())
