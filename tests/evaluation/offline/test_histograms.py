"""Histograms: everything is counted once, and the bins agree with the metrics."""

import numpy as np
import pytest

from evaluation.offline.histograms import gain_histogram, rank_histogram
from recsys.metrics.hit_rate import hit_rate_at


@pytest.mark.parametrize("n_items", [1, 7, 11, 500, 1682, 20_000])
def test_ranks_are_counted_once(n_items: int) -> None:
    ranks = np.random.default_rng(0).integers(2, 2 * n_items + 1, (2, 300)) / 2
    found = rank_histogram(ranks, n_items)
    assert sum(found["counts"]) == 600
    assert len(found["edges"]) == len(found["counts"]) + 1
    assert found["edges"] == sorted(set(found["edges"]))
    for k in (1, 5, 10, 20, 50, 100):
        if k + 1 in found["edges"]:
            first = found["edges"].index(k + 1)
            assert sum(found["counts"][:first]) / 600 == hit_rate_at(ranks.ravel(), k)


def test_gains_stand_about_zero() -> None:
    gains = np.random.default_rng(1).normal(0.3, 1.0, (2, 500))
    gains[0, :10] = np.nan
    found = gain_histogram(gains)
    middle = found["edges"].index(pytest.approx(0.0, abs=1e-12))
    assert sum(found["counts"]) == 990
    assert sum(found["counts"][:middle]) == (gains < 0).sum()


@pytest.mark.parametrize("gains", [[0.0, 0.0], [np.nan], []])
def test_no_gains_at_all(gains: list[float]) -> None:
    found = gain_histogram(np.array(gains))
    assert sum(found["counts"]) == sum(not np.isnan(g) for g in gains)
