"""Users that training never met: what a service does for who arrives after the model was trained.

Each user is in one fold and is asked by the model that the other folds trained, with the very
questions of the task that all trained for, so that seen and unseen compare user by user.
"""

from dataclasses import replace

import numpy as np

from recsys.arrays import Bools, Ints
from recsys.task import UNSEEN, Queries, Task


def unseen_users(task: Task, n_folds: int, rng: np.random.Generator) -> tuple[Task, ...]:
    """One task per fold: test are the fold's users, UNSEEN; training and validation the others.

    Folds are random, with equally many users within one, and equally many who are asked.
    ValueError if fewer users are asked than there are folds, and on a task that asks somebody who
    trained nothing.
    """
    if UNSEEN in task.test.users or UNSEEN in task.validation.users:
        raise ValueError(f"the split {task.split!r} already asks users that it does not train on")
    n_asked = len(np.unique(task.test.users))
    if n_asked < n_folds:
        raise ValueError(f"{n_asked} users who are asked do not make {n_folds} folds")
    fold_of = _folds(task, n_folds, rng)
    return tuple(_without(task, fold_of == fold) for fold in range(n_folds))


def _folds(task: Task, n_folds: int, rng: np.random.Generator) -> Ints:
    """Fold of each device: dealt out like cards, those who are asked first."""
    n_devices = len(task.train)
    is_asked = np.isin(np.arange(n_devices), task.test.users)
    dealt = np.lexsort((rng.random(n_devices), ~is_asked))
    fold_of = np.empty(n_devices, np.int64)
    fold_of[dealt] = np.arange(n_devices) % n_folds
    return fold_of


def _without(task: Task, held: Bools) -> Task:
    kept = np.flatnonzero(~held)
    device_of = np.full(len(held), UNSEEN, np.int64)
    device_of[kept] = np.arange(len(kept))
    return replace(
        task,
        split="unseen-users",
        train=tuple(task.train[device] for device in kept.tolist()),
        people=task.people[kept],
        touched=tuple(task.touched[device] for device in kept.tolist()),
        validation=_asked_of(task.validation, ~held, device_of),
        test=_asked_of(task.test, held, device_of),
    )


def _asked_of(queries: Queries, who: Bools, device_of: Ints) -> Queries:
    """The questions of these devices' users, by their new number."""
    taken = queries.take(np.flatnonzero(who[queries.users]))
    return replace(taken, users=device_of[taken.users])
