"""Percentiles: refusals, ties, agreement with a loop, and 0.5 for rows that are exchangeable."""

import numpy as np
import pytest

from recsys.metrics.percentile import percentiles_of


def by_definition(scores: np.ndarray, row: int, others: np.ndarray) -> float:
    rest = [scores[i] for i in np.flatnonzero(others) if i != row]
    return sum((s < scores[row]) + 0.5 * (s == scores[row]) for s in rest) / len(rest)


def test_refuses() -> None:
    scores, rows = np.array([[1.0, np.nan, 3.0]]), np.array([[0]])
    with pytest.raises(ValueError, match="NaN"):
        percentiles_of(scores, rows, np.ones((1, 3), bool))
    with pytest.raises(ValueError, match="NaN"):
        percentiles_of(scores, np.array([[1]]), np.array([[True, False, True]]))
    with pytest.raises(ValueError, match="nothing"):
        percentiles_of(scores, rows, np.array([[True, False, False]]))
    with pytest.raises(ValueError, match="fit"):
        percentiles_of(scores, rows, np.ones((1, 2), bool))


def test_a_nan_that_is_not_compared_does_not_matter() -> None:
    scores = np.array([[1.0, np.nan, 3.0]])
    assert percentiles_of(scores, np.array([[0, 2]]), ~np.isnan(scores)).tolist() == [[0.0, 1.0]]


def test_no_rows_give_no_percentiles() -> None:
    given = percentiles_of(np.ones((2, 3)), np.zeros((2, 0), np.int64), np.ones((2, 3), bool))
    assert given.shape == (2, 0)


def test_agrees_with_the_definition() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 7, (20, 30)).astype(np.float32)
    others = rng.random((20, 30)) < 0.7
    rows = rng.integers(0, 30, (20, 2))  # some of them are among the others, some are not
    expected = [
        [by_definition(s, r, o) for r in own]
        for s, own, o in zip(scores, rows, others, strict=True)
    ]
    assert percentiles_of(scores, rows, others) == pytest.approx(np.array(expected))


def test_an_exchangeable_row_has_mean_one_half() -> None:
    scores = np.random.default_rng(6).exponential(size=(1, 9)) ** 3
    rows = np.arange(9)[None, :]
    assert percentiles_of(scores, rows, np.ones((1, 9), bool)).mean() == pytest.approx(0.5)
