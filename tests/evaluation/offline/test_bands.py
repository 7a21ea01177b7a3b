"""Bands: everything is in one, none is empty, names say what is inside."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.bands import UNTRAINED, Bands, history_bands, item_bands, within
from recsys.history import History
from recsys.task import Queries
from tests.evaluation.offline.made_up_task import make_task


def with_lengths(lengths: list[int]) -> Queries:
    queries = make_task(len(lengths)).test
    return replace(queries, histories=tuple(History.of(range(n)) for n in lengths))


def test_histories_in_equal_parts() -> None:
    bands = history_bands(with_lengths([3, 9, 1, 7, 5, 2, 8, 4]))
    assert bands.names == ("1 to 2", "3 to 4", "5 to 7", "8 to 9")
    assert bands.of.tolist() == [1, 3, 0, 2, 2, 0, 3, 1]


@pytest.mark.parametrize("lengths", [[4], [4, 4, 4], [0, 0, 0, 0, 0, 6]])
def test_equal_lengths_are_never_parted(lengths: list[int]) -> None:
    bands = history_bands(with_lengths(lengths))
    assert bands.names == tuple(str(n) for n in sorted(set(lengths)))
    assert [bands.names[b] for b in bands.of] == [str(n) for n in lengths]


def test_items_by_popularity() -> None:
    popularity = np.concatenate([np.zeros(50, np.int64), np.arange(1, 201)])
    bands = item_bands(popularity)
    sizes = dict(zip(bands.names, bands.masks().sum(axis=1).tolist(), strict=True))
    expected = {"top 1 %": 2, "next 9 %": 18, "next 40 %": 80, "rest": 100, UNTRAINED: 50}
    assert sizes == expected
    lowest = [popularity[mask].min() for mask in bands.masks()]
    assert lowest == sorted(lowest, reverse=True)


def test_a_small_catalogue_and_an_untouched_one() -> None:
    assert item_bands(np.array([3, 5])).names == ("top 1 %", "rest")
    assert item_bands(np.zeros(4, np.int64)).names == (UNTRAINED,)


def test_empty_bands_vanish() -> None:
    taken = Bands(("a", "b", "c"), np.array([0, 1, 2, 2])).take(np.array([3, 0, 2]))
    assert taken.names == ("a", "c")
    assert taken.of.tolist() == [1, 0, 1]


def test_values_within_bands() -> None:
    values = within(np.array([[1.0, 2.0]]), np.array([[True, False], [False, True]]))
    assert np.array_equal(values, [[[1.0, np.nan], [np.nan, 2.0]]], equal_nan=True)
