"""What a user gets from the own device: a user vector, and recommendations with reasons."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clients.python.model_store import LocalModel
from clients.python.own_history import OwnHistory, own_history
from clients.python.state import StoredTower
from recsys.datasets.interactions import Event
from recsys.ranking import attribute, scores, top_k
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, user_vector

REASONS_MAX = 3


@dataclass(frozen=True)
class Recommendation:
    """One item. because: (item of the history, what its event adds to the score), most first."""

    item_id: str
    score: float
    because: list[tuple[str, float]]


@dataclass(frozen=True)
class UserVector:
    """The user as the service may see it in `vector` mode: (d,) float32, of one model version."""

    values: npt.NDArray[np.float32]
    model_version: int


def fitting_tower(stored: StoredTower | None, scalars: SharedScalars, dim: int) -> UserTower:
    """The user's own tower, or the shared one when there is none that fits the model.

    Event types that an operator appended since the adaptation have their shared weights.
    """
    if stored is None or stored.tower.residual.shape != (dim,):
        return UserTower.default(scalars, dim)
    own = stored.tower.log_type_weights
    if own.shape[0] > scalars.n_types:
        return UserTower.default(scalars, dim)
    weights = np.concatenate([own, scalars.log_type_weights[own.shape[0] :]])
    return UserTower(stored.tower.residual, stored.tower.log_gains, weights)


@dataclass(frozen=True)
class Personal:
    """One user before one model version. events: all of them, oldest first."""

    model: LocalModel
    tower: UserTower
    events: tuple[Event, ...]

    @property
    def own(self) -> OwnHistory:
        """The events that the model knows."""
        return own_history(self.events, self.model.row_of, self.model.manifest.event_types)

    def vector(self) -> UserVector:
        """The user vector."""
        manifest = self.model.manifest
        values = user_vector(self.model.table, manifest.scalars, self.tower, self.own.history)
        return UserVector(values.astype(np.float32, copy=False), manifest.version)

    def recommend(self, k: int, reasons: bool) -> list[Recommendation]:
        """The k best items on offer that the user has not touched, best first."""
        row_of, table = self.model.row_of, self.model.table
        ranked = scores(table, self.vector().values)
        hidden = ~self.model.live
        hidden[[row_of[e.item_id] for e in self.events if e.item_id in row_of]] = True
        id_of, own = self.model.id_by_row(), self.own
        return [
            Recommendation(
                id_of[row], float(ranked[row]), self._because(own, row) if reasons else []
            )
            for row in top_k(ranked, np.flatnonzero(hidden), k).tolist()
        ]

    def _because(self, own: OwnHistory, row: int) -> list[tuple[str, float]]:
        """The items of the history that add most to a row's score.

        Exact: the events of one item are added up, and only items that add something are named.
        """
        scalars = self.model.manifest.scalars
        parts = attribute(self.model.table, scalars, self.tower, own.history, row)
        by_item: dict[str, float] = {}
        for event, share in zip(own.events, parts.events.tolist(), strict=True):
            by_item[event.item_id] = by_item.get(event.item_id, 0.0) + share
        best = sorted(by_item.items(), key=lambda pair: -pair[1])[:REASONS_MAX]
        return [pair for pair in best if pair[1] > 0]
