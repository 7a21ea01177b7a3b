"""Which events a baseline without event types learns from: all alike, or those of one type.

Where a shop records several types, "purchases only" may beat "everything is a click", or not. It
is a setting like any other: a baseline tries each view and validation chooses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Ints
from recsys.history import History
from recsys.task import Task

ALL = "all"


@dataclass(frozen=True)
class EventView:
    """type: the one that is looked at, None for all alike."""

    type: int | None = None

    def rows(self, history: History) -> Ints:
        """The distinct rows that the history touches in this view, sorted."""
        kept = history.rows if self.type is None else history.rows[history.types == self.type]
        return np.unique(kept)

    def pairs(self, histories: Sequence[History]) -> tuple[Ints, Ints]:
        """(user, row) of every touch, both (n_touches,) int64, by user, then by row."""
        rows = [self.rows(history) for history in histories]
        users = np.repeat(np.arange(len(rows)), [r.shape[0] for r in rows])
        return users, np.concatenate([np.zeros(0, np.int64), *rows])


def event_views(task: Task) -> dict[str, EventView]:
    """By name: all events; then, if the training histories hold several types, each type alone."""
    found = {int(t) for history in task.train for t in np.unique(history.types)}
    alone = {task.event_types[t]: EventView(t) for t in sorted(found)}
    return {ALL: EventView(), **(alone if len(alone) > 1 else {})}
