"""Training on one device: settings, short histories, deltas, metrics of the received version."""

import dataclasses

import numpy as np
import pytest

from recsys.cuts import Cuts
from recsys.draws import draw_seeds, vector_scales
from recsys.flat_vector import flatten, n_values, split
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.local_loss import loss_gradient
from recsys.local_training import (
    ANY_TYPE,
    LocalMetrics,
    LocalSettings,
    draw_cuts,
    train_locally,
)
from recsys.shared_scalars import SharedScalars

ROWS, DIM, LENGTH, TYPES = 10, 4, 8, 2
BLOCK = np.array([0, 1, 2, 4, 5, 6, 7, 9], np.int64)


def make_model() -> tuple[ItemTable, SharedScalars]:
    rng = np.random.default_rng(0)
    heads = rng.normal(size=(3, ROWS, DIM)).astype(np.float32)
    table = ItemTable(*heads, rng.normal(size=ROWS).astype(np.float32))
    return table, SharedScalars.initial(LENGTH, TYPES)


def history(n_events: int = 12) -> History:
    rng = np.random.default_rng(7)
    return History.of(rng.integers(0, ROWS, n_events), rng.integers(0, TYPES, n_events))


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({"n_cutz": 3}, "n_cutz"),
        ({"n_cuts": 3.5}, "n_cuts"),
        ({"n_cuts": True}, "n_cuts"),
        ({"local_rate": "fast"}, "local_rate"),
        ({"objective": 1}, "objective"),
        ({"objective": "sorted"}, "objective"),
        ({"rivals": "some"}, "rivals"),
        ({"history_dropout": 1.0}, "history_dropout"),
        ({"local_rate": float("nan")}, "local_rate"),
        ({"local_steps": 0}, "local_steps"),
        ({"target_type": -2}, "target_type"),
    ],
)
def test_bad_settings_are_refused_by_name(mapping: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LocalSettings.from_mapping(mapping)


def test_every_type_and_any_index_may_be_the_target() -> None:
    for target_type in (ANY_TYPE, 0, 7):
        assert LocalSettings.from_mapping({"target_type": target_type}).target_type == target_type


def seeds(n_steps: int) -> np.ndarray:
    return draw_seeds(np.random.default_rng(1), n_steps)


def drawn(settings: LocalSettings, step_seeds: np.ndarray) -> Cuts:
    own = history()
    return draw_cuts(own.rows[None], own.types[None], np.array([12]), settings, step_seeds)


@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_a_target_type_leaves_the_others_to_the_context(objective: str) -> None:
    own = history()
    settings = LocalSettings(n_cuts=50, objective=objective, target_type=1, history_dropout=0.0)
    cuts = drawn(settings, seeds(1))
    assert not cuts.target_weights[..., own.types != 1].any()
    assert cuts.target_weights[..., own.types == 1].any()
    assert cuts.context[..., own.types != 1].any()


@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_known_items_may_be_rivals_too(objective: str) -> None:
    settings = LocalSettings(n_cuts=9, objective=objective)
    everything = dataclasses.replace(settings, rivals="all")
    assert drawn(settings, seeds(1)).known.any(axis=2).all()
    assert not drawn(everything, seeds(1)).known.any()


def test_what_is_known_of_another_type_stays_a_rival() -> None:
    own = history()
    cuts = drawn(LocalSettings(n_cuts=50, target_type=1), seeds(1))
    assert not cuts.known[..., own.types != 1].any()
    assert cuts.known[..., own.types == 1].any()


def test_settings_survive_their_mapping() -> None:
    settings = LocalSettings(n_cuts=3, local_rate=0.25, objective="unordered")
    assert LocalSettings.from_mapping(settings.to_mapping()) == settings
    assert LocalSettings.from_mapping({"local_rate": 1}).local_rate == 1


@pytest.mark.parametrize("n_events", [0, 1])
@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_a_history_too_short_to_cut_gives_nothing(n_events: int, objective: str) -> None:
    settings = LocalSettings(objective=objective)
    result = train_locally(*make_model(), history(n_events), BLOCK, settings, seeds(1))
    assert result.delta.shape == (n_values(len(BLOCK), DIM, LENGTH, TYPES),)
    assert not result.delta.any()
    assert result.metrics == LocalMetrics(n=0)


def test_a_history_wholly_outside_the_block_gives_nothing() -> None:
    outside = History.of([3, 8, 3, 8])
    result = train_locally(*make_model(), outside, BLOCK, LocalSettings(), seeds(1))
    assert not result.delta.any()
    assert result.metrics.n == 0


@pytest.mark.parametrize("objective", ["ordered", "unordered"])
def test_one_step_is_the_gradient_times_the_rate(objective: str) -> None:
    settings = LocalSettings(n_cuts=4, local_rate=0.5, objective=objective)
    table, scalars = make_model()
    found = train_locally(table, scalars, history(), BLOCK, settings, seeds(1))
    cuts, scales = drawn(settings, seeds(1)), vector_scales(seeds(1), 4, DIM, 0.2)
    _, gradient = loss_gradient(table, scalars, history(), BLOCK, cuts, settings.ordered, scales)
    assert found.delta.dtype == np.float32
    assert np.array_equal(found.delta, np.float32(0.5) * gradient)


def test_several_steps_are_start_minus_end() -> None:
    settings = LocalSettings(n_cuts=4, local_rate=0.3, local_steps=3, vector_dropout=0.0)
    now = make_model()
    start = flatten(*now, BLOCK)
    for step in range(3):
        cuts = drawn(settings, seeds(3)[step : step + 1])
        gradient = loss_gradient(*now, history(), BLOCK, cuts, True)[1]
        values = flatten(*now, BLOCK) - np.float32(0.3) * gradient
        parts = split(values, len(BLOCK), DIM)
        table = ItemTable(*(head.copy() for head in vars(now[0]).values()))
        for name in ("target", "context_long", "context_short", "bias"):
            getattr(table, name)[BLOCK] = getattr(parts, name)
        now = table, SharedScalars.from_vector(parts.scalars, LENGTH, TYPES)
    found = train_locally(*make_model(), history(), BLOCK, settings, seeds(3))
    assert found.delta == pytest.approx(start - flatten(*now, BLOCK), abs=1e-6)


def test_same_stream_same_delta_other_stream_another() -> None:
    deltas = [
        train_locally(
            *make_model(), history(), BLOCK, LocalSettings(), np.array([seed], np.uint64)
        ).delta
        for seed in (3, 3, 4)
    ]
    assert np.array_equal(deltas[0], deltas[1])
    assert not np.array_equal(deltas[0], deltas[2])


def test_training_leaves_what_it_received_alone() -> None:
    table, scalars = make_model()
    before = flatten(table, scalars, BLOCK)
    settings = LocalSettings(local_steps=3)
    train_locally(table, scalars, history(), BLOCK, settings, seeds(3))
    assert np.array_equal(flatten(table, scalars, BLOCK), before)


def test_metrics_are_of_the_received_version_whatever_training_does() -> None:
    ending_inside = History.of([0, 3, 5, 1])
    results = [
        train_locally(
            *make_model(),
            ending_inside,
            BLOCK,
            dataclasses.replace(LocalSettings(), local_steps=steps, local_rate=rate),
            seeds(steps),
        )
        for steps, rate in ((1, 0.1), (4, 5.0))
    ]
    assert results[0].metrics == results[1].metrics
    assert results[0].metrics.n == 1
    assert results[0].metrics.hits_at_10 == 1  # six rivals cannot push it out of the first ten
    assert results[0].metrics.loss > 0
    n, loss, hits, squared = results[0].metrics.to_vector()
    assert (n, hits, squared) == (1, 1, loss**2)
