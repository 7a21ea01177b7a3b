"""From a dataset to tasks: one entry to every split, by its name on the command line."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.datasets.interactions import Dataset
from recsys.splits.cold_items import cold_items, draw_cold
from recsys.splits.held_out_purchase import held_out_purchase
from recsys.splits.last_events import last_events
from recsys.splits.null_items import with_nulls
from recsys.splits.parts import Parts, task_of
from recsys.splits.records import Record, records_of, target_type
from recsys.splits.settings import Settings
from recsys.splits.time_cut import time_cut
from recsys.splits.unseen_users import unseen_users
from recsys.task import Task

LAST = "last"
TIME = "time"
UNSEEN_USERS = "unseen-users"
COLD_ITEMS = "cold-items"
SPLITS = (LAST, TIME, UNSEEN_USERS, COLD_ITEMS)

# Streams of randomness of one seed. Apart, so that null items change nothing else.
_SPLIT, _NULLS = 0, 1


def build_tasks(
    dataset: Dataset, split: str, seed: int, settings: Settings | None = None
) -> tuple[Task, ...]:
    """The tasks of a split: one per fold of "unseen-users", one of every other.

    Equal arguments give equal tasks. ValueError on an unknown split, on a split that the data does
    not allow (by time without times), and if nobody is left to ask.
    """
    chosen = settings or Settings()
    _check(dataset, split)
    base = LAST if split == UNSEEN_USERS else split
    task = _built(dataset, base, seed, chosen)
    if not len(task.test) or (chosen.n_validation and not len(task.validation)):
        raise ValueError(f"{dataset.name}: nobody is left to ask by the split {split!r}")
    if split == UNSEEN_USERS:
        return unseen_users(task, chosen.n_folds, np.random.default_rng((seed, _SPLIT)))
    return (task,)


def build_task(dataset: Dataset, split: str, seed: int, settings: Settings | None = None) -> Task:
    """The task of a split that has one. ValueError as `build_tasks`, and on "unseen-users"."""
    if split == UNSEEN_USERS:
        raise ValueError(f"the split {split!r} has several tasks: build_tasks")
    return build_tasks(dataset, split, seed, settings)[0]


def _check(dataset: Dataset, split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if not dataset.ordered and split in (TIME, COLD_ITEMS):
        raise ValueError(f"{dataset.name} keeps no order of events: the split {split!r} needs one")
    if not dataset.timed and split == TIME:
        raise ValueError(f"{dataset.name} keeps no times of events: the split {split!r} needs them")


def _built(dataset: Dataset, split: str, seed: int, settings: Settings) -> Task:
    rng, rng_nulls = (np.random.default_rng((seed, stream)) for stream in (_SPLIT, _NULLS))
    records = records_of(dataset)
    parts = _parts(dataset, records, split, rng, settings)
    n_items, m, pool = len(dataset.items), settings.n_nulls, parts.test_candidates
    asked = np.unique(np.array([question.person for question in parts.test], np.int64))
    nulled = with_nulls(records, n_items, m, asked, rng_nulls, pool)
    return task_of(dataset, nulled, parts, split, settings.n_buckets)


def _parts(
    dataset: Dataset,
    records: Sequence[Record],
    split: str,
    rng: np.random.Generator,
    settings: Settings,
) -> Parts:
    asked_type = target_type(dataset, settings.target_type)
    if not dataset.ordered:
        parts = held_out_purchase(records, settings, rng)
    elif split == COLD_ITEMS:
        cold = draw_cold(len(dataset.items), settings, rng)
        parts = cold_items(records, len(dataset.items), asked_type, cold, settings)
    else:
        parts = (time_cut if split == TIME else last_events)(records, asked_type, settings)
    return replace(parts, asked_type=asked_type)
