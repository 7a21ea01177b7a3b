"""Targets over a block and the softmax loss."""

import numpy as np
import pytest

from recsys.objective import block_positions, rivals, soft_targets, softmax_loss


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
    losses, gradient = softmax_loss(logits, np.array([[1.0, 0.0, 0.0]]), np.ones((1, 3), bool))
    assert losses == pytest.approx([np.log(2)])
    assert gradient == pytest.approx(np.array([[-0.5, 0.5, 0.0]]))


def test_a_cut_without_target_has_no_loss_and_no_gradient() -> None:
    losses, gradient = softmax_loss(np.ones((1, 3)), np.zeros((1, 3)), np.ones((1, 3), bool))
    assert losses.tolist() == [0]
    assert gradient.tolist() == [[0, 0, 0]]


def test_what_does_not_compete_has_no_share_and_no_gradient() -> None:
    logits = np.array([[5.0, 1.0, 1.0]], np.float32)
    target = np.array([[0.0, 1.0, 0.0]])
    losses, gradient = softmax_loss(logits, target, np.array([[False, True, True]]))
    assert losses == pytest.approx([np.log(2)])
    assert gradient == pytest.approx(np.array([[0.0, -0.5, 0.5]]))
    nobody, flat = softmax_loss(logits, 0 * target, np.zeros((1, 3), bool))
    assert nobody.tolist() == [0]
    assert flat.tolist() == [[0, 0, 0]]


def test_known_items_compete_only_where_they_are_asked_for() -> None:
    known = np.array([[True, True, True], [False, True, False]])
    targets = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    competing = rivals(known, np.array([0, 1, -1]), targets)
    assert competing.tolist() == [[False, True, True, True], [True, False, True, True]]
