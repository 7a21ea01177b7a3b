"""Exposure, coverage, Gini and novelty: refusals, hand values, loops by definition."""

import math

import numpy as np
import pytest

from recsys.metrics.coverage import coverage
from recsys.metrics.exposure import exposure, place_weights
from recsys.metrics.gini import gini
from recsys.metrics.ndcg import gains_at
from recsys.metrics.novelty import information, novelties

RNG = np.random.default_rng(4)
LISTS = RNG.integers(-1, 25, (60, 5))


def test_refuse() -> None:
    with pytest.raises(ValueError, match="not an item"):
        exposure(np.array([[3]]), 3)
    with pytest.raises(ValueError, match="not an item"):
        exposure(np.array([[-2]]), 3)
    with pytest.raises(ValueError, match="empty"):
        coverage(np.zeros(0))
    for bad in (np.zeros(3), np.zeros(0), np.array([1.0, -1.0]), np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match="exposure"):
            gini(bad)
    with pytest.raises(ValueError, match="fewer"):
        information(np.array([1.0, -1.0]))


@pytest.mark.parametrize("weighted", [False, True])
def test_exposure_by_definition(weighted: bool) -> None:
    weights = place_weights(5) if weighted else None
    expected = np.zeros(25)
    for row_list in LISTS:
        for place, row in enumerate(row_list):
            if row >= 0:
                expected[row] += 1 / math.log2(2 + place) if weighted else 1
    assert exposure(LISTS, 25, weights) == pytest.approx(expected)


def test_attention_falls_as_ndcg_discounts() -> None:
    assert place_weights(8) == pytest.approx(gains_at(np.arange(1.0, 9.0), 8))


def test_coverage_by_definition() -> None:
    shown = {int(row) for row in LISTS.ravel()} - {-1}
    assert coverage(exposure(LISTS, 40)) == len(shown) / 40
    assert coverage(np.array([1.0, 0.0, 0.0, 2.0])) == 0.5


def test_gini_by_definition() -> None:
    shown = exposure(LISTS, 40, place_weights(5))
    differences = sum(abs(a - b) for a in shown for b in shown)
    assert gini(shown) == pytest.approx(differences / (2 * 40**2 * shown.mean()))


def test_gini_at_its_ends() -> None:
    assert gini(np.full(7, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 5.0])) == pytest.approx(3 / 4)
    assert gini(np.array([1.0])) == 0.0


def test_information_by_hand() -> None:
    # 6 users and 2 items: p = 7/8 and 1/8 after smoothing
    assert information(np.array([6, 0])) == pytest.approx([math.log2(8 / 7), 3.0])
    assert (2.0 ** -information(RNG.integers(0, 9, 50))).sum() == pytest.approx(1.0)


def test_novelty_by_definition() -> None:
    bits = information(RNG.integers(0, 100, 25))
    found = novelties(np.vstack([LISTS, np.full((1, 5), -1)]), bits)
    for row_list, value in zip(LISTS, found, strict=False):
        listed = [bits[row] for row in row_list if row >= 0]
        assert value == pytest.approx(sum(listed) / len(listed))
    assert math.isnan(found[-1])


def test_popular_items_are_less_novel() -> None:
    bits = information(np.arange(25))
    few, many = novelties(np.array([[0, 1, 2], [22, 23, 24]]), bits)
    assert few > many
