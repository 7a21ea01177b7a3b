"""A split as something to do: what a model is trained on, and what is asked of it afterwards.

Most splits are one training and one set of questions. "unseen-users" trains on everybody and then
once per fold without the fold's users; every user gets the same questions of both. "cold-items"
asks its questions twice, among the cold items and among all.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.offline.measure import sampled_for
from recsys.arrays import Ints
from recsys.datasets.interactions import Dataset
from recsys.splits import Settings, build_task, build_tasks
from recsys.splits.build import COLD_ITEMS, LAST, UNSEEN_USERS
from recsys.splits.cold_items import among_all
from recsys.task import UNSEEN, Queries, Task

TEST = "test"
SEEN = "seen"
AMONG_ALL = "among all"


@dataclass(frozen=True)
class Asked:
    """Questions of the set `name`: all of it, or what one fold is asked.

    sampled: as `measure` takes it; places: (n,) int64, of the questions in the whole set
    """

    name: str
    queries: Queries
    sampled: Ints
    places: Ints


@dataclass(frozen=True)
class Training:
    """A model is trained on `task.train` once and then asked everything in `asked`."""

    task: Task
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Experiment:
    """task: what the evaluation is about; its test questions are the set TEST, in their order.

    mitigate: the grouping whose gap every model is calibrated to narrow, None: none
    """

    task: Task
    trainings: tuple[Training, ...]
    mitigate: str | None = None

    def mitigated(self, grouping: str | None) -> "Experiment":
        """The same with this grouping mitigated. ValueError if the data has no such grouping."""
        known = ", ".join(self.task.groups)
        if grouping is not None and grouping not in self.task.groups:
            raise ValueError(f"--mitigate must be one of {known}, not {grouping!r}")
        return replace(self, mitigate=grouping)


def experiment_of(
    dataset: Dataset, split: str, seed: int, settings: Settings | None = None
) -> Experiment:
    """What a split asks for. Equal arguments, equal questions.

    seed: of the split, its null items and the sampled candidates
    ValueError as `recsys.splits.build_tasks`.
    """
    if split == UNSEEN_USERS:
        folds = build_tasks(dataset, split, seed, settings)
        return _over_folds(build_task(dataset, LAST, seed, settings), folds, seed)
    task = build_task(dataset, split, seed, settings)
    asked = [_whole(TEST, task.test, task.n_items, seed)]
    if split == COLD_ITEMS:
        asked.append(_whole(AMONG_ALL, among_all(task.test), task.n_items, seed))
    return Experiment(task, (Training(task, tuple(asked)),))


def _whole(name: str, queries: Queries, n_items: int, seed: int) -> Asked:
    return Asked(name, queries, sampled_for(queries, n_items, seed), np.arange(len(queries)))


def _over_folds(seen: Task, folds: tuple[Task, ...], seed: int) -> Experiment:
    whole = _whole(SEEN, seen.test, seen.n_items, seed)
    trainings = [Training(fold, (_of_fold(fold, whole),)) for fold in folds]
    nobody = np.full(len(seen.test), UNSEEN, np.int64)
    task = replace(seen, split=UNSEEN_USERS, test=replace(seen.test, users=nobody))
    return Experiment(task, (Training(seen, (whole,)), *trainings))


def _of_fold(fold: Task, whole: Asked) -> Asked:
    """The fold's questions stand in the same order as in the whole set, with the same samples."""
    places = np.flatnonzero(np.isin(whole.queries.people, fold.test.people))
    return Asked(TEST, fold.test, whole.sampled[places], places)
