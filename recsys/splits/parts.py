"""What a split decides, and the task that it becomes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys import content
from recsys.arrays import Ints
from recsys.datasets.interactions import Dataset
from recsys.history import History
from recsys.splits.groups import groups_of
from recsys.splits.records import Record
from recsys.task import UNSEEN, Queries, Task

NOTHING = History.of(())


@dataclass(frozen=True)
class Question:
    """person: index of the user; history: what is known; excluded: sorted rows, no candidates."""

    person: int
    history: History
    target: int
    excluded: Ints


@dataclass(frozen=True)
class Parts:
    """A split of records.

    train: one history per record, empty for who has nothing to train on
    cold: sorted rows that nobody trains; *_candidates: sorted rows that are ranked, None: all
    validation_nulls: False where a null item is no candidate of the validation questions
    asked_type: the only event type that is asked for, None for any
    """

    train: Sequence[History]
    validation: Sequence[Question]
    test: Sequence[Question]
    cold: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    validation_candidates: Ints | None = None
    test_candidates: Ints | None = None
    validation_nulls: bool = True
    asked_type: int | None = None


def task_of(
    dataset: Dataset, records: Sequence[Record], parts: Parts, split: str, n_buckets: int
) -> Task:
    """The task of these parts. Users without a training event are no devices."""
    people = np.flatnonzero([len(history) > 0 for history in parts.train])
    device_of = np.full(len(records), UNSEEN, np.int64)
    device_of[people] = np.arange(len(people))
    nulls = _nulls_of(records)
    none = nulls if parts.validation_nulls else nulls[:, :0]
    train = tuple(history for history in parts.train if len(history))
    return Task(
        name=dataset.name,
        split=split,
        item_ids=dataset.item_ids,
        event_types=dataset.event_types,
        ordered=dataset.ordered,
        train=train,
        people=people,
        validation=_queries(parts.validation, device_of, none, parts.validation_candidates),
        test=_queries(parts.test, device_of, nulls, parts.test_candidates),
        content=tuple(content.features(item.content, n_buckets) for item in dataset.items),
        touched=tuple(records[person].touched for person in people.tolist()),
        cold=parts.cold,
        groups=groups_of(dataset, train, people),
        asked_type=parts.asked_type,
    )


def _nulls_of(records: Sequence[Record]) -> Ints:
    if not records:
        return np.zeros((0, 0), np.int64)
    return np.stack([record.nulls for record in records])


def _queries(
    asked: Sequence[Question], device_of: Ints, nulls: Ints, candidates: Ints | None
) -> Queries:
    people = np.array([question.person for question in asked], np.int64)
    return Queries(
        histories=tuple(question.history for question in asked),
        users=device_of[people],
        targets=np.array([question.target for question in asked], np.int64),
        nulls=nulls[people],
        excluded=tuple(question.excluded for question in asked),
        people=people,
        candidates=candidates,
    )
