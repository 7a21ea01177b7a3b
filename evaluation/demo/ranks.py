"""Where each model ranks each shopper's held-out item, among all that the shopper never touched.

The held-out item gets no special treatment before this: it is not in the history that the device
holds, it is a candidate and a negative like any other item, and no mask knows it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clients.python.device import Device
from clients.python.model_store import LocalModel
from clients.python.own_history import own_history
from recsys.datasets.interactions import Event
from recsys.metrics.rank import ranks_of
from recsys.ranking import scores
from recsys.user_tower import UserTower, user_vector

Floats = NDArray[np.floating]
Ranks = dict[str, float]
"""User id -> rank of the held-out item."""
RowScores = Callable[[str], Floats]
"""User id -> scores of all rows, (n_rows,)."""


class HeldOutRanking:
    """Ranks held-out items on the devices that hold the histories.

    devices: user id -> device; held_out: user id -> item id, the users to evaluate.
    """

    def __init__(self, devices: Mapping[str, Device], held_out: Mapping[str, str]) -> None:
        self._devices = devices
        self._held_out = held_out

    def popular(self, model: LocalModel, popularity: Mapping[str, float]) -> Ranks:
        """By one score for everybody. popularity: item id -> score."""
        by_row = np.zeros(model.table.n_rows)
        for item_id, row in model.row_of.items():
            by_row[row] = popularity.get(item_id, 0.0)
        return self._ranks(model, lambda _: by_row)

    def shared(self, model: LocalModel) -> Ranks:
        """By the shared tower over each user's own history."""
        scalars = model.manifest.scalars
        tower = UserTower.default(scalars, model.table.dim)

        def by_row(user: str) -> Floats:
            own = own_history(self._devices[user].events, model.row_of, model.manifest.event_types)
            return scores(model.table, user_vector(model.table, scalars, tower, own.history))

        return self._ranks(model, by_row)

    def adapted(self, model: LocalModel) -> Ranks:
        """By each user's own tower, as the device itself ranks."""

        def by_row(user: str) -> Floats:
            vector = self._devices[user].user_vector()
            assert vector is not None, "the device has downloaded the model"
            return scores(model.table, vector.values)

        return self._ranks(model, by_row)

    def candidates(self, model: LocalModel) -> dict[str, int]:
        """How many items each evaluated user's held-out item is ranked among, itself included."""
        return {
            user: int((model.live & ~_touched(model, self._devices[user].events)).sum())
            for user in self._held_out
        }

    def _ranks(self, model: LocalModel, by_row: RowScores) -> Ranks:
        return {
            user: rank_of(model, self._devices[user].events, item_id, by_row(user))
            for user, item_id in self._held_out.items()
        }


def rank_of(model: LocalModel, events: Sequence[Event], item_id: str, by_row: Floats) -> float:
    """Rank of one item among the live items that are not in `events`; ties count half.

    by_row: (n_rows,) scores.
    """
    target = np.array([model.row_of[item_id]])
    excluded = ~model.live | _touched(model, events)
    return float(ranks_of(by_row[None].astype(np.float64), target, excluded[None])[0])


def _touched(model: LocalModel, events: Sequence[Event]) -> NDArray[np.bool_]:
    found = np.zeros(model.table.n_rows, bool)
    found[[model.row_of[e.item_id] for e in events if e.item_id in model.row_of]] = True
    return found
