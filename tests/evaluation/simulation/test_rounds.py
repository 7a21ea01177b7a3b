"""Simulated rounds: who takes part, when a round is abandoned, and that both paths agree."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.simulation.population import Population
from evaluation.simulation.rounds import Rounds, RoundsSettings
from recsys.history import History
from recsys.item_tower import TowerShape, first_tower
from recsys.local_training import LocalSettings
from recsys.server_step import ServerState
from recsys.shared_scalars import SharedScalars

ITEMS, LENGTH = 30, 12
LIVE = np.arange(ITEMS)
SETTINGS = RoundsSettings(
    cohort_target=8,
    cohort_min=4,
    clip_l2=0.5,
    local=LocalSettings(n_cuts=3, vector_dropout=0.2, local_steps=2),
)


def make_population(n_devices: int = 20) -> Population:
    """Histories of 0 to 19 events, some longer than the kernels."""
    rng = np.random.default_rng(0)
    return Population.of([History.of(rng.integers(0, ITEMS, n)) for n in range(n_devices)], LENGTH)


def start() -> ServerState:
    features = {row: np.array([row % 5], np.int64) for row in range(ITEMS)}
    tower = first_tower(TowerShape(dim=6, n_buckets=10, width=4), features, ITEMS, seed=0)
    return ServerState.start(tower, SharedScalars.initial(LENGTH, 1))


def tables(settings: RoundsSettings, n_rounds: int, seed: int = 0) -> list[np.ndarray]:
    rounds = Rounds(make_population(), LIVE, settings, seed)
    return [result.state.tower.table().target for result in rounds.run(start(), n_rounds)]


def test_a_round_below_its_quorum_is_abandoned_and_changes_nothing() -> None:
    rounds = Rounds(make_population(5), LIVE, SETTINGS, 0)  # two of the five have nothing to cut
    before = start()
    result = rounds.round(before, 0)
    assert result.abandoned
    assert result.accepted == 3
    assert result.state is before


def test_lost_devices_are_made_up_for_by_inviting_more() -> None:
    settings = replace(SETTINGS, cohort_target=5, dropout=0.4)
    rounds = Rounds(make_population(), LIVE, settings, 0)
    accepted = [result.accepted for result in rounds.run(start(), 30)]
    assert max(accepted) == 5
    assert sum(n == 5 for n in accepted) >= 25


def test_a_seed_decides_everything_and_another_one_something_else() -> None:
    one, again, other = (tables(SETTINGS, 3, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[-1], other[-1])


@pytest.mark.parametrize("block_rows", [ITEMS, 12])
@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_the_fused_path_follows_the_exact_one(objective: str, block_rows: int) -> None:
    local = replace(SETTINGS.local, objective=objective)
    settings = replace(SETTINGS, local=local, block_rows=block_rows)
    exact = tables(replace(settings, path="exact"), 3)
    fused = tables(settings, 3)
    moved = np.abs(exact[-1] - start().tower.table().target).max()
    assert moved > 0.01
    # Adam divides by the size of a gradient: where that is as small as the grid, steps may differ.
    far = np.abs(fused[-1] - exact[-1])
    assert np.median(far) < 1e-3 * moved
    assert np.quantile(far, 0.99) < 0.2 * moved


def test_a_small_block_trains_only_its_rows() -> None:
    before = start()
    result = Rounds(make_population(), LIVE, replace(SETTINGS, block_rows=12), 0).round(before, 0)
    plan, bundle = Rounds(make_population(), LIVE, replace(SETTINGS, block_rows=12), 0).plan(
        before, 0
    )
    assert plan.n_block == 12
    moved = result.state.tower.residual.detach() != before.tower.residual.detach()
    assert set(np.nonzero(moved.any(dim=1).numpy())[0]) <= set(bundle.block.tolist())
    assert 0 <= result.clipped <= 1
