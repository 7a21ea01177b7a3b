"""Hit rate and NDCG: hand values, and a second implementation that works on ranked lists."""

import math

import numpy as np
import pytest

from recsys.metrics.hit_rate import hit_rate_at, hits_at
from recsys.metrics.ndcg import gains_at, ndcg_at
from recsys.metrics.rank import ranks_of

RANKS = np.array([1.0, 2.0, 3.0, 10.0, 10.5, 11.0])


@pytest.mark.parametrize("metric", [hit_rate_at, ndcg_at])
def test_refuses_no_ranks_and_no_places(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ValueError, match="ranks"):
        metric(np.empty(0), 10)
    with pytest.raises(ValueError, match="k must"):
        metric(RANKS, 0)


def test_hand_values() -> None:
    assert hits_at(RANKS, 10).tolist() == [1, 1, 1, 1, 0, 0]
    assert hit_rate_at(RANKS, 10) == pytest.approx(4 / 6)
    assert hit_rate_at(RANKS, 1) == pytest.approx(1 / 6)
    # 1/log2(2) = 1, 1/log2(3) = 0.6309, 1/log2(4) = 0.5, 1/log2(11) = 0.2891
    assert gains_at(RANKS, 10) == pytest.approx([1, 0.63093, 0.5, 0.28906, 0, 0], abs=1e-5)
    assert ndcg_at(RANKS, 10) == pytest.approx(2.41999 / 6, abs=1e-5)
    assert ndcg_at(np.array([1.0, 1.0]), 10) == 1.0


def test_a_constant_score_earns_nothing() -> None:
    scores = np.zeros((3, 200))
    ranks = ranks_of(scores, np.array([0, 100, 199]), np.zeros((3, 200), dtype=bool))
    assert hit_rate_at(ranks, 10) == 0.0
    assert ndcg_at(ranks, 10) == 0.0


def listed_metrics(ranked: list[int], relevant: set[int], k: int) -> tuple[float, float]:
    """Recall and NDCG by their general definitions: a ranked list, a set of relevant items."""
    gain = [1.0 if item in relevant else 0.0 for item in ranked[:k]]
    dcg = sum(g / math.log2(place) for place, g in enumerate(gain, start=2))
    ideal = sum(1 / math.log2(place) for place in range(2, 2 + min(k, len(relevant))))
    return sum(gain) / len(relevant), dcg / ideal


@pytest.mark.parametrize("k", [1, 5, 10, 50])
def test_agrees_with_ranked_lists(k: int) -> None:
    rng = np.random.default_rng(11)
    scores = rng.normal(size=(300, 60))
    targets = rng.integers(0, 60, 300)
    excluded = rng.random((300, 60)) < 0.2
    excluded[np.arange(300), targets] = False
    ranks = ranks_of(scores, targets, excluded)
    expected = [
        listed_metrics([int(i) for i in np.argsort(-s) if not out[i]], {int(target)}, k)
        for s, out, target in zip(scores, excluded, targets, strict=True)
    ]
    assert hits_at(ranks, k) == pytest.approx([hit for hit, _ in expected])
    assert gains_at(ranks, k) == pytest.approx([gain for _, gain in expected])
    assert hit_rate_at(ranks, k) == pytest.approx(np.mean([hit for hit, _ in expected]))
    assert ndcg_at(ranks, k) == pytest.approx(np.mean([gain for _, gain in expected]))
