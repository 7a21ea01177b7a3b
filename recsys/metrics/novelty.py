"""Novelty: how little known the listed items are, in bits.

Mean self-information (Zhou et al. 2010, https://doi.org/10.1073/pnas.1000488107; Vargas and
Castells 2011, https://doi.org/10.1145/2043932.2043955):

    information(i) = -log2 p(i),   p(i) = (users_i + 1) / (sum_j users_j + n_items)

with users_i the number of training users who touched item i. Adding one keeps an item that nobody
touched finite: log2(sum + n_items) bits, the most there is.
"""

import numpy as np

from recsys.arrays import Floats, Ints


def information(users: Floats | Ints) -> Floats:
    """Self-information of each item, (n_items,) float64 bits. users: (n_items,) counts >= 0."""
    if (users < 0).any():
        raise ValueError("an item cannot have fewer than no users")
    p = (users + 1.0) / (users.sum() + users.shape[0])
    bits: Floats = -np.log2(p)
    return bits


def novelties(lists: Ints, bits: Floats) -> Floats:
    """Mean information of each list, (n,) float64; NaN for an empty list.

    lists: (n, k) rows, -1 for an empty place; bits: (n_items,) from `information`
    """
    filled = lists >= 0
    total = np.where(filled, bits[np.where(filled, lists, 0)], 0.0).sum(axis=1)
    n = filled.sum(axis=1)
    found: Floats = np.divide(total, n, out=np.full(len(lists), np.nan), where=n > 0)
    return found
