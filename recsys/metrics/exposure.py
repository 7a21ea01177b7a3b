"""Exposure: how much of what is shown falls to each item. Coverage and Gini are made from it."""

import numpy as np

from recsys.arrays import Floats, Ints


def place_weights(k: int) -> Floats:
    """Attention that each place of a list gets, (k,): 1 / log2(1 + place), as NDCG discounts."""
    weights: Floats = 1.0 / np.log2(np.arange(2, k + 2))
    return weights


def exposure(lists: Ints, n_items: int, weights: Floats | None = None) -> Floats:
    """Sum over all lists of the weight of the places that each item has: (n_items,) float64.

    lists: (n, k) rows, best first, -1 for an empty place
    weights: (k,), `place_weights` for attention; None: every place counts 1
    ValueError on a row that is no item.
    """
    if lists.size and not (lists.min() >= -1 and lists.max() < n_items):
        raise ValueError("a listed row is not an item")
    each = np.ones(lists.shape[1]) if weights is None else weights
    filled = lists >= 0
    spread = np.broadcast_to(each, lists.shape)[filled]
    return np.bincount(lists[filled], spread, minlength=n_items).astype(np.float64)
