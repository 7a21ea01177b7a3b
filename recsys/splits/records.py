"""A dataset in row numbers: one record per user, before anything is held out of it."""

from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.datasets.interactions import Dataset
from recsys.history import History
from recsys.splits.settings import ANY_EVENT

PURCHASE = "purchase"


@dataclass(frozen=True)
class Record:
    """All that a dataset says of one user, oldest first; ties in time keep the file's order.

    history: n events; at: (n,) float64, seconds, not decreasing
    nulls: (m,) int64, null items: rows without an event that come after the last one and have the
        status of what is held out
    """

    history: History
    at: Floats
    nulls: Ints

    def __len__(self) -> int:
        return len(self.history)

    @property
    def touched(self) -> Ints:
        """Sorted distinct rows that the record names anywhere, null items included."""
        return np.unique(np.concatenate([self.history.rows, self.nulls]))

    def where(self, kept: Bools | Ints) -> "Record":
        """The record with the events at these places only."""
        return replace(self, history=self.history.take(kept), at=self.at[kept])


def records_of(dataset: Dataset) -> tuple[Record, ...]:
    """One record per user of the dataset, in its order; rows and types in the dataset's order."""
    row_of = {item_id: row for row, item_id in enumerate(dataset.item_ids)}
    type_of = {name: number for number, name in enumerate(dataset.event_types)}
    nobody = np.zeros(0, np.int64)
    records = []
    for events in dataset.histories.values():
        rows = np.array([row_of[event.item_id] for event in events], np.int64)
        types = np.array([type_of[event.type] for event in events], np.int64)
        at = np.array([event.at for event in events], np.float64)
        times_s = at.astype(np.int64) if dataset.timed else np.zeros_like(rows)
        records.append(Record(History(rows, types, times_s), at, nobody))
    return tuple(records)


def target_type(dataset: Dataset, wanted: str | None) -> int | None:
    """Number of the event type that is asked for, None for every type.

    wanted: as `Settings.target_type`. ValueError if the dataset has no such type.
    """
    if wanted == ANY_EVENT:
        return None
    if wanted is not None:
        if wanted not in dataset.event_types:
            raise ValueError(f"event type {wanted!r} is none of {dataset.event_types}")
        return dataset.event_types.index(wanted)
    events = (event for history in dataset.histories.values() for event in history)
    bought = any(event.type == PURCHASE for event in events)
    return dataset.event_types.index(PURCHASE) if bought else None


def first_touches(record: Record, by_type: bool) -> Record:
    """The record without repeats: of each item, or item and type, only the first event.

    Recommending is about what is new to a user, so a repeat is neither asked nor context. It also
    keeps a held-out item out of what comes before it.
    """
    keys = record.history.rows
    if by_type:
        keys = keys * (1 + record.history.types.max(initial=0)) + record.history.types
    _, first = np.unique(keys, return_index=True)
    return record if len(first) == len(record) else record.where(np.sort(first))
