"""Axes: values to pixels, round ticks."""

import pytest

from evaluation.offline.report.charts.scale import Scale, spanning, tick_label


def test_even_and_logarithmic() -> None:
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(1, 100, 0, 200, log=True)(10) == pytest.approx(100)


def test_what_lies_beyond_is_drawn_at_the_edge() -> None:
    scale = Scale(0, 1, 0, 100)
    assert (scale(-3), scale(7)) == (0, 100)
    assert Scale(1, 10, 0, 100, log=True)(0.0) == 0


def test_ticks_are_round_and_not_too_many() -> None:
    assert Scale(0, 0.152, 0, 300).ticks(4) == [0, 0.05, 0.1, 0.15]
    assert Scale(0.9, 4, 0, 300, log=True).ticks(5) == [1, 1.5, 2, 3]
    assert Scale(1, 1682, 0, 300, log=True).ticks(4) == [1, 10, 100, 1000]
    for most in range(2, 12):
        assert 1 <= len(Scale(0.49, 0.513, 0, 300).ticks(most)) <= most


def test_spanning_keeps_what_must_be_seen() -> None:
    low, high = spanning([0.2, 0.4], keep=[0.0])
    assert low == 0.0
    assert high > 0.4
    assert spanning([0.3]) == pytest.approx((0.282, 0.318))
    low, high = spanning([1.4, 2.0, 0.0], keep=[1.0], log=True)
    assert low == 1.0


@pytest.mark.parametrize(("value", "label"), [(0.05, "0.05"), (-1, "\u22121"), (20_000, "20k")])
def test_tick_labels(value: float, label: str) -> None:
    assert tick_label(value) == label
