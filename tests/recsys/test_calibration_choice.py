"""Choosing strengths: refusals, the budget, and that a gap is never narrowed from below."""

import numpy as np
import pytest

from recsys.arrays import Floats
from recsys.calibration_choice import Curves, choose, curves

HALVES = np.array([0.5, 0.5])


def of_two(worst: list[float], best: list[float]) -> Curves:
    return Curves(np.array([worst, best]).T, HALVES, 0.0)


@pytest.mark.parametrize(
    ("gains", "groups", "large"),
    [
        (np.zeros(3), np.zeros(3, np.int64), [0]),
        (np.zeros((2, 3)), np.zeros(4, np.int64), [0]),
        (np.zeros((2, 0)), np.zeros(0, np.int64), []),
    ],
)
def test_refuses_gains_that_do_not_fit(gains: Floats, groups: Floats, large: list[int]) -> None:
    with pytest.raises(ValueError, match="with groups"):
        curves(gains, groups.astype(np.int64), large)


def test_refuses_a_group_without_questions() -> None:
    with pytest.raises(ValueError, match="no questions"):
        curves(np.zeros((2, 3)), np.zeros(3, np.int64), [0, 1])


@pytest.mark.parametrize("cost_max", [-0.01, 1.0, float("nan")])
def test_refuses_a_budget_that_is_none(cost_max: float) -> None:
    with pytest.raises(ValueError, match="cost_max"):
        choose(of_two([0.1], [0.2]), cost_max)


def test_a_gain_within_a_standard_error_is_none_and_a_loss_is_one() -> None:
    # Changes of 1, -0.8, 0 and of 1, 1, 0.9: means 0.07 and 0.97, standard errors 0.42 and 0.03.
    start = np.array([0.0, 0.8, 0.0])
    changes = np.array([[0, 0, 0], [1, -0.8, 0], [1, 1, 0.9], [0, -0.1, 0]])
    gains = start + changes
    means = curves(gains, np.zeros(3, np.int64), [0]).quality[:, 0] - start.mean()
    assert means.tolist() == pytest.approx([0, 0, 2.9 / 3, -0.1 / 3])


def test_curves_are_means_by_group_and_count_the_rest() -> None:
    gains = np.array([[1.0, 0.0, 0.5, 0.2], [0.0, 0.0, 1.0, 0.9]])
    found = curves(gains, np.array([0, 0, 1, -1]), [0, 1])
    assert found.quality.tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert found.overall(found.without) == pytest.approx(gains[0].mean())
    # Who is in no group ranks as before.
    assert found.overall(np.array([1, 1])) == pytest.approx((0.0 + 0.0 + 1.0 + 0.2) / 4)


def test_a_strength_that_helps_the_worst_group_is_taken() -> None:
    assert choose(of_two([0.10, 0.12, 0.11], [0.20, 0.17, 0.10]), 0.0).tolist() == [1, 0]


@pytest.mark.parametrize(("cost_max", "best"), [(0.0, 0), (0.04, 1), (0.1, 2), (0.5, 3)])
def test_the_best_group_gives_way_as_far_as_the_budget_lasts(cost_max: float, best: int) -> None:
    found = of_two([0.10, 0.09, 0.08, 0.07], [0.20, 0.19, 0.175, 0.14])
    assert choose(found, cost_max).tolist() == [0, best]


def test_a_gap_is_never_narrowed_from_below() -> None:
    # Only a strength that halves both would bring them together.
    assert choose(of_two([0.10, 0.05], [0.20, 0.05]), 0.9).tolist() == [0, 0]


def test_equal_gaps_are_decided_by_the_overall_quality() -> None:
    # The middle group is not part of the gap, and keeps the strength at which it is best.
    quality = np.array([[0.1, 0.15, 0.2], [0.1, 0.16, 0.2]])
    found = Curves(quality, np.full(3, 1 / 3), 0.0)
    assert choose(found).tolist() == [0, 1, 0]


def test_one_group_has_no_gap() -> None:
    assert choose(Curves(np.array([[0.1], [0.2]]), np.ones(1), 0.0)).tolist() == [0]
