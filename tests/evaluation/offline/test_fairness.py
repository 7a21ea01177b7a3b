"""The audit of groups: means by definition, small groups, a planted gap, adaptation's gain."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.basis import Basis, basis_of
from evaluation.offline.fairness import SMALL, audit, fairness
from evaluation.offline.measure import measure, sampled_for
from evaluation.offline.results import ModelRuns, Run
from recsys.metrics.ndcg import ndcg_at
from recsys.task import Grouping
from tests.evaluation.offline.made_up_evaluation import make_evaluation, make_model
from tests.evaluation.offline.made_up_task import N_ITEMS, Guess, make_task

EVALUATION = make_evaluation(400)
BASIS = basis_of(EVALUATION.task, 300)
AGE = EVALUATION.task.groups["age"]


def unfair(basis: Basis) -> ModelRuns:
    """It knows the second half of the people much better."""
    queries = basis.queries
    scorer = Guess(queries, 0.5)
    scorer.favour(queries.take(range(200, 400)), queries.targets[200:, None], 1.5)
    test = measure(scorer, queries, sampled_for(queries, N_ITEMS, 0))
    return ModelRuns("unfair", (Run(0, test, {}, (), 0),))


def test_groups_by_definition() -> None:
    model = EVALUATION.models[1]
    found = audit(model, AGE, BASIS)
    assert [(g["name"], g["n"], g["small"]) for g in found["groups"]] == [
        ("young", 200, False),
        ("old", 200, False),
    ]
    for group, at in zip(found["groups"], (slice(0, 200), slice(200, 400)), strict=True):
        after = [ndcg_at(run.test.ranks[at], 10) for run in model.runs]
        before = [ndcg_at(run.beside["shared"].ranks[at], 10) for run in model.runs]
        assert group["ndcg@10"]["mean"] == pytest.approx(np.mean(after))
        assert group["gain"]["mean"] == pytest.approx(np.mean(after) - np.mean(before))
        assert group["hr@10"]["low"] < group["hr@10"]["mean"] < group["hr@10"]["high"]


def test_a_planted_gap_is_found_and_an_absent_one_is_not() -> None:
    planted = audit(unfair(BASIS), AGE, BASIS)
    assert planted["worst"]["name"] == "young"
    assert planted["gap"]["low"] > 0.1
    assert planted["shortfall"]["mean"] == pytest.approx(planted["gap"]["mean"] / 2)
    absent = audit(EVALUATION.models[1], AGE, BASIS)
    assert absent["gap"]["low"] < 0 < absent["gap"]["mean"] < absent["gap"]["high"]


def test_a_model_that_does_not_adapt_has_no_gain() -> None:
    found = audit(EVALUATION.models[0], AGE, BASIS)
    assert all("gain" not in group for group in found["groups"])


def test_small_groups_are_shown_but_not_the_worst() -> None:
    of = np.repeat([0, 1, 2], [5, 200, 195])
    found = audit(unfair(BASIS), Grouping(("few", "middle", "rest", "nobody"), of), BASIS)
    assert [(g["name"], g["small"]) for g in found["groups"]] == [
        ("few", True),
        ("middle", False),
        ("rest", False),
    ]
    assert found["worst"]["name"] == "middle"


def test_without_two_large_groups_there_is_no_gap() -> None:
    of = np.repeat([0, -1], [400 - SMALL, SMALL])
    found = audit(unfair(BASIS), Grouping(("all", "none"), of), BASIS)
    assert len(found["groups"]) == 1
    assert found["gap"] is found["shortfall"] is found["worst"] is None


def test_a_group_counts_people_not_questions() -> None:
    task = make_task(200)
    task = replace(task, test=replace(task.test, people=np.arange(200) // 2))
    found = audit(make_model(task, "any", 1.0), task.groups["age"], basis_of(task, 20))
    assert [(g["name"], g["n"]) for g in found["groups"]] == [("young", 100)]


def test_every_model_has_its_gap_beside_the_main_one() -> None:
    found = fairness(EVALUATION.models, "twofold", BASIS)["age"]
    assert found["models"].keys() == {"popular"}
    assert found["models"]["popular"].keys() == {"gap", "shortfall", "worst"}
    assert "gain" in found["groups"][0]
