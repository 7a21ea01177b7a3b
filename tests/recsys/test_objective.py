"""Cuts, targets and the softmax loss."""

import numpy as np
import pytest

from recsys.objective import (
    block_positions,
    draw_points,
    next_event_cuts,
    ordered_cuts,
    recent_points,
    soft_targets,
    softmax_loss,
    unordered_cuts,
)


def test_points_leave_something_on_both_sides_and_repeat_only_when_they_must() -> None:
    rng = np.random.default_rng(0)
    many = draw_points(50, 8, rng)
    assert len(set(many.tolist())) == 8
    assert many.min() >= 1
    assert many.max() <= 49
    assert draw_points(2, 4, rng).tolist() == [1, 1, 1, 1]


def test_recent_points_lie_near_the_end() -> None:
    points = recent_points(1001, 4000, 0.1, np.random.default_rng(0))
    assert points.min() >= 1
    assert points.max() == 1000
    assert 1000 - points.mean() == pytest.approx(100, rel=0.1)


def test_ordered_targets_are_the_next_events_with_falling_weights() -> None:
    cuts = ordered_cuts(6, np.array([2, 5]), 3, 1.5, 0.0, np.random.default_rng(0))
    assert cuts.context.tolist() == [[True] * 2 + [False] * 4, [True] * 5 + [False]]
    fall = np.exp(-np.arange(3) / 1.5)
    assert cuts.target_weights[0] == pytest.approx([0, 0, *fall, 0])
    assert cuts.target_weights[1] == pytest.approx([0] * 5 + [1])


def test_dropout_takes_its_share_of_the_context_and_nothing_of_the_target() -> None:
    points = np.full(400, 90)
    cuts = ordered_cuts(100, points, 10, 1.5, 0.3, np.random.default_rng(0))
    assert not cuts.context[:, 90:].any()
    assert cuts.context[:, :90].mean() == pytest.approx(0.7, abs=0.01)
    assert (cuts.target_weights[:, 90:] > 0).all()


def test_unordered_cuts_split_a_history_in_two() -> None:
    cuts = unordered_cuts(7, 200, 0.0, np.random.default_rng(0))
    assert np.array_equal(cuts.context, cuts.target_weights == 0)
    assert set(cuts.context.sum(axis=1).tolist()) == set(range(1, 7))
    assert cuts.context.mean(axis=0) == pytest.approx(np.full(7, 0.5), abs=0.12)


def test_next_event_cuts_predict_each_held_event_from_all_before_it() -> None:
    cuts = next_event_cuts(4, 2)
    assert cuts.context.tolist() == [[True, True, False, False], [True, True, True, False]]
    assert cuts.target_weights.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


def test_rows_outside_the_block_have_no_position() -> None:
    block = np.array([2, 5, 9], np.int64)
    found = block_positions(np.array([0, 2, 3, 9, 11], np.int64), block)
    assert found.tolist() == [-1, 0, -1, 2, -1]
    assert block_positions(np.array([0]), np.zeros(0, np.int64)).tolist() == [-1]


def test_targets_outside_the_block_are_dropped_and_the_rest_renormalised() -> None:
    weights = np.array([[0.0, 1.0, 1.0, 2.0], [0.0, 0.0, 3.0, 0.0]])
    targets = soft_targets(weights, np.array([0, 1, -1, 1]), n_block=3)
    assert targets.tolist() == [[0, 1, 0], [0, 0, 0]]
    both = soft_targets(weights[:1], np.array([0, 1, 2, 1]), n_block=3)
    assert both.tolist() == [[0, 0.75, 0.25]]


def test_loss_is_the_cross_entropy_even_for_huge_logits() -> None:
    logits = np.array([[1000.0, 1000.0, -1000.0]])
    losses, gradient = softmax_loss(logits, np.array([[1.0, 0.0, 0.0]]))
    assert losses == pytest.approx([np.log(2)])
    assert gradient == pytest.approx(np.array([[-0.5, 0.5, 0.0]]))


def test_a_cut_without_target_has_no_loss_and_no_gradient() -> None:
    losses, gradient = softmax_loss(np.ones((1, 3)), np.zeros((1, 3)))
    assert losses.tolist() == [0]
    assert gradient.tolist() == [[0, 0, 0]]
