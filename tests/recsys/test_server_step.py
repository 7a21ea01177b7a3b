"""The server step: FedAvg by hand, the gradient it claims to be, untouched rows, cold items."""

import numpy as np
import pytest
import torch

from recsys.draws import draw_seeds
from recsys.flat_vector import flatten, n_values, split
from recsys.history import History
from recsys.item_tower import ItemTower, TowerShape, first_tower
from recsys.local_training import LocalSettings, train_locally
from recsys.server_step import ServerSettings, ServerState, server_step, tower_gradients
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, user_vector

PLAIN = TowerShape(dim=4, n_buckets=50, width=0, tied=False)
DEEP = TowerShape(dim=4, n_buckets=50, width=8, hidden=(8, 8))
CATALOGUE = {row: np.array([row, 40 + row % 3], np.int64) for row in range(8)}
BLOCK = np.array([0, 2, 3, 6], np.int64)
LENGTH, TYPES = 5, 2
SIZE = n_values(len(BLOCK), 4, LENGTH, TYPES)


def make_state(shape: TowerShape) -> ServerState:
    tower = first_tower(shape, CATALOGUE, height=8, seed=3)
    return ServerState.start(tower, SharedScalars.initial(LENGTH, TYPES))


def make_delta(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)


def test_a_delta_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="values"):
        server_step(make_state(PLAIN), make_delta()[1:], BLOCK, ServerSettings())


@pytest.mark.parametrize(
    ("field", "value"),
    [("optimiser", "magic"), ("rate", 0.0), ("beta1", 1.0), ("rate_floor", 2.0), ("rate", np.nan)],
)
def test_bad_settings_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        ServerSettings(**{field: value})


def test_plain_table_and_sgd_at_rate_one_is_fedavg_by_hand() -> None:
    state, deltas = make_state(PLAIN), [make_delta(seed) for seed in range(3)]
    settings = ServerSettings("sgd", rate=1.0, half_life_rounds=1e9, weight_decay=0.0)
    start = flatten(state.tower.table(), state.scalars, BLOCK)
    after = server_step(state, np.mean(deltas, axis=0), BLOCK, settings)
    ends = np.mean([start - delta for delta in deltas], axis=0)
    found = flatten(after.tower.table(), after.scalars, BLOCK)
    assert found == pytest.approx(ends, abs=1e-6)
    rest = np.array([1, 4, 5, 7])
    assert np.array_equal(after.tower.table().target[rest], state.tower.table().target[rest])


def test_gradients_are_those_of_half_the_squared_distance_to_where_devices_ended() -> None:
    tower, delta = make_state(DEEP).tower, make_delta()
    parts = split(delta, len(BLOCK), 4)
    by_head = (parts.target, parts.context_long, parts.context_short, parts.bias)
    loss = torch.zeros(())
    for head, part in zip(tower.heads(), by_head, strict=True):
        goal = (head[BLOCK] - torch.from_numpy(part)).detach()
        loss = loss + 0.5 * ((head[BLOCK] - goal) ** 2).sum()
    loss.backward()
    found = tower_gradients(tower, delta, BLOCK)
    names = [name for name, _ in tower.named_parameters()]
    assert len(names) == 10
    for name, parameter in tower.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-5)
    assert np.array_equal(found["scalars"].numpy(), parts.scalars)


def test_the_state_that_comes_in_stays_as_it_is_and_the_step_is_deterministic() -> None:
    state = make_state(DEEP)
    before = {name: value.clone() for name, value in state.tower.state_dict().items()}
    scalars = state.scalars.to_vector()
    one, two = (server_step(state, make_delta(), BLOCK, ServerSettings()) for _ in range(2))
    assert all(torch.equal(state.tower.state_dict()[name], before[name]) for name in before)
    assert np.array_equal(state.scalars.to_vector(), scalars)
    assert state.n_steps == 0
    assert torch.equal(one.tower.rows(), two.tower.rows())
    assert one.tower.trained.nonzero()[:, 0].tolist() == BLOCK.tolist()


