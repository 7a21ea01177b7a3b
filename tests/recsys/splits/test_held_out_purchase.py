"""Unordered data: nothing of a held-out purchase is left, carts stay candidates."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from recsys.datasets.interactions import Dataset
from recsys.splits import Settings, build_task
from recsys.task import Task
from tests.recsys.splits.real import real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks
from tests.recsys.splits.written import asked, dataset, words

CART, PURCHASE = 1, 2


def unordered(**histories: str) -> Dataset:
    return dataclasses.replace(dataset(**histories), ordered=False, timed=False)


def task(data: Dataset, seed: int = 0) -> Task:
    return build_task(data, "last", seed, Settings(n_nulls=0))


@pytest.mark.parametrize("split", ["time", "cold-items"])
def test_refuses_splits_that_need_an_order(split: str) -> None:
    with pytest.raises(ValueError, match="written keeps no order"):
        build_task(unordered(u="ca cb pa pb pc"), split, 0)


@pytest.mark.parametrize(
    "settings", [Settings(n_test=2), Settings(n_validation=2), Settings(target_type="cart")]
)
def test_refuses_settings_that_need_an_order(settings: Settings) -> None:
    with pytest.raises(ValueError, match="without an order"):
        build_task(unordered(u="ca cb pa pb pc"), "last", 0, settings)


def test_the_held_out_item_leaves_all_rows() -> None:
    given = task(unordered(u="ca cz cb pa cc cd cd pd pz".replace("z", "l")))
    (test,) = asked(given, given.test)
    assert test == (0, "ca cb pa cc cd pd", "l", "ad")


def test_validation_takes_one_purchase_with_its_cart() -> None:
    data = unordered(u="ca cb pa cc cd pb pl")
    for seed in range(8):
        given = task(data, seed)
        (validation,), (test,) = asked(given, given.validation), asked(given, given.test)
        without = {"a": ("cb cc cd pb", "b"), "b": ("ca pa cc cd", "a")}
        history, excluded = without[validation[2]]
        # ca comes before cb and pa: the order is the record's own.
        assert sorted(validation[1].split()) == sorted(history.split())
        assert validation[3] == excluded
        assert words(given, given.train[0]) == validation[1]
        assert test == (0, "ca cb pa cc cd pb", "l", "ab")
    assert len({task(data, seed).validation.targets[0] for seed in range(8)}) == 2


def test_who_bought_once_is_only_tested_and_who_has_little_is_not_asked() -> None:
    given = task(unordered(u="ca cb cc pd", w="ca pb pd", x="ca pd", y="ca cb cd pa pb pk"))
    assert given.test.people.tolist() == [0, 3]
    assert given.validation.people.tolist() == [3]
    assert given.people.tolist() == [0, 1, 2, 3]


def test_beibei(data_root: Path) -> None:
    (given,) = real_tasks(data_root, "beibei", "last")
    assert (len(given.train), len(given.validation), len(given.test)) == (21_716, 21_716, 21_716)
    # Every training purchase is also a cart: validation takes both from training.
    assert sum(map(len, given.train)) == 642_622 - 13_525 + 282_860 - 2 * 21_716
    assert sum(map(len, given.test.histories)) == 642_622 - 13_525 + 282_860
    assert_nothing_leaks(given)
    for i, history in enumerate(given.test.histories):
        bought = history.rows[history.types == given.event_types.index("purchase")]
        assert np.array_equal(given.test.excluded[i], np.sort(bought))
