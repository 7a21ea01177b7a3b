"""Adaptation: a Newton step, learning a taste, keeping still when nothing helps, batch = single."""

import dataclasses

import numpy as np
import pytest
import torch

from recsys.adaptation import AdaptationSettings, adapt, adapt_all, residuals
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, user_vector

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
    tower = adapt(table, scalars, lover(table, n_events), LIVE, SETTINGS)
    assert same(tower, UserTower.default(scalars, DIM))


def test_without_live_items_the_shared_tower_stays() -> None:
    table, scalars = make_model()
    tower = adapt(table, scalars, lover(table), np.zeros(ROWS, bool), SETTINGS)
    assert same(tower, UserTower.default(scalars, DIM))


def test_bad_settings_are_refused_by_name() -> None:
    wrong = {"pulls": (), "n_events": 1, "held_share": 1.0, "margin": -1.0, "objective": "x"}
    for field, value in wrong.items():
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(SETTINGS, **{field: value})
    with pytest.raises(ValueError, match="ascending"):
        dataclasses.replace(SETTINGS, pulls=(2.0, 1.0))


def test_a_taste_is_learnt_and_its_items_come_first() -> None:
    table, scalars = make_model()
    tower = adapt(table, scalars, lover(table), LIVE, SETTINGS)
    assert tower.residual[0] > 0.3
    assert tower.residual[0] > np.abs(tower.residual[1:]).max()


def test_where_the_last_events_contradict_the_rest_nothing_is_fitted() -> None:
    table, scalars = make_model()
    order = np.argsort(-table.target[:, 0])
    turned = History.of([*np.tile(order[:5], 5), *order[-5:]])
    settings = dataclasses.replace(SETTINGS, held_share=5 / 30)
    assert same(adapt(table, scalars, turned, LIVE, settings), UserTower.default(scalars, DIM))


def test_a_margin_that_nothing_reaches_keeps_the_shared_tower() -> None:
    table, scalars = make_model()
    settings = dataclasses.replace(SETTINGS, margin=100.0)
    tower = adapt(table, scalars, lover(table), LIVE, settings)
    assert same(tower, UserTower.default(scalars, DIM))


def test_a_stronger_pull_stays_nearer() -> None:
    table, scalars = make_model()
    sizes = []
    for pull in (0.5, 50.0):
        settings = dataclasses.replace(SETTINGS, pulls=(pull,))
        sizes.append(np.linalg.norm(adapt(table, scalars, lover(table), LIVE, settings).residual))
    assert 0 < sizes[1] < sizes[0]


@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_the_residual_is_a_newton_step_on_the_own_loss(objective: str) -> None:
    """Against the gradient and the Hessian of torch, event by event."""
    table, scalars = make_model(3)
    history, pull = dataclasses.replace(lover(table, 9), times_s=np.arange(9) ** 6), 2.0
    settings = AdaptationSettings((pull,), 5, 3.0, objective=objective)
    found = residuals(table, scalars, [history], LIVE, settings)[0]
    targets, bias = torch.tensor(table.target).double(), torch.tensor(table.bias).double()

    def loss(residual: torch.Tensor) -> torch.Tensor:
        total = 0.5 * pull * residual @ residual
        for age, event in enumerate(range(8, 3, -1)):
            rows = history.rows
            seen = [
                i
                for i in range(9)
                if (i < event if objective == "ordered" else rows[i] != rows[event])
            ]
            known = history.take(np.array(seen))
            shared = UserTower.default(scalars, DIM)
            vector = user_vector(table, scalars, shared, known, ordered=objective == "ordered")
            logits = targets @ (residual + torch.tensor(vector).double()) + bias
            logits[list(set(rows[seen]) - {rows[event]})] = -torch.inf
            weight = np.exp(-age / 3.0) if objective == "ordered" else 1.0
            total = total - weight * torch.log_softmax(logits, 0)[history.rows[event]]
        return total

    start = torch.zeros(DIM, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(loss(start), start)[0]
    curvature = torch.autograd.functional.hessian(loss, start)
    expected = -torch.linalg.solve(curvature, slope)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_batch_is_its_users_and_nothing_received_changes() -> None:
    table, scalars = make_model()
    before = table.target.copy(), scalars.to_vector()
    histories = [lover(table, n) for n in (3, 24, 7, 60, 12)]
    together = adapt_all(table, scalars, histories, LIVE, SETTINGS)
    for i, history in enumerate(histories):
        alone = adapt(table, scalars, history, LIVE, SETTINGS)
        np.testing.assert_allclose(together.residual[i], alone.residual, rtol=1e-4, atol=1e-6)
        assert np.array_equal(together.log_gains[i], alone.log_gains)
    assert np.array_equal(table.target, before[0])
    assert np.array_equal(scalars.to_vector(), before[1])
    assert all(value.dtype == np.float32 for value in vars(together).values())


def test_items_that_are_gone_play_no_part() -> None:
    table, scalars = make_model()
    live = LIVE.copy()
    live[[3, 17]] = False
    shouting = table.bias.copy()
    shouting[[3, 17]] = 50
    loud = ItemTable(table.target, table.context_long, table.context_short, shouting)
    quiet, other = (adapt(t, scalars, lover(table), live, SETTINGS) for t in (table, loud))
    assert same(quiet, other)


def test_a_target_type_alone_is_fitted() -> None:
    table, scalars = make_model()
    some = lover(table)
    types = np.where(np.arange(len(some)) % 2, 1, 0)
    history = dataclasses.replace(some, types=types)
    found = [
        residuals(table, scalars, [history], LIVE, dataclasses.replace(SETTINGS, target_type=kind))
        for kind in (0, 1, 2)
    ]
    assert not np.allclose(found[0], found[1])
    assert not found[2].any()
