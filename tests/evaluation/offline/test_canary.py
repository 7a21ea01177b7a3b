"""The canary: quiet for the ignorant and for the skilled, loud for a leak; its error is right."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.canary import Canary, canary, mean_and_error
from evaluation.offline.measure import measure, sampled_for
from evaluation.offline.results import ModelRuns, Run
from recsys.task import Task
from tests.evaluation.offline.made_up_evaluation import make_model
from tests.evaluation.offline.made_up_task import N_ITEMS, Guess, make_task

TASK = make_task(400)


def found(model: ModelRuns, task: Task = TASK) -> Canary:
    statistic = canary(model, task.test)
    assert statistic is not None
    return statistic


def leaky(task: Task, seed: int) -> Run:
    """What treats the held-out row differently treats the nulls so too."""
    scorer = Guess(task.test, 0.7, seed)
    scorer.favour(task.test, task.test.nulls, 0.7)
    return Run(seed, measure(scorer, task.test, sampled_for(task.test, N_ITEMS, 0)), {}, (), 0)


def test_without_nulls_there_is_no_canary() -> None:
    bare = make_task(30, n_nulls=0)
    assert canary(make_model(bare, "any", 1.0), bare.test) is None


def test_one_person_is_no_evidence() -> None:
    model = make_model(TASK, "any", 1.0)
    assert canary(model, replace(TASK.test, people=np.zeros(400, np.int64))) is None


@pytest.mark.parametrize("skill", [0.0, 1.0, 5.0])
def test_quiet_for_an_honest_model_however_good(skill: float) -> None:
    statistic = found(make_model(TASK, "honest", skill))
    assert statistic.within_two
    assert statistic.percentile == pytest.approx(0.5, abs=0.03)
    # the catalogue has fewer than 99 others: all but history, target and two nulls, and the null
    places = [10 / (N_ITEMS - len(rows) - 2) for rows in TASK.test.excluded]
    assert statistic.sampled_chance == pytest.approx(np.mean(places))
    assert abs(statistic.sampled_hr - np.mean(places)) < 4 * statistic.sampled_hr_se


def test_a_leak_trips_it() -> None:
    statistic = found(ModelRuns("leaky", (leaky(TASK, 1), leaky(TASK, 2))))
    assert not statistic.within_two
    assert statistic.z > 8
    assert statistic.sampled_hr > statistic.sampled_chance + 0.1
    assert statistic.json()["within_two"] is False


def test_it_trips_about_as_often_as_chance_says() -> None:
    """Two standard errors are passed by one honest model in twenty."""
    z = []
    for seed in range(120):
        task = make_task(40, seed=seed)
        run = Run(
            0, measure(Guess(task.test, 1.0, seed), task.test, np.empty((40, 0), int)), {}, (), 0
        )
        z.append(found(ModelRuns("honest", (run,)), task).z)
    assert abs(np.mean(z)) < 0.35
    assert np.std(z) == pytest.approx(1.0, abs=0.25)


def test_the_error_is_over_people() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=500)
    mean, error = mean_and_error(values, np.arange(500))
    assert (mean, error) == pytest.approx((values.mean(), values.std(ddof=1) / np.sqrt(500)))
    again = np.repeat(np.arange(500), 3)
    assert mean_and_error(values[again], again) == pytest.approx((mean, error))


def test_a_constant_score_is_exactly_at_chance() -> None:
    scorer = Guess(TASK.test, 0.0)
    scorer.table[:] = 1.0
    run = Run(0, measure(scorer, TASK.test, sampled_for(TASK.test, N_ITEMS, 0)), {}, (), 0)
    statistic = found(ModelRuns("constant", (run,)))
    assert (statistic.percentile, statistic.z, statistic.within_two) == (0.5, 0.0, True)