def test_adam_is_torchs_adamw() -> None:
    state = make_state(PLAIN)
    settings = ServerSettings(rate=0.05, half_life_rounds=1e9, weight_decay=0.3)
    block = np.arange(8, dtype=np.int64)
    size = n_values(8, 4, LENGTH, TYPES)
    reference = torch.nn.Parameter(state.tower.residual.detach().clone())
    adam = torch.optim.AdamW([reference], lr=0.05, betas=(0.9, 0.99), weight_decay=0.3)
    for seed in range(4):
        delta = np.random.default_rng(seed).normal(size=size).astype(np.float32)
        reference.grad = tower_gradients(state.tower, delta, block)["residual"]
        adam.step()
        state = server_step(state, delta, block, settings)
    torch.testing.assert_close(state.tower.residual, reference, rtol=1e-5, atol=1e-6)


def test_the_scale_of_deltas_hardly_matters_to_adam() -> None:
    big, small = (
        server_step(make_state(DEEP), scale * make_delta(), BLOCK, ServerSettings())
        for scale in (1.0, 1e-3)
    )
    torch.testing.assert_close(big.tower.rows(), small.tower.rows(), rtol=1e-2, atol=1e-4)


def test_a_row_outside_the_block_keeps_its_residual_whatever_momentum_it_has() -> None:
    state = server_step(make_state(PLAIN), make_delta(), BLOCK, ServerSettings())
    other = np.array([1, 4, 5, 7], np.int64)
    after = server_step(state, make_delta(1), other, ServerSettings())
    assert torch.equal(after.tower.residual[BLOCK], state.tower.residual[BLOCK])
    assert not torch.equal(after.tower.residual[other], state.tower.residual[other])


def test_training_goes_on_after_the_catalogue_grew() -> None:
    state = server_step(make_state(DEEP), make_delta(), BLOCK, ServerSettings())
    state.tower.extend({11: np.array([7], np.int64)})
    block = np.array([0, 11], np.int64)
    delta = np.ones(n_values(2, 4, LENGTH, TYPES), np.float32)
    after = server_step(state, delta, block, ServerSettings())
    assert after.tower.residual[11].any()
    assert after.moments["residual"].shape == (2, 12, 13)


def test_the_rate_halves_down_to_its_floor() -> None:
    settings = ServerSettings(rate=0.4, half_life_rounds=10, rate_floor=0.2)
    assert [settings.rate_at(n) for n in (0, 10, 1000)] == pytest.approx([0.4, 0.2, 0.08])


def two_tastes() -> tuple[dict[int, np.ndarray], list[History]]:
    """Rows 0-9 of category 40, 10-19 of category 41; every user stays with one category."""
    rng = np.random.default_rng(0)
    features = {row: np.array([row, 40 + row // 10], np.int64) for row in range(20)}
    histories = [History.of(10 * (user % 2) + rng.permutation(10)) for user in range(12)]
    return features, histories


def trained_on_two_tastes() -> tuple[ItemTower, SharedScalars, list[History]]:
    features, histories = two_tastes()
    shape = TowerShape(dim=8, n_buckets=50, width=8, hidden=(8,))
    state = ServerState.start(first_tower(shape, features, 20, 0), SharedScalars.initial(10, 1))
    block, rng = np.arange(20, dtype=np.int64), np.random.default_rng(1)
    for _ in range(60):
        table = state.tower.table()
        deltas = [
            train_locally(
                table, state.scalars, one, block, LocalSettings(), draw_seeds(rng, 1)
            ).delta
            for one in histories
        ]
        state = server_step(state, np.mean(deltas, axis=0), block, ServerSettings())
    return state.tower, state.scalars, histories


def test_a_cold_item_suits_those_who_like_what_it_is_like() -> None:
    tower, scalars, histories = trained_on_two_tastes()
    tower.extend({20: np.array([30, 40], np.int64), 21: np.array([31, 41], np.int64)})
    table = tower.table()
    for user, history in enumerate(histories):
        vector = user_vector(table, scalars, UserTower.default(scalars, 8), history.last(4))
        first, second = (table.target[row] @ vector + table.bias[row] for row in (20, 21))
        assert (first > second) == (user % 2 == 0)
        strange = slice(10, 20) if user % 2 == 0 else slice(0, 10)
        others = table.target[strange] @ vector + table.bias[strange]
        assert max(first, second) > others.max()
