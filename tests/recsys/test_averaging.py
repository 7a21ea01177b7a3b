"""The average over versions: all alike while few, forgetting later, growing with the catalogue."""

import numpy as np
import pytest

from recsys.averaging import Averaged
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars


def version(value: float, n_rows: int = 3, n_types: int = 2) -> tuple[ItemTable, SharedScalars]:
    heads = np.full((3, n_rows, 4), value, np.float32)
    scalars = SharedScalars.initial(5, n_types)
    vector = np.full_like(scalars.to_vector(), value)
    table = ItemTable(*heads, np.full(n_rows, value, np.float32))
    return table, SharedScalars.from_vector(vector, 5, n_types)


def test_few_versions_weigh_the_same() -> None:
    model = Averaged(*version(0.0))
    for value in (3.0, 6.0):
        model = model.and_then(*version(value), decay=0.99)
    assert model.n_versions == 3
    for array in (*vars(model.table).values(), model.scalars.to_vector()):
        assert array == pytest.approx(np.full_like(array, 3.0))
        assert array.dtype == np.float32


def test_many_versions_are_forgotten_at_the_decay() -> None:
    model = Averaged(*version(0.0), n_versions=1000)
    model = model.and_then(*version(1.0), decay=0.9)
    assert model.table.target[0, 0] == pytest.approx(0.1)
    assert model.and_then(*version(1.0), decay=0.9).table.bias[2] == pytest.approx(0.19)


def test_appended_rows_and_types_start_as_they_are() -> None:
    model = Averaged(*version(0.0), n_versions=1000)
    grown = model.and_then(*version(1.0, n_rows=5, n_types=3), decay=0.9)
    assert grown.table.bias.tolist() == pytest.approx([0.1, 0.1, 0.1, 1.0, 1.0])
    assert grown.scalars.n_types == 3
    assert model.table.n_rows == 3
