"""A model whose ranking is spoilt by popularity for one group alone, which calibration can undo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.offline.basis import training_users
from evaluation.offline.calibrated import with_calibration
from evaluation.offline.measure import measure, sampled_for
from evaluation.offline.results import ModelRuns, Run
from recsys.arrays import Floats, Ints
from recsys.calibration import exposure_term
from recsys.history import History
from recsys.recommender import Fitted
from recsys.task import Task
from tests.evaluation.offline.made_up_task import N_ITEMS, Guess

# What is held out falls on popular items about as this much of the term says; more is too much.
PRIOR = 1.0
BIAS = 1.5


@dataclass(frozen=True)
class Biased:
    """What `guess` says with a fair prior; people of the first group get BIAS times it on top."""

    guess: Guess
    spoilt: Ints
    term: Floats

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """(n, N_ITEMS)."""
        added = np.where(self.spoilt[users][:, None] == 0, PRIOR + BIAS, PRIOR) * self.term
        found: Floats = self.guess.scores(histories, users) + added.astype(np.float32)
        return found


def biased(task: Task, skill: float = 2.0) -> Fitted:
    """The model before calibration. It would serve both groups of "age" alike without the bias."""
    spoilt = task.groups["age"].of[task.people]
    term = exposure_term(training_users(task))
    return Fitted(Biased(Guess(task.test, skill), spoilt, term), {"rounds": 3})


def calibrated_model(task: Task, name: str = "twofold") -> ModelRuns:
    """One run of it with its calibrated self beside."""
    fitted = with_calibration(biased(task), task, "age")
    sampled = sampled_for(task.test, N_ITEMS, 0)
    beside = {key: measure(one, task.test, sampled) for key, one in fitted.beside.items()}
    test = measure(fitted.scorer, task.test, sampled)
    return ModelRuns(name, (Run(1, test, fitted.chosen, (), 0.0, beside),))
