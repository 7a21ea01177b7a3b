"""Sampled candidates: who may be drawn, how often, and the rank among them."""

import numpy as np
import pytest

from recsys.metrics.rank import ranks_of
from recsys.metrics.sampled import NONE, draw_candidates, sampled_ranks


def test_draws_distinct_eligible_rows() -> None:
    rng = np.random.default_rng(1)
    eligible = rng.random((50, 40)) < 0.6
    drawn = draw_candidates(eligible, 12, rng)
    for allowed, own in zip(eligible, drawn, strict=True):
        assert len(set(own.tolist())) == 12
        assert allowed[own].all()


def test_draws_uniformly() -> None:
    eligible = np.ones((20_000, 10), bool)
    eligible[:, 0] = False
    counts = np.bincount(draw_candidates(eligible, 3, np.random.default_rng(2)).ravel())
    assert counts[0] == 0
    # each of nine rows is drawn with probability 1/3: mean 6667, standard deviation 67
    assert np.abs(counts[1:] - 20_000 / 3).max() < 5 * 67


@pytest.mark.parametrize("n", [3, 4, 9])
def test_too_few_eligible_rows_are_all_drawn(n: int) -> None:
    eligible = np.array([[True, False, True, False]])
    drawn = draw_candidates(eligible, n, np.random.default_rng(3))
    assert drawn.shape == (1, n)
    assert sorted(drawn[0].tolist()) == [NONE] * (n - 2) + [0, 2]


def test_the_seed_decides() -> None:
    eligible = np.ones((5, 100), bool)
    first, again, other = (
        draw_candidates(eligible, 9, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_ranks_count_ties_half_and_leave_out_missing_candidates() -> None:
    scores = np.array([[5.0, 3.0, 3.0, 1.0]])
    assert sampled_ranks(scores, np.array([[1]]), np.array([[0, 2, 3]])).tolist() == [[2.5]]
    assert sampled_ranks(scores, np.array([[3]]), np.array([[0, NONE, NONE]])).tolist() == [[2.0]]


def test_refuses_nan() -> None:
    scores = np.array([[np.nan, 1.0, 2.0]])
    with pytest.raises(ValueError, match="NaN"):
        sampled_ranks(scores, np.array([[0]]), np.array([[1, 2]]))
    with pytest.raises(ValueError, match="NaN"):
        sampled_ranks(scores, np.array([[1]]), np.array([[0, 2]]))
    assert sampled_ranks(scores, np.array([[1]]), np.array([[2, NONE]])).tolist() == [[2.0]]


def test_with_every_candidate_it_is_the_full_rank() -> None:
    rng = np.random.default_rng(7)
    scores, targets = rng.integers(0, 9, (30, 25)).astype(float), rng.integers(0, 25, 30)
    rest = np.array([[i for i in range(25) if i != target] for target in targets])
    full = ranks_of(scores, targets, np.zeros((30, 25), bool))
    assert (sampled_ranks(scores, targets[:, None], rest)[:, 0] == full).all()
