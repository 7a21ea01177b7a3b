"""Mean reciprocal rank, cut off at k: how far down a user reads before the held-out item.

Voorhees 1999, https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf. MRR@k = mean of 1 / rank where
the rank is at most k, else 0. A mid-rank (ties count half) is taken as it is.
"""

import numpy as np

from recsys.arrays import Floats
from recsys.metrics.rank import check_ranks


def reciprocals_at(ranks: Floats, k: int) -> Floats:
    """1 / rank where the rank is at most k, else 0: (n,) float64, one a question."""
    check_ranks(ranks, k)
    found: Floats = np.where(ranks <= k, 1.0 / ranks, 0.0)
    return found


def mrr_at(ranks: Floats, k: int) -> float:
    """Mean of `reciprocals_at`, in [0, 1]. ValueError on no ranks: nobody's mean is not zero."""
    return float(reciprocals_at(ranks, k).mean())
