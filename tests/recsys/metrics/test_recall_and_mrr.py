"""Recall and reciprocal rank: refusals and hand values."""

import numpy as np
import pytest

from recsys.metrics.hit_rate import hit_rate_at
from recsys.metrics.mrr import mrr_at, reciprocals_at
from recsys.metrics.recall import recall_at, recalls_at

RANKS = np.array([1.0, 2.5, 10.0, 11.0])


def test_refuse() -> None:
    for ranks, k in ((np.empty(0), 10), (np.array([0.5]), 10), (RANKS, 0)):
        with pytest.raises(ValueError, match="must be"):
            mrr_at(ranks, k)
        with pytest.raises(ValueError, match="must be"):
            recall_at(ranks, np.zeros(len(ranks), np.int64), k)
    with pytest.raises(ValueError, match="fit"):
        recall_at(RANKS, np.zeros(3, np.int64), 10)


def test_reciprocal_rank_by_hand() -> None:
    assert reciprocals_at(RANKS, 10).tolist() == [1.0, 0.4, 0.1, 0.0]
    assert mrr_at(RANKS, 10) == pytest.approx(0.375)
    assert mrr_at(RANKS, 1) == pytest.approx(0.25)


def test_a_person_weighs_the_same_however_many_items_are_held_out() -> None:
    people = np.array([7, 7, 7, 2])
    assert recalls_at(RANKS, people, 2) == pytest.approx([0.0, 1 / 3])
    assert recall_at(RANKS, people, 10) == pytest.approx(0.5)


def test_with_one_item_a_person_recall_is_the_hit_rate() -> None:
    assert recall_at(RANKS, np.arange(4), 10) == hit_rate_at(RANKS, 10) == 0.75
