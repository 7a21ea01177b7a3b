"""Unseen against seen: paired by person, over seeds, and never two different models."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.results import ModelRuns
from evaluation.offline.unseen import unseen_against_seen
from recsys.arrays import Floats
from recsys.metrics.ndcg import ndcg_at
from tests.evaluation.offline.made_up_evaluation import make_model
from tests.evaluation.offline.made_up_task import make_task

TASK = make_task(200)
SEEN = make_model(TASK, "twofold", 2.0)


def with_ranks(model: ModelRuns, ranks: Floats) -> ModelRuns:
    runs = (replace(run, test=replace(run.test, ranks=ranks)) for run in model.runs)
    return ModelRuns(model.name, tuple(runs))


def test_refuses_different_models() -> None:
    with pytest.raises(ValueError, match="not the same model"):
        unseen_against_seen([SEEN], [make_model(TASK, "ease", 1.0)], TASK.test.people, 10)
    with pytest.raises(ValueError, match="shorter"):
        unseen_against_seen([SEEN], [], TASK.test.people, 10)


def test_the_same_answers_are_a_ratio_of_one_whoever_is_drawn() -> None:
    found = unseen_against_seen([SEEN], [SEEN], TASK.test.people, 50)["twofold"]
    assert found["ratio"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert found["seen"] == found["unseen"]


def test_the_ratio_is_that_of_the_means() -> None:
    rng = np.random.default_rng(0)
    ranks = [rng.integers(1, 15, 200).astype(np.float64) for _ in range(2)]
    seen, unseen = (with_ranks(SEEN, one) for one in ranks)
    found = unseen_against_seen([seen], [unseen], TASK.test.people, 200)["twofold"]
    levels = [ndcg_at(one, 10) for one in ranks]
    assert found["seen"]["mean"] == pytest.approx(levels[0])
    assert found["unseen"]["mean"] == pytest.approx(levels[1])
    assert found["ratio"]["mean"] == pytest.approx(levels[1] / levels[0])
    assert found["ratio"]["low"] < found["ratio"]["mean"] < found["ratio"]["high"]


def test_a_model_that_finds_nothing_has_no_ratio() -> None:
    blind = with_ranks(SEEN, np.full(200, 50.0))
    found = unseen_against_seen([blind], [SEEN], TASK.test.people, 10)["twofold"]
    assert found["ratio"] == {"mean": None, "low": None, "high": None}
