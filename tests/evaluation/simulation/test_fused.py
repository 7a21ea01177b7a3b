"""Many devices at once against each of them alone, with and without the grid."""

import dataclasses
import itertools

import numpy as np
import pytest

from app.coordinator.planning import make_plan
from app.models.bundle import Bundle
from app.settings import RoundSettings
from evaluation.simulation.exact import exact_sum
from evaluation.simulation.fused import FLOAT_ERROR, fused_sum
from federation.canonical import digest
from recsys.history import History
from recsys.local_training import LocalSettings
from tests.evaluation.simulation.made_up_devices import (
    ROWS,
    batch_of,
    deltas_alone,
    make_histories,
    make_received,
    make_seeds,
)

KINDS = [
    *itertools.product(("ordered", "unordered"), (1, 3), (0.0, 0.3), ("unseen",)),
    *itertools.product(("ordered", "unordered"), (3,), (0.3,), ("all",)),
]
NO_CLIP = 1e9


def settings_of(
    objective: str, local_steps: int, vector_dropout: float, rivals: str
) -> LocalSettings:
    return LocalSettings(
        n_cuts=3,
        objective=objective,
        local_steps=local_steps,
        local_rate=0.5,
        vector_dropout=vector_dropout,
        rivals=rivals,
    )


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def settings(request: pytest.FixtureRequest) -> LocalSettings:
    return settings_of(*request.param)


@pytest.fixture(params=[ROWS, 4], ids=["distinct", "repeating"])
def histories(request: pytest.FixtureRequest) -> list[History]:
    return make_histories(request.param)


def test_in_float64_it_is_the_same_mathematics(
    settings: LocalSettings, histories: list[History]
) -> None:
    received = make_received(np.float64)
    seeds = make_seeds(len(histories), settings.local_steps)
    alone = deltas_alone(received, histories, settings, seeds)
    norms = np.linalg.norm(alone, axis=1)
    clip_l2 = float(np.median(norms[norms > 0]))
    shares = np.minimum(1, clip_l2 / np.where(norms > 0, norms, 1))
    assert 0 < np.count_nonzero(norms > clip_l2) < np.count_nonzero(norms) - 1
    found = fused_sum(received, batch_of(histories), settings, seeds, clip_l2)
    assert found.values.dtype == np.float64
    assert found.norms == pytest.approx(norms, abs=1e-10)
    assert found.values == pytest.approx(shares @ alone, abs=1e-10)


def test_the_sum_is_within_the_stated_bound_of_the_exact_one(
    settings: LocalSettings, histories: list[History]
) -> None:
    received = make_received()
    seeds = make_seeds(len(histories), settings.local_steps)
    norms = np.linalg.norm(deltas_alone(received, histories, settings, seeds), axis=1)
    rounds = RoundSettings(
        cohort_target=8, cohort_min=8, clip_l2=float(np.median(norms[norms > 0]))
    )
    bundle = Bundle(
        model_version=0,
        event_types=("view", "cart"),
        catalogue=digest(b""),
        block=received.block,
        rows=np.arange(ROWS),
        table=received.table,
        scalars=received.scalars,
    )
    plan = make_plan(bundle, digest(b""), rounds, settings)
    running = exact_sum(plan, bundle, histories, seeds)
    exact = running.fresh.result[: plan.n_values] * plan.grid.step
    found = fused_sum(received, batch_of(histories), settings, seeds, plan.grid.clip_l2)
    bound = len(histories) * (plan.grid.step / 2 + FLOAT_ERROR * plan.grid.clip_l2)
    difference = np.abs(found.values - exact).max()
    assert difference <= bound
    # The bound says something: values are thousands of times as large.
    assert np.abs(exact).max() > 1000 * bound


def test_a_device_that_is_alone_is_batched_alike(settings: LocalSettings) -> None:
    """Padding and neighbours change nothing."""
    received, histories = make_received(np.float64), make_histories()
    seeds = make_seeds(len(histories), settings.local_steps)
    together = fused_sum(received, batch_of(histories), settings, seeds, NO_CLIP).values
    apart = [
        fused_sum(received, batch_of([history]), settings, own[None], NO_CLIP).values
        for history, own in zip(histories, seeds, strict=True)
    ]
    assert together == pytest.approx(np.sum(apart, axis=0), abs=1e-10)


@pytest.mark.parametrize("n_events", [0, 1])
def test_devices_too_short_to_cut_add_zeros(n_events: int) -> None:
    received, settings = make_received(), LocalSettings()
    histories = [History.of(range(n_events))] * 2
    found = fused_sum(received, batch_of(histories), settings, make_seeds(2, 1), 1.0)
    assert (
        found.values.shape
        == deltas_alone(received, histories, settings, make_seeds(2, 1)).shape[1:]
    )
    assert not found.values.any()
    assert found.norms.tolist() == [0, 0]


def test_norms_stay_with_their_devices() -> None:
    received, settings = make_received(), LocalSettings(n_cuts=4)
    histories = make_histories()[::-1]  # the short ones last
    seeds = make_seeds(len(histories), 1)
    found = fused_sum(received, batch_of(histories), settings, seeds, 1.0)
    alone = deltas_alone(received, histories, settings, seeds)
    assert found.norms == pytest.approx(np.linalg.norm(alone, axis=1), abs=1e-5)


def test_a_block_of_every_row_and_a_history_outside_it() -> None:
    outside = make_received(np.float64)
    rows = np.setdiff1d(np.arange(ROWS), outside.block)
    history = History.of(np.resize(rows, 12))
    settings, seeds = LocalSettings(n_cuts=4), make_seeds(1, 1)
    assert not fused_sum(outside, batch_of([history]), settings, seeds, NO_CLIP).values.any()
    whole = dataclasses.replace(outside, block=np.arange(ROWS))
    found = fused_sum(whole, batch_of([history]), settings, seeds, NO_CLIP)
    assert found.values == pytest.approx(
        deltas_alone(whole, [history], settings, seeds)[0], abs=1e-10
    )
    assert found.values.any()
