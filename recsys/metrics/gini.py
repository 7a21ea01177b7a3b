"""Gini coefficient of exposure: how unequally what is shown is spread over the items.

G = sum_ij |x_i - x_j| / (2 n^2 mean(x)), computed from x sorted ascending as
sum_i (2 i - n - 1) x_i / (n sum x), i = 1..n (Gini 1912; for recommenders Fleder and Hosanagar
2009, https://doi.org/10.1287/mnsc.1080.0974). 0: every item is shown equally often; (n - 1) / n:
one item has everything. With exposure weighted by place (`exposure.place_weights`) it is the
inequality of attention instead of appearance.
"""

import numpy as np

from recsys.arrays import Floats


def gini(exposure: Floats) -> float:
    """G of (n_items,) values >= 0, in [0, 1). Items never shown belong to it, with 0.

    ValueError on an empty catalogue, negative or non-finite values, and where nothing is shown.
    """
    n, total = exposure.size, float(exposure.sum())
    if not np.isfinite(exposure).all() or (exposure < 0).any() or not total > 0:
        raise ValueError("exposure must be finite, at least 0, and somewhere above it")
    places = 2.0 * np.arange(1, n + 1) - n - 1
    return float((places * np.sort(exposure)).sum() / (n * total))
