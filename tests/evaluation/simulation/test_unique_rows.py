"""Events of one item share a row: sums go to it, and what it holds comes back to each event."""

import numpy as np
import pytest
import torch

from evaluation.simulation.population import Batch
from evaluation.simulation.unique_rows import UniqueRows
from recsys.pooling import Events


def batch(rows: list[list[int]], lengths: list[int]) -> Batch:
    events = np.array(rows)
    return Batch(Events(events, 0 * events, 0 * events), np.array(lengths))


REPEATING = batch([[5, 3, 5, 5], [0, 2, 0, 0], [4, 0, 0, 0]], [4, 3, 2])
DISTINCT = batch([[5, 3, 1], [2, 0, 0]], [3, 1])


def rows_of(unique: UniqueRows, device: int) -> list[int]:
    return unique.rows[device][unique.real[device]].tolist()


def test_every_row_stands_once() -> None:
    unique = UniqueRows.of(REPEATING)
    assert [sorted(rows_of(unique, device)) for device in range(3)] == [[3, 5], [0, 2], [0, 4]]


def test_without_repeats_events_are_the_rows() -> None:
    unique = UniqueRows.of(DISTINCT)
    assert unique.slots is None
    assert [rows_of(unique, device) for device in range(2)] == [[5, 3, 1], [2]]
    values = torch.arange(12.0).view(2, 2, 3)
    assert unique.by_row(values) is values
    assert unique.by_event(values) is values


@pytest.mark.parametrize("batch", [REPEATING, DISTINCT], ids=["repeating", "distinct"])
def test_sums_go_to_the_row_of_each_event(batch: Batch) -> None:
    unique = UniqueRows.of(batch)
    b, n = batch.events.rows.shape
    by_event = np.random.default_rng(0).normal(size=(b, 2, n))
    by_event[np.broadcast_to((np.arange(n) >= batch.lengths[:, None])[:, None], (b, 2, n))] = 0
    found = unique.by_row(torch.from_numpy(by_event)).numpy()
    for device in range(b):
        for place in np.nonzero(unique.real[device].numpy())[0]:
            own = np.arange(n) < batch.lengths[device]
            own &= batch.events.rows[device] == int(unique.rows[device, place])
            expected = by_event[device][:, own].sum(axis=1)
            assert found[device, :, place] == pytest.approx(expected)
        assert not found[device][:, ~unique.real[device].numpy()].any()


@pytest.mark.parametrize("batch", [REPEATING, DISTINCT], ids=["repeating", "distinct"])
def test_what_a_row_holds_comes_to_each_of_its_events(batch: Batch) -> None:
    unique = UniqueRows.of(batch)
    found = unique.by_event(unique.rows[:, None, :].double())
    for device, length in enumerate(batch.lengths):
        assert found[device, 0, :length].tolist() == batch.events.rows[device, :length].tolist()


def test_padding_never_joins_row_zero() -> None:
    """The second history holds row 0 itself; the padding behind it holds 0 as well."""
    unique = UniqueRows.of(REPEATING)
    weights = torch.zeros(3, 1, 4)
    weights[1, 0, 3] = 1.0  # padding
    assert not unique.by_row(weights)[1, 0][unique.real[1]].any()
