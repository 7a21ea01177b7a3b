"""Cuts: where a history is cut, what is before and after, and that a batch is its devices."""

import numpy as np
import pytest

from recsys.cuts import (
    Cuts,
    next_event_cuts,
    ordered_cuts,
    recent_points,
    spread_points,
    unordered_cuts,
)
from recsys.draws import draw_seeds

SEED = np.array([7], np.uint64)


def of(*lengths: int) -> np.ndarray:
    return np.array(lengths, np.int64)


def test_points_leave_something_on_both_sides_and_repeat_only_when_they_must() -> None:
    many = spread_points(of(50), 8, SEED)[0]
    assert len(set(many.tolist())) == 8
    assert many.min() >= 1
    assert many.max() <= 49
    assert spread_points(of(2), 4, SEED)[0].tolist() == [1, 1, 1, 1]


def test_every_point_is_equally_likely() -> None:
    seeds = draw_seeds(np.random.default_rng(0), 4000)
    points = spread_points(np.full(4000, 12), 5, seeds)
    counts = np.bincount(points.ravel(), minlength=12)[1:]
    assert counts == pytest.approx(np.full(11, 20000 / 11), rel=0.1)


def test_recent_points_lie_near_the_end() -> None:
    points = recent_points(of(1001), 4000, 0.1, SEED)[0]
    assert points.min() >= 1
    assert points.max() == 1000
    assert 1000 - points.mean() == pytest.approx(100, rel=0.1)
    assert recent_points(of(2), 3, 0.1, SEED)[0].tolist() == [1, 1, 1]


def test_ordered_targets_are_the_next_events_with_falling_weights() -> None:
    cuts = ordered_cuts(of(6), np.array([[2, 5]]), 3, 1.5, 0.0, SEED)
    assert cuts.context[0].tolist() == [[True] * 2 + [False] * 4, [True] * 5 + [False]]
    fall = np.exp(-np.arange(3) / 1.5)
    assert cuts.target_weights[0, 0] == pytest.approx([0, 0, *fall, 0])
    assert cuts.target_weights[0, 1] == pytest.approx([0] * 5 + [1])
    assert np.array_equal(cuts.known, cuts.context)


def test_dropout_takes_its_share_of_the_context_and_nothing_of_the_target() -> None:
    cuts = ordered_cuts(of(100), np.full((1, 400), 90), 10, 1.5, 0.3, SEED)
    assert not cuts.context[0, :, 90:].any()
    assert cuts.context[0, :, :90].mean() == pytest.approx(0.7, abs=0.01)
    assert (cuts.target_weights[0, :, 90:] > 0).all()
    assert np.array_equal(cuts.known[0], np.tile(np.arange(100) < 90, (400, 1)))


def test_unordered_cuts_split_a_history_in_two() -> None:
    cuts = unordered_cuts(np.arange(7)[None], of(7), 400, 0.0, SEED)
    context = cuts.context[0]
    assert np.array_equal(context, cuts.target_weights[0] == 0)
    assert np.array_equal(context, cuts.known[0])
    assert set(context.sum(axis=1).tolist()) == set(range(1, 7))
    assert context.mean(axis=0) == pytest.approx(np.full(7, 0.5), abs=0.1)


def test_events_on_one_item_stay_on_one_side() -> None:
    rows = np.array([[3, 5, 3, 8, 5, 9]])
    cuts = unordered_cuts(rows, of(6), 200, 0.0, SEED)
    assert np.array_equal(cuts.context[0, :, 0], cuts.context[0, :, 2])
    assert np.array_equal(cuts.context[0, :, 1], cuts.context[0, :, 4])
    assert 0.2 < cuts.context.mean() < 0.8


def test_next_event_cuts_predict_each_held_event_from_all_before_it() -> None:
    cuts = next_event_cuts(4, 2)
    assert cuts.context[0].tolist() == [[True, True, False, False], [True, True, True, False]]
    assert cuts.target_weights[0].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_batch_draws_what_each_of_its_devices_draws_alone(ordered: bool) -> None:
    lengths, seeds = of(3, 11, 7), draw_seeds(np.random.default_rng(1), 3)

    def draw(lengths: np.ndarray, seeds: np.ndarray) -> Cuts:
        if not ordered:
            rows = np.tile(np.arange(11), (len(lengths), 1))[:, : lengths.max()]
            return unordered_cuts(rows, lengths, 4, 0.3, seeds)
        return ordered_cuts(lengths, spread_points(lengths, 4, seeds), 5, 1.5, 0.3, seeds)

    together = draw(lengths, seeds)
    for i, n in enumerate(lengths):
        alone = draw(lengths[i : i + 1], seeds[i : i + 1])
        assert np.array_equal(together.context[i, :, :n], alone.context[0])
        assert np.array_equal(together.target_weights[i, :, :n], alone.target_weights[0])
        assert np.array_equal(together.known[i, :, :n], alone.known[0])
        assert not together.target_weights[i, :, n:].any()
        assert not together.known[i, :, n:].any()
