"""Shares of exposure by popularity: they add up, and follow a model that shows one item only."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.basis import basis_of
from evaluation.offline.item_exposure import item_exposure
from evaluation.offline.results import ModelRuns
from tests.evaluation.offline.made_up_evaluation import make_evaluation

EVALUATION = make_evaluation(100)
BASIS = basis_of(EVALUATION.task, 10)


def test_shares_add_up() -> None:
    bands = item_exposure(EVALUATION.models, BASIS)
    assert sum(band["items"] for band in bands) == EVALUATION.task.n_items
    for key in ("train_share", "target_share"):
        assert sum(band[key] for band in bands) == pytest.approx(1.0)
    for model in EVALUATION.models:
        assert sum(band["slots"][model.name] for band in bands) == pytest.approx(1.0)


def test_a_model_that_shows_the_most_popular_item_only() -> None:
    run = EVALUATION.models[0].runs[0]
    lists = np.full_like(run.test.lists, -1)
    lists[:, 0] = BASIS.popularity.argmax()
    stubborn = ModelRuns("stubborn", (replace(run, test=replace(run.test, lists=lists)),))
    bands = item_exposure([stubborn], BASIS)
    assert [band["slots"]["stubborn"] for band in bands] == [1.0] + [0.0] * (len(bands) - 1)
    assert bands[0]["name"] == "top 1 %"


def test_items_that_cannot_be_listed_do_not_count() -> None:
    few = replace(EVALUATION.task.test, candidates=np.arange(30))
    bands = item_exposure(EVALUATION.models, basis_of(replace(EVALUATION.task, test=few), 10))
    assert sum(band["items"] for band in bands) == 30
