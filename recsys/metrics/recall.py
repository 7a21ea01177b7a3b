"""Recall: the share of a person's held-out items that are among the first k, mean over people.

recall of a person = their held-out items ranked within k / their held-out items. Every held-out
item has a rank of its own, among the candidates of its own moment. Where a person has one held-out
item, this is the hit rate; where some have more, each person still weighs the same.
"""

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.metrics.hit_rate import hits_at


def recalls_at(ranks: Floats, people: Ints, k: int) -> Floats:
    """Recall of each person, ascending by number: (n_people,) float64 in [0, 1].

    ranks: (n,), of one held-out item each; people: (n,), whose they are
    ValueError on no ranks, a rank below 1, k below 1, and on shapes that differ.
    """
    if people.shape != ranks.shape:
        raise ValueError(f"ranks {ranks.shape} and people {people.shape} do not fit")
    of = np.unique(people, return_inverse=True)[1]
    found: Floats = np.bincount(of, hits_at(ranks, k)) / np.bincount(of)
    return found


def recall_at(ranks: Floats, people: Ints, k: int) -> float:
    """Mean of `recalls_at`, in [0, 1]."""
    return float(recalls_at(ranks, people, k).mean())
