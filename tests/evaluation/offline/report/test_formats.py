"""Numbers as the report writes them."""

import math

import pytest

from evaluation.offline.report.formats import (
    bounds,
    decimal,
    interval,
    percent,
    percent_interval,
    ratio,
    ratio_interval,
    seconds,
    signed,
)


def test_interval() -> None:
    assert interval({"mean": 0.11873, "low": 0.1081, "high": 0.13}) == "0.1187 [0.1081, 0.1300]"
    assert interval({"mean": 9.208, "low": 9.1, "high": 12.0}, 3) == "9.208 [9.100, 12.00]"


def test_without_both_ends_there_is_no_interval() -> None:
    assert interval({"mean": 0.5, "low": None, "high": 0.6}) == "0.5000"
    assert bounds({"mean": 0.5}) == ""


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "0.5"])
def test_what_is_not_known_is_a_dash(value: object) -> None:
    assert {decimal(value), percent(value), ratio(value), signed(value), seconds(value)} == {
        "\u2013"
    }


def test_a_ratio_shows_on_which_side_of_1_it_lies() -> None:
    assert ratio(1.654) == "1.65"
    assert ratio(0.9978) == "0.998"
    assert ratio(1.00004) == "1.00004"
    assert ratio(1.0) == "1.00"
    assert ratio_interval({"mean": 1.2, "low": 0.999, "high": 1.45}) == "1.20 [0.999, 1.45]"


def test_signs_are_typographic() -> None:
    assert signed(-0.25) == "\u22120.250"
    assert signed(0.25) == "+0.250"
    assert percent_interval({"mean": 0.1, "low": -0.02, "high": 0.2}) == (
        "10.0\u00a0% [\u22122.0, 20.0]"
    )


def test_time() -> None:
    assert [seconds(s) for s in (8.44, 214.2, 2000)] == ["8.4\u00a0s", "214\u00a0s", "33\u00a0min"]
