"""Counts for plots: enough to draw a distribution, nothing of any single user."""

import numpy as np

from recsys.arrays import Floats

RANK_EDGES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 51, 76, 101, 201, 501)
GAIN_BINS = 50

Histogram = dict[str, list[float]]


def rank_histogram(ranks: Floats, n_items: int) -> Histogram:
    """{"edges", "counts"}: ranks with edges[i] <= rank < edges[i + 1], over all seeds.

    A rank between two places is the lower place's, so that the share below 11 is the hit rate at
    10. The edges double beyond the fixed ones up to the catalogue.
    """
    edges = [*RANK_EDGES]
    while edges[-1] <= n_items:
        edges.append(2 * edges[-1] - 1)
    counts = np.histogram(np.ceil(ranks), [e for e in edges if e <= n_items] + [n_items + 1])
    return {"edges": counts[1].tolist(), "counts": counts[0].tolist()}


def gain_histogram(gains: Floats) -> Histogram:
    """{"edges", "counts"} of gains and losses, symmetric about 0, which is an edge.

    The outermost bins hold what lies beyond, about one in a hundred. NaNs are left out.
    """
    there = gains[~np.isnan(gains)]
    reach = float(np.quantile(np.abs(there), 0.99)) if there.size else 0.0
    reach = reach or 1.0
    counts, edges = np.histogram(np.clip(there, -reach, reach), GAIN_BINS, (-reach, reach))
    return {"edges": edges.tolist(), "counts": counts.tolist()}
