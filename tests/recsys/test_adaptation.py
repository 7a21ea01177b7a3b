"""Adaptation: short histories, determinism, learning a taste, keeping still when nothing helps."""

import dataclasses

import numpy as np
import pytest

from recsys.adaptation import AdaptationSettings, adapt, adaptation_loss
from recsys.cuts import ordered_cuts
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower

ROWS, DIM, LENGTH, TYPES = 40, 4, 30, 2
LIVE = np.ones(ROWS, bool)
SETTINGS = AdaptationSettings()


def make_model(seed: int = 0) -> tuple[ItemTable, SharedScalars]:
    """Targets that mean something, contexts that do not: only a residual can say what one likes."""
    rng = np.random.default_rng(seed)
    heads = (
        rng.normal(size=(3, ROWS, DIM)).astype(np.float32)
        * np.float32([1, 0.01, 0.01])[:, None, None]
    )
    return ItemTable(*heads, np.zeros(ROWS, np.float32)), SharedScalars.initial(LENGTH, TYPES)


def lover(table: ItemTable, n_events: int = 24) -> History:
    """Someone who only touches the rows that point along the first axis."""
    best = np.argsort(-table.target[:, 0])[:6]
    return History.of(np.random.default_rng(1).choice(best, n_events))


def same(one: UserTower, other: UserTower) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@pytest.mark.parametrize("n_events", [0, 1, 4])
def test_a_short_history_keeps_the_shared_tower(n_events: int) -> None:
    table, scalars = make_model()
    history = lover(table, n_events)
    tower = adapt(table, scalars, history, LIVE, SETTINGS, np.random.default_rng(0))
    assert same(tower, UserTower.default(scalars, DIM))


def test_without_live_items_the_shared_tower_stays() -> None:
    table, scalars = make_model()
    rng = np.random.default_rng(0)
    tower = adapt(table, scalars, lover(table), np.zeros(ROWS, bool), SETTINGS, rng)
    assert same(tower, UserTower.default(scalars, DIM))


def test_bad_settings_are_refused_by_name() -> None:
    for field, value in (("n_cuts", 0), ("rate", 0.0), ("held_share", 1.0), ("objective", "x")):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(SETTINGS, **{field: value})


def test_a_taste_is_learnt_and_its_items_come_first() -> None:
    table, scalars = make_model()
    history = lover(table)
    tower = adapt(table, scalars, history, LIVE, SETTINGS, np.random.default_rng(0))
    assert tower.residual[0] > 0.3
    assert tower.residual[0] > np.abs(tower.residual[1:]).max()


def test_where_the_last_events_contradict_the_rest_nothing_is_fitted() -> None:
    table, scalars = make_model()
    order = np.argsort(-table.target[:, 0])
    turned = History.of([*np.tile(order[:5], 5), *order[-5:]])
    settings = dataclasses.replace(SETTINGS, held_share=5 / 30)
    tower = adapt(table, scalars, turned, LIVE, settings, np.random.default_rng(0))
    assert same(tower, UserTower.default(scalars, DIM))


def test_a_stronger_pull_stays_nearer() -> None:
    table, scalars = make_model()
    sizes = []
    for pull in (0.0, 1.0):
        settings = dataclasses.replace(SETTINGS, pull=pull)
        tower = adapt(table, scalars, lover(table), LIVE, settings, np.random.default_rng(0))
        sizes.append(np.linalg.norm(tower.residual))
    assert 0 < sizes[1] < sizes[0]


def test_same_stream_same_tower_and_nothing_received_changes() -> None:
    table, scalars = make_model()
    before = table.target.copy(), scalars.to_vector()
    one, two = (
        adapt(table, scalars, lover(table), LIVE, SETTINGS, np.random.default_rng(5))
        for _ in range(2)
    )
    assert same(one, two)
    assert np.array_equal(table.target, before[0])
    assert np.array_equal(scalars.to_vector(), before[1])
    assert all(value.dtype == np.float32 for value in vars(one).values())


def test_items_that_are_gone_play_no_part() -> None:
    table, scalars = make_model()
    live = LIVE.copy()
    live[[3, 17]] = False
    shouting = table.bias.copy()
    shouting[[3, 17]] = 50
    loud = ItemTable(table.target, table.context_long, table.context_short, shouting)
    quiet, other = (
        adapt(t, scalars, lover(table), live, SETTINGS, np.random.default_rng(0))
        for t in (table, loud)
    )
    assert same(quiet, other)


@pytest.mark.parametrize("ordered", [True, False])
def test_gradient_is_the_central_difference(ordered: bool) -> None:
    rng = np.random.default_rng(2)
    table = ItemTable(*rng.normal(size=(3, ROWS, DIM)), rng.normal(size=ROWS))
    vector = rng.normal(size=2 * LENGTH + 2 + TYPES)
    scalars = SharedScalars.from_vector(vector, LENGTH, TYPES)
    history = History.of(rng.integers(0, ROWS, 12), rng.integers(0, TYPES, 12))
    cuts = ordered_cuts(
        np.array([12]), np.array([[2, 6, 11]]), 3, 1.5, 0.2, np.array([5], np.uint64)
    )
    start = rng.normal(size=DIM + 2 + TYPES)

    def loss(numbers: np.ndarray) -> tuple[float, UserTower]:
        tower = UserTower(*np.split(numbers, [DIM, DIM + 2]))
        return adaptation_loss(table, scalars, tower, history, np.arange(ROWS), cuts, ordered)

    found = np.concatenate(list(vars(loss(start)[1]).values()))
    shifts = np.eye(start.shape[0]) * 1e-5
    expected = [(loss(start + s)[0] - loss(start - s)[0]) / 2e-5 for s in shifts]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
