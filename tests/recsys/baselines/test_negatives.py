"""Negatives: never an excluded row, no row twice for one positive, uniform over the rest."""

import numpy as np

from recsys.baselines.negatives import draw_negatives, rows_mask

NOBODY = np.zeros(0, np.int64)


def test_a_mask_holds_each_users_rows_and_the_common_ones() -> None:
    mask = rows_mask((np.array([0, 2]), NOBODY), np.array([3]), 5)
    assert mask.tolist() == [[True, False, True, True, False], [False, False, False, True, False]]


def test_excluded_rows_and_repeats_are_never_drawn() -> None:
    mask = rows_mask((np.arange(5), np.arange(2, 8)), NOBODY, 10)
    users = np.repeat([0, 1], 200)
    drawn = draw_negatives(mask, users, 4, np.random.default_rng(0))
    assert not mask[users[:, None], drawn].any()
    assert all(len(set(line)) == 4 for line in drawn.tolist())


def test_every_row_that_is_left_is_drawn_alike() -> None:
    mask = rows_mask((np.array([0, 1]),), NOBODY, 10)
    drawn = draw_negatives(mask, np.zeros(20_000, np.int64), 4, np.random.default_rng(1))
    shares = np.bincount(drawn.ravel(), minlength=10)[2:] / 20_000
    np.testing.assert_allclose(shares, 0.5, atol=0.015)  # four standard errors


def test_a_user_with_too_few_rows_left_still_gets_an_answer() -> None:
    mask = rows_mask((np.arange(9),), NOBODY, 10)
    assert draw_negatives(mask, np.zeros(3, np.int64), 4, np.random.default_rng(2)).shape == (3, 4)
