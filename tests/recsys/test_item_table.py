"""Shapes that an item table refuses, and taking rows of one."""

import numpy as np
import pytest

from recsys.item_table import ItemTable


def make_table(n_rows: int = 4, dim: int = 3) -> ItemTable:
    heads = np.arange(3 * n_rows * dim, dtype=np.float32).reshape(3, n_rows, dim)
    return ItemTable(*heads, np.arange(n_rows, dtype=np.float32))


@pytest.mark.parametrize("field", ["target", "context_long", "context_short", "bias"])
def test_heads_of_different_shape_are_refused(field: str) -> None:
    parts = {**vars(make_table()), field: np.zeros((5, 2), np.float32)}
    with pytest.raises(ValueError, match="must"):
        ItemTable(**parts)


def test_heads_of_different_type_are_refused() -> None:
    table = make_table()
    with pytest.raises(ValueError, match="float type"):
        ItemTable(
            table.target, table.context_long, table.context_short, table.bias.astype(np.float64)
        )


def test_take_keeps_the_order_asked_for_and_copies() -> None:
    table = make_table()
    taken = table.take(np.array([2, 0]))
    assert (taken.n_rows, taken.dim) == (2, 3)
    assert taken.bias.tolist() == [2, 0]
    assert np.array_equal(taken.context_short, table.context_short[[2, 0]])
    taken.target[:] = -1
    assert (table.target >= 0).all()
