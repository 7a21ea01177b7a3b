"""A calibrated model: chosen on validation alone, repairs a planted bias, leaves others as is."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.calibrated import CALIBRATED, CalibratedScorer, with_calibration
from evaluation.offline.fairness import SMALL
from recsys.calibration_choice import STRENGTHS
from recsys.recommender import Fitted
from recsys.task import UNSEEN, Grouping, Task
from tests.evaluation.offline.biased import BIAS, biased
from tests.evaluation.offline.made_up_task import make_task

TASK = make_task(2 * SMALL + 100)


def strengths(task: Task, fitted: Fitted | None = None) -> list[float]:
    found = with_calibration(fitted or biased(task), task, "age").beside[CALIBRATED]
    assert isinstance(found, CalibratedScorer)
    return found.calibration.strengths.tolist()


def test_refuses_a_grouping_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        with_calibration(biased(TASK), TASK, "shoe size")


def test_the_spoilt_group_is_calibrated() -> None:
    young, old = strengths(TASK)
    assert young == STRENGTHS[-1] < BIAS
    assert old < young / 2


def test_the_choice_is_said_and_what_was_chosen_before_is_kept() -> None:
    fitted = with_calibration(biased(TASK), TASK, "age")
    young, old = strengths(TASK)
    assert fitted.chosen == {"rounds": 3, CALIBRATED: f"young {young:g}, old {old:g}"}


def test_test_questions_take_no_part_in_the_choice() -> None:
    targets = np.roll(TASK.test.targets, 1)
    other = replace(TASK, test=replace(TASK.test, targets=targets))
    fitted = biased(TASK)
    assert strengths(other, fitted) == strengths(TASK, fitted)


def test_small_groups_are_left_alone() -> None:
    of = np.repeat([0, 1], [SMALL - 1, len(TASK.people) - SMALL + 1])
    task = replace(TASK, groups={"age": Grouping(("young", "old"), of)})
    assert strengths(task) == [0.0, 0.0]


def test_who_is_unknown_to_training_ranks_as_before() -> None:
    fitted = with_calibration(biased(TASK), TASK, "age")
    users = np.array([0, UNSEEN])
    histories = TASK.test.histories[:2]
    before, after = (
        scorer.scores(histories, users) for scorer in (fitted.scorer, fitted.beside[CALIBRATED])
    )
    assert not np.allclose(after[0], before[0])
    assert (after[1] == before[1]).all()
