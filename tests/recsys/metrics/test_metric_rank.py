"""Ranks of held-out items: refusals, ties, exclusions, agreement with a plain second version."""

import numpy as np
import pytest

from recsys.metrics.rank import check_ranks, ranks_of


def ranks(scores: list[list[float]], targets: list[int], excluded: list[list[int]]) -> list[float]:
    flags = np.zeros(np.shape(scores), dtype=bool)
    for user, rows in enumerate(excluded):
        flags[user, rows] = True
    given = ranks_of(np.array(scores, dtype=np.float32), np.array(targets), flags)
    return [float(rank) for rank in given]


@pytest.mark.parametrize(
    ("scores", "targets", "excluded", "problem"),
    [
        ([[1.0, 2.0]], [2], [[]], "not an item row"),
        ([[1.0, 2.0]], [-1], [[]], "not an item row"),
        ([[1.0, 2.0]], [1], [[1]], "excluded"),
        ([[1.0, np.nan]], [0], [[]], "NaN"),
        ([[np.nan, 1.0]], [0], [[]], "NaN"),
        ([[1.0, 2.0]], [0, 1], [[]], "do not fit"),
    ],
)
def test_refuses(
    scores: list[list[float]], targets: list[int], excluded: list[list[int]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        ranks(scores, targets, excluded)


@pytest.mark.parametrize(("values", "k"), [([], 10), ([0.5], 10), ([np.nan], 10), ([1.0], 0)])
def test_refuses_ranks_that_are_none(values: list[float], k: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        check_ranks(np.array(values), k)


def test_counts_candidates_above() -> None:
    scores = [[0.3, 0.9, 0.1, 0.5], [0.3, 0.9, 0.1, 0.5]]
    assert ranks(scores, [0, 1], [[], []]) == [3.0, 1.0]


def test_excluded_items_do_not_count_even_if_nan() -> None:
    assert ranks([[0.3, 0.9, np.nan, 0.5]], [0], [[1, 2]]) == [2.0]


def test_infinite_scores_are_scores() -> None:
    assert ranks([[np.inf, 0.0, -np.inf]], [1], [[]]) == [2.0]
    assert ranks([[np.inf, 0.0, -np.inf]], [2], [[]]) == [3.0]


def test_a_constant_score_ranks_in_the_middle() -> None:
    n = 101
    assert ranks([[7.0] * n], [0], [[]]) == [51.0]
    assert ranks([[7.0] * n], [n - 1], [list(range(50))]) == [26.0]


def test_ties_count_half() -> None:
    assert ranks([[5.0, 3.0, 3.0, 3.0, 1.0]], [2], [[]]) == [3.0]
    assert ranks([[5.0, 3.0, 3.0, 1.0]], [1], [[]]) == [2.5]


def test_agrees_with_sorting_under_random_tie_breaks() -> None:
    """The mid-rank is the mean position over shufflings of tied items."""
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 6, (4, 30)).astype(np.float64)
    targets = np.array([0, 3, 11, 29])
    excluded = rng.random((4, 30)) < 0.3
    excluded[np.arange(4), targets] = False
    given = ranks_of(scores, targets, excluded)
    positions = np.zeros((4, 4000))
    for draw in range(positions.shape[1]):
        for user in range(4):
            order = sorted(
                np.flatnonzero(~excluded[user]), key=lambda row: (-scores[user, row], rng.random())
            )
            positions[user, draw] = 1 + order.index(targets[user])
    assert np.allclose(given, positions.mean(axis=1), atol=0.2)
