"""The user vector against the formula written out event by event, and batches against singles."""

import numpy as np
import pytest

from recsys.history import History
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars, n_scalars
from recsys.user_tower import UserTower, batch_of_one, user_vector, user_vectors

LENGTH, TYPES, DIM, ROWS = 6, 3, 5, 9


def make_model(seed: int = 0) -> tuple[ItemTable, SharedScalars, UserTower]:
    rng = np.random.default_rng(seed)
    table = ItemTable(*rng.normal(size=(3, ROWS, DIM)), rng.normal(size=ROWS))
    scalars = SharedScalars.from_vector(rng.normal(size=n_scalars(LENGTH, TYPES)), LENGTH, TYPES)
    return table, scalars, UserTower(rng.normal(size=DIM), rng.normal(size=2), rng.normal(size=3))


def vector_by_hand(
    table: ItemTable, scalars: SharedScalars, tower: UserTower, history: History
) -> np.ndarray:
    """The design's formula, one event at a time."""
    sums, masses = np.zeros((2, DIM)), np.zeros(2)
    kernels = (scalars.log_kernel_long, scalars.log_kernel_short)
    gap_kernels = (scalars.log_gap_long, scalars.log_gap_short)
    known = history.last(LENGTH)
    for age, (row, kind, time_s) in enumerate(
        zip(known.rows[::-1], known.types[::-1], known.times_s[::-1], strict=True)
    ):
        gap = int(known.times_s[-1] - time_s).bit_length()
        for side, head in enumerate((table.context_long, table.context_short)):
            weight = np.exp(tower.log_type_weights[kind]) * np.exp(kernels[side][age])
            weight *= np.exp(gap_kernels[side][gap])
            sums[side] += weight * head[row]
            masses[side] += weight
    pools = sums[0] / masses[0], sums[1] / masses[1]
    gains = np.exp(tower.log_gains)
    return tower.residual + gains[0] * pools[0] + gains[1] * pools[1]


@pytest.mark.parametrize("n_events", [1, 4, 6, 11])
def test_vector_is_the_formula(n_events: int) -> None:
    table, scalars, tower = make_model()
    rng = np.random.default_rng(n_events)
    times_s = 10**9 + np.cumsum(rng.choice([0, 1, 40, 90_000], n_events))
    history = History.of(rng.integers(0, ROWS, n_events), rng.integers(0, TYPES, n_events), times_s)
    found = user_vector(table, scalars, tower, history)
    assert found == pytest.approx(vector_by_hand(table, scalars, tower, history))


def test_an_empty_history_is_the_residual() -> None:
    table, scalars, tower = make_model()
    assert np.array_equal(user_vector(table, scalars, tower, History.of([])), tower.residual)


def test_a_batch_of_different_lengths_equals_its_singles() -> None:
    table, scalars, tower = make_model()
    histories = [History.of(rows) for rows in ([1, 2, 3], [], [4], range(9))]
    batch = user_vectors(table, scalars, batch_of_one(tower), histories)
    singles = [user_vector(table, scalars, tower, history) for history in histories]
    assert batch == pytest.approx(np.stack(singles))


def test_a_batch_may_bring_a_tower_per_user() -> None:
    table, scalars, one = make_model()
    other = make_model(1)[2]
    both = UserTower(*(np.stack([getattr(t, name) for t in (one, other)]) for name in vars(one)))
    histories = [History.of([1, 2], [0, 2]), History.of([1, 2], [0, 2])]
    batch = user_vectors(table, scalars, both, histories)
    singles = [user_vector(table, scalars, t, histories[0]) for t in (one, other)]
    assert batch == pytest.approx(np.stack(singles))


def test_without_an_order_the_order_does_not_matter_and_the_short_pool_is_out() -> None:
    table, scalars, tower = make_model()
    one = user_vector(table, scalars, tower, History.of([1, 2, 3], [0, 1, 2]), ordered=False)
    other = user_vector(table, scalars, tower, History.of([3, 1, 2], [2, 0, 1]), ordered=False)
    assert one == pytest.approx(other)
    no_short = ItemTable(table.target, table.context_long, 0 * table.context_short, table.bias)
    assert one == pytest.approx(
        user_vector(no_short, scalars, tower, History.of([1, 2, 3], [0, 1, 2]), ordered=False)
    )


def test_float32_stays_float32() -> None:
    heads = np.ones((3, 4, 2), np.float32)
    table, scalars = ItemTable(*heads, np.ones(4, np.float32)), SharedScalars.initial()
    tower = UserTower.default(scalars, 2)
    assert user_vector(table, scalars, tower, History.of([1, 2])).dtype == np.float32
