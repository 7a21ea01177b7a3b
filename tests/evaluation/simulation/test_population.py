"""Packed histories: what goes in comes out, padded, cut to the newest events, in any order."""

import numpy as np
import pytest

from evaluation.simulation.population import Batch, Population, training_seeds
from recsys.history import History
from recsys.pooling import Events
from tests.evaluation.simulation.made_up_devices import LENGTH, LENGTHS, ROWS, make_histories


def padded(rows: list[list[int]], types: list[list[int]], lengths: list[int]) -> Batch:
    times_s = 60 * np.array(rows)  # a made-up time that must stay with its event
    return Batch(Events(np.array(rows), np.array(types), times_s), np.array(lengths))


def test_histories_come_back() -> None:
    histories = make_histories()
    population = Population.of(histories, LENGTH)
    assert len(population) == len(histories)
    assert population.lengths.tolist() == list(LENGTHS)
    for device, history in enumerate(histories):
        found = population.history(device)
        assert np.array_equal(found.rows, history.rows)
        assert np.array_equal(found.types, history.types)
        assert np.array_equal(found.times_s, history.times_s)


def test_only_the_newest_events_are_kept() -> None:
    found = Population.of([History.of(range(9)), History.of([5, 6])], 4)
    assert found.history(0).rows.tolist() == [5, 6, 7, 8]
    assert found.history(1).rows.tolist() == [5, 6]


def test_nobody_is_a_population_too() -> None:
    nobody = Population.of([], LENGTH)
    assert len(nobody) == 0
    assert nobody.batch(np.zeros(0, np.int64)).events.rows.shape == (0, 0)
    assert list(nobody.batches(np.zeros(0, np.int64), 4)) == []


def test_a_batch_pads_at_the_end_with_a_valid_row() -> None:
    population = Population.of(
        [History.of([7, 8, 9], [1, 0, 1]), History.of([6]), History.of([])], 5
    )
    batch = population.batch(np.array([2, 0, 1]))
    assert batch.lengths.tolist() == [0, 3, 1]
    assert batch.events.rows.tolist() == [[0, 0, 0], [7, 8, 9], [6, 0, 0]]
    assert batch.events.types.tolist() == [[0, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert batch.events.rows.dtype == np.int64


def test_batches_hold_every_device_once_and_neighbours_in_length() -> None:
    population = Population.of(make_histories(), LENGTH)
    devices = np.array([7, 0, 5, 2, 4])
    parts = list(population.batches(devices, 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    together = np.concatenate(parts)
    assert sorted(together) == sorted(devices)
    assert np.all(np.diff(population.lengths[together]) >= 0)


def test_a_batch_within_rows_drops_the_other_rows_events() -> None:
    batch = padded(
        [[4, 9, 6, 4], [9, 4, 0, 0], [6, 6, 0, 0], [0, 0, 0, 0]],
        [[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 0, 0], [0, 0, 0, 0]],
        [4, 2, 2, 0],
    )
    found = batch.within(np.array([4, 6]))
    assert found.lengths.tolist() == [3, 1, 2, 0]
    assert found.events.rows[0].tolist() == [0, 1, 0]
    assert found.events.types[0].tolist() == [1, 3, 4]
    assert found.events.times_s[0].tolist() == [240, 360, 240]
    assert (found.events.rows[1, 0], found.events.types[1, 0]) == (0, 6)
    assert found.events.rows[2, :2].tolist() == [1, 1]
    assert found.events.types[2, :2].tolist() == [7, 8]


def test_padding_is_no_event_of_row_zero() -> None:
    """Padding has row 0, and row 0 may well be among those received."""
    found = padded([[0, 3, 5], [0, 3, 0]], [[0] * 3] * 2, [3, 2]).within(np.array([0, 3]))
    assert found.lengths.tolist() == [2, 2]


def test_no_rows_leave_nothing() -> None:
    population = Population.of(make_histories(), LENGTH)
    found = population.batch(np.arange(len(population))).within(np.zeros(0, np.int64))
    assert found.lengths.tolist() == [0] * len(population)
    assert found.events.rows.shape == (len(population), 0)


def test_within_all_rows_changes_nothing() -> None:
    population = Population.of(make_histories(), LENGTH)
    batch = population.batch(np.arange(3, 8))
    found = batch.within(np.arange(ROWS))
    for device, n in enumerate(batch.lengths):
        assert np.array_equal(found.events.rows[device, :n], batch.events.rows[device, :n])
        assert np.array_equal(found.events.types[device, :n], batch.events.types[device, :n])


def test_seeds_belong_to_device_and_round_whatever_the_order() -> None:
    devices = np.array([5, 2, 9])
    found = training_seeds(1, 4, devices, 3)
    assert found.shape == (3, 3)
    assert found.dtype == np.uint64
    assert np.array_equal(training_seeds(1, 4, devices[::-1], 3), found[::-1])
    assert np.array_equal(training_seeds(1, 4, devices[1:2], 3), found[1:2])


@pytest.mark.parametrize(("seed", "round_id"), [(2, 4), (1, 5), (4, 1)])
def test_other_rounds_and_seeds_draw_others(seed: int, round_id: int) -> None:
    devices = np.arange(50)
    found = training_seeds(1, 4, devices, 2)
    assert np.unique(found).size == 100
    assert not np.isin(training_seeds(seed, round_id, devices, 2), found).any()
