"""The order of an update's values, and moving a table by one."""

import numpy as np
import pytest

from recsys.flat_vector import flatten, moved, n_values, split
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars

BLOCK = np.array([1, 3], np.int64)


def make_model() -> tuple[ItemTable, SharedScalars]:
    heads = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    scalars = SharedScalars.from_vector(np.arange(100, 159, dtype=np.float32), 2, 1)
    return ItemTable(*heads, np.arange(50, 54, dtype=np.float32)), scalars


def test_a_vector_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="every row"):
        split(np.zeros(13, np.float32), n_block=2, dim=2)


def test_order_is_target_long_short_bias_scalars() -> None:
    values = flatten(*make_model(), BLOCK)
    heads = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23]
    assert values.tolist() == [*heads, 51, 53, *range(100, 159)]
    assert values.shape == (n_values(2, 2, 2, 1),)
    assert values.dtype == np.float32


def test_parts_are_views() -> None:
    values = flatten(*make_model(), BLOCK)
    parts = split(values, 2, 2)
    parts.bias[1] = -1
    parts.scalars[-1] = -2
    assert (values[13], values[-1]) == (-1, -2)


def test_moved_subtracts_at_the_block_only_and_leaves_its_arguments() -> None:
    table, scalars = make_model()
    start = flatten(table, scalars, BLOCK)
    after_table, after_scalars = moved(table, scalars, BLOCK, np.ones_like(start))
    assert np.array_equal(flatten(after_table, after_scalars, BLOCK), start - 1)
    rest = np.array([0, 2])
    assert np.array_equal(after_table.target[rest], table.target[rest])
    assert np.array_equal(flatten(table, scalars, BLOCK), start)
