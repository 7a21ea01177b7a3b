"""Metrics of a model: against the metric files, over seeds, per person, with their intervals."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.basis import basis_of
from evaluation.offline.quality import quality
from recsys.metrics.coverage import coverage
from recsys.metrics.exposure import exposure
from recsys.metrics.gini import gini
from recsys.metrics.hit_rate import hit_rate_at
from recsys.metrics.mrr import mrr_at
from recsys.metrics.ndcg import ndcg_at
from recsys.metrics.novelty import novelties
from recsys.metrics.recall import recall_at
from tests.evaluation.offline.made_up_evaluation import make_model
from tests.evaluation.offline.made_up_task import N_ITEMS, make_task

TASK = make_task(60)
BASIS = basis_of(TASK, 100)
SEEDS = [run.test for run in make_model(TASK, "any", 1.0).runs]


def test_means_and_deviations_over_seeds() -> None:
    found = quality(SEEDS, BASIS)
    by_seed = {
        "ndcg@10": [ndcg_at(m.ranks, 10) for m in SEEDS],
        "hr@20": [hit_rate_at(m.ranks, 20) for m in SEEDS],
        "recall@10": [hit_rate_at(m.ranks, 10) for m in SEEDS],
        "mrr@10": [mrr_at(m.ranks, 10) for m in SEEDS],
        "novelty@10": [novelties(m.lists, BASIS.bits).mean() for m in SEEDS],
        "coverage@10": [coverage(exposure(m.lists, N_ITEMS)) for m in SEEDS],
        "gini@10": [gini(exposure(m.lists, N_ITEMS)) for m in SEEDS],
        "sampled_ndcg@10": [ndcg_at(m.sampled_ranks, 10) for m in SEEDS],
    }
    for name, values in by_seed.items():
        assert found[name]["mean"] == pytest.approx(np.mean(values)), name
        assert found[name]["std"] == pytest.approx(np.std(values, ddof=1)), name


def test_sampled_metrics_come_last() -> None:
    assert list(quality(SEEDS, BASIS))[-2:] == ["sampled_hr@10", "sampled_ndcg@10"]
    assert not any(name.startswith("sampled") for name in list(quality(SEEDS, BASIS))[:-2])


def test_intervals_hold_their_means_where_there_are_intervals() -> None:
    for name, one in quality(SEEDS, BASIS).items():
        if name in ("coverage@10", "gini@10"):
            assert one["low"] is one["high"] is None
        else:
            assert one["low"] <= one["mean"] <= one["high"]


def test_one_seed_has_no_deviation() -> None:
    found = quality(SEEDS[:1], BASIS)
    assert {one["std"] for one in found.values()} == {None}


def test_recall_weighs_people_alike() -> None:
    people = np.repeat([0, 1], [50, 10])
    task = replace(TASK, test=replace(TASK.test, people=people))
    found = quality(SEEDS, basis_of(task, 20))
    assert found["recall@10"]["mean"] == pytest.approx(
        np.mean([recall_at(m.ranks, people, 10) for m in SEEDS])
    )
    assert found["recall@10"]["mean"] != pytest.approx(found["hr@10"]["mean"])


def test_lists_of_nothing_have_no_novelty_and_no_gini() -> None:
    empty = [replace(m, lists=np.full_like(m.lists, -1)) for m in SEEDS]
    found = quality(empty, BASIS)
    assert found["novelty@10"]["mean"] is found["gini@10"]["mean"] is None
    assert found["coverage@10"]["mean"] == 0.0
