"""An evaluation of two models with two seeds each on the made-up task; one adapts, one leaks."""

import numpy as np

from evaluation.offline.measure import measure, sampled_for
from evaluation.offline.results import Evaluation, ModelRuns, Run
from recsys.task import Task
from tests.evaluation.offline.made_up_task import N_ITEMS, Guess, make_task

SEEDS = (1, 2)


def make_run(task: Task, skill: float, seed: int, shared: float | None = None) -> Run:
    """A run of a model of that skill, beside it one of `shared` skill with the same noise."""
    sampled = sampled_for(task.test, N_ITEMS, 0)
    beside = {}
    if shared is not None:
        beside["shared"] = measure(Guess(task.test, shared, seed), task.test, sampled)
    test = measure(Guess(task.test, skill, seed), task.test, sampled)
    return Run(seed, test, {"l2": np.float64(3.0)}, ((1, 0.1), (2, 0.2)), 1.5, beside)


def make_model(task: Task, name: str, skill: float, shared: float | None = None) -> ModelRuns:
    """The model with every seed."""
    return ModelRuns(name, tuple(make_run(task, skill, seed, shared) for seed in SEEDS))


def make_evaluation(n: int = 320) -> Evaluation:
    """Twofold knows more than "popular" and adapts from a little less."""
    task = make_task(n)
    models = (make_model(task, "popular", 0.5), make_model(task, "twofold", 2.0, 1.5))
    return Evaluation(task, models, "twofold evaluate", {"n_threads": np.int64(1)})
