"""The exact path and the real service: two rounds over HTTP, and the same two without a network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from app.coordinator.summed_step import step_from_sum
from app.store.blobs import digest_of
from clients.python.fleet import device_seed
from evaluation.simulation.exact import exact_sum
from recsys.draws import Seeds, draw_seeds
from recsys.server_state import to_bytes
from recsys.server_step import ServerSettings, ServerState
from tests.evaluation.simulation.published_rounds import (
    FLEET_SEED,
    USERS,
    Shop,
    history_of,
    open_shop,
    plan_again,
)

N_ROUNDS = 2


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The coordinator's own setting: on other thread counts, products may round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        for _ in range(N_ROUNDS):
            shop.hold_round()
        yield shop


def seeds_of_rounds() -> list[Seeds]:
    """What each device draws in each round: (b, 1) per round."""
    training = [
        np.random.default_rng(device_seed(FLEET_SEED, number)).spawn(3)[0]
        for number in range(len(USERS))
    ]
    return [np.stack([draw_seeds(rng, 1) for rng in training]) for _ in range(N_ROUNDS)]


def test_simulated_rounds_are_the_published_ones_bit_for_bit(shop: Shop, tmp_path: Path) -> None:
    first, second = shop.published()
    assert second.parent == first.version
    state: ServerState | None = None
    for record, seeds in zip((first, second), seeds_of_rounds(), strict=True):
        assert record.parent is not None
        parent, child = shop.model(record.parent), shop.model(record.version)
        round_id = 1 if record is first else 2
        plan, bundle = plan_again(parent, round_id, shop.row_key(), tmp_path)
        assert plan.digest == record.plan
        histories = [history_of(device, parent, bundle) for device in shop.devices]
        running = exact_sum(plan, bundle, histories, seeds)
        assert running.count == record.count == len(USERS)
        assert digest_of(running.to_bytes()) == record.sum
        # From the second round on, what the first simulated round left is gone on from.
        state, means = step_from_sum(state or parent.state, running, plan, bundle, ServerSettings())
        assert digest_of(to_bytes(state)) == record.training_state
        for head in ("target", "context_long", "context_short", "bias"):
            simulated, published = getattr(state.tower.table(), head), getattr(child.table, head)
            assert simulated.dtype == published.dtype
            assert simulated.tobytes() == published.tobytes()
        assert record.metrics is not None
        assert round(float(means[0]) * running.count) == record.metrics["n"]


def test_the_rounds_are_no_easy_ones(shop: Shop, tmp_path: Path) -> None:
    """Some devices are clipped and some not, and one has too little to train on."""
    record, seeds = shop.published()[0], seeds_of_rounds()[0]
    parent = shop.model(record.version - 1)
    plan, bundle = plan_again(parent, 1, shop.row_key(), tmp_path)
    lengths, norms = [], []
    for device, own in zip(shop.devices, seeds, strict=True):
        history = history_of(device, parent, bundle)
        words = exact_sum(plan, bundle, [history], own[None]).fresh.result[: plan.n_values]
        lengths.append(len(history))
        norms.append(np.linalg.norm(words) * plan.grid.step)
    assert bundle.rows.size < len(parent.live)
    assert min(lengths) < 2
    assert max(lengths) == bundle.scalars.history_length
    assert min(norms) == 0
    assert max(norms) == pytest.approx(plan.grid.clip_l2, rel=1e-4)
    assert any(0 < norm < 0.99 * plan.grid.clip_l2 for norm in norms)
