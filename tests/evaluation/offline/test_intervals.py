"""The bootstrap: hand values, how often it holds the truth, what pairing and clusters do to it."""

import numpy as np
import pytest

from evaluation.offline.intervals import interval, over_seeds, quotient, resample

TRUE_RATIO = 1.5


def width(drawn: np.ndarray) -> float:
    found = interval(drawn)
    return found.high - found.low


def test_refuses_nobody() -> None:
    with pytest.raises(ValueError, match="nobody"):
        resample(np.zeros(0, np.int64), np.random.default_rng(0))


def test_a_draw_takes_as_many_people_as_there_are() -> None:
    drawn = resample(np.array([4, 9, 4, 7]), np.random.default_rng(0), 50)
    assert drawn.of.tolist() == [0, 2, 0, 1]
    assert drawn.times[0].tolist() == [1, 1, 1]
    assert (drawn.times.sum(axis=1) == 3).all()


def test_means_by_definition() -> None:
    rng = np.random.default_rng(1)
    people, values = rng.integers(0, 30, 100), rng.normal(size=(2, 3, 100))
    values[rng.random(values.shape) < 0.2] = np.nan
    weights = rng.random(100)
    drawn = resample(people, rng, 300)
    found = drawn.means(values, weights)
    assert found.shape == (2, 3, 301)
    for draw in (0, 1, 300):
        repeated = np.repeat(np.arange(100), drawn.times[draw][drawn.of])
        for at in np.ndindex(2, 3):
            own, w = values[at][repeated], weights[repeated]
            there = ~np.isnan(own)
            expected = (own * w)[there].sum() / w[there].sum()
            assert found[(*at, draw)] == pytest.approx(expected)


def test_a_group_that_a_draw_misses_has_no_mean_there() -> None:
    values = np.array([1.0, np.nan, np.nan])
    drawn = resample(np.arange(3), np.random.default_rng(2), 200).means(values)
    assert np.isnan(drawn[1:]).any()
    assert interval(drawn) == interval(np.array([1.0, 1.0]))


def test_what_cannot_be_said_is_nan() -> None:
    found = interval(np.full(11, np.nan))
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert np.isnan(quotient(np.ones(3), np.array([0.0, 1.0, 2.0]))).tolist() == [
        True,
        False,
        False,
    ]


def test_the_seed_decides() -> None:
    values = np.random.default_rng(3).normal(size=40)
    first, again = (
        resample(np.arange(40), np.random.default_rng(9), 100).means(values) for _ in range(2)
    )
    assert (first == again).all()


def test_agrees_with_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(4).normal(size=2000)
    drawn = resample(np.arange(2000), np.random.default_rng(5), 2000).means(values)
    expected = 2 * 1.96 * values.std() / np.sqrt(2000)
    assert width(drawn) == pytest.approx(expected, rel=0.06)


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng, held, repetitions = np.random.default_rng(6), 0, 200
    for _ in range(repetitions):
        taste = rng.exponential(size=150)
        pair = np.stack([TRUE_RATIO * taste, taste]) * rng.exponential(size=(2, 150))
        mine, theirs = resample(np.arange(150), rng, 300).means(pair)
        found = interval(quotient(mine, theirs))
        held += found.low <= TRUE_RATIO <= found.high
    # 0.95 of 200 with a standard deviation of 3; a percentile interval falls a little short of it
    assert 0.90 <= held / repetitions <= 0.99


def test_pairing_narrows_the_interval() -> None:
    rng = np.random.default_rng(7)
    taste = rng.exponential(size=500)
    mine, theirs = 1.2 * taste + 0.1 * rng.normal(size=500), taste
    paired = resample(np.arange(500), rng, 500)
    apart = resample(np.arange(500), rng, 500)
    together = quotient(paired.means(mine), paired.means(theirs))
    unpaired = quotient(paired.means(mine), apart.means(theirs))
    assert width(together) < 0.3 * width(unpaired)
    assert width(paired.means(mine) - paired.means(theirs)) < width(paired.means(mine))


def test_questions_of_one_person_are_no_independent_evidence() -> None:
    rng = np.random.default_rng(8)
    each = rng.normal(size=200)
    once = resample(np.arange(200), np.random.default_rng(1), 500).means(each)
    people = np.repeat(np.arange(200), 5)
    five_times = resample(people, np.random.default_rng(1), 500).means(each[people])
    assert five_times == pytest.approx(once)


def test_seeds_are_averaged_where_they_have_a_value() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
    assert over_seeds(values)[:2].tolist() == [2.0, 2.0]
    assert np.isnan(over_seeds(values)[2])
