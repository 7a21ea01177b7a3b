"""Cold items against chance: a random model is at one, ties get nothing, people weigh the same."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.cold import cold_recall
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats, Ints
from tests.evaluation.offline.made_up_evaluation import make_run
from tests.evaluation.offline.made_up_task import make_task

TASK = make_task(400)
RUN = make_run(TASK, 0.0, 1)


def answering(name: str, ranks: Floats, n_candidates: Ints | int = 50) -> ModelRuns:
    n = np.full(len(ranks), n_candidates) if isinstance(n_candidates, int) else n_candidates
    return ModelRuns(name, (replace(RUN, test=replace(RUN.test, ranks=ranks, n_candidates=n)),))


def random_ranks(n: int) -> Floats:
    return np.random.default_rng(1).integers(1, n + 1, 400).astype(np.float64)


def test_random_scores_are_at_chance() -> None:
    among_cold, among_all = answering("x", random_ranks(50)), answering("x", random_ranks(500), 500)
    found = cold_recall([among_cold], [among_all], TASK.test.people, 300)
    assert found["among_cold"]["chance"] == pytest.approx(0.2)
    assert found["among_all"]["chance"] == pytest.approx(0.02)
    assert found["among_all"]["n_candidates"] == 500
    times = found["among_cold"]["models"]["x"]["to_chance"]
    assert times["low"] < 1 < times["high"]


def test_the_ratio_is_recall_over_chance() -> None:
    ranks = np.where(np.arange(400) % 2, 3.0, 30.0)
    model = answering("half", ranks)
    found = cold_recall([model], [model], TASK.test.people, 50)["among_cold"]["models"]["half"]
    assert found["recall@10"]["mean"] == pytest.approx(0.5)
    assert found["to_chance"]["mean"] == pytest.approx(2.5)


def test_ties_are_a_middle_rank_and_find_nothing() -> None:
    tied = answering("tied", np.full(400, 25.5))
    found = cold_recall([tied], [tied], TASK.test.people, 20)["among_all"]["models"]["tied"]
    assert found["to_chance"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_fewer_candidates_than_places_are_all_found_by_chance() -> None:
    few = answering("x", np.ones(400), 6)
    found = cold_recall([few], [few], TASK.test.people, 20)["among_cold"]
    assert found["chance"] == 1.0
    assert found["models"]["x"]["to_chance"]["mean"] == 1.0


def test_every_person_weighs_the_same() -> None:
    people = np.array([0] * 300 + list(range(1, 101)), np.int64)
    ranks = np.where(people == 0, 30.0, 1.0)
    model = answering("x", ranks)
    found = cold_recall([model], [model], people, 20)["among_cold"]["models"]["x"]
    assert found["recall@10"]["mean"] == pytest.approx(100 / 101)
