"""A user as one model version sees them: the input of the user tower."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.models.serving import ServedModel
from app.models.tower_bytes import decode_tower
from recsys.arrays import Floats
from recsys.history import History
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, user_vector

# Far beyond what training yields; within them no score overflows float32.
VECTOR_NORM_MAX = 1e4
LOG_MAX = 20.0


@dataclass(frozen=True)
class Taste:
    """history: events on items of this version. adapted: whether `tower` holds personal numbers."""

    scalars: SharedScalars
    tower: UserTower
    history: History
    adapted: bool

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of the user that this version could rank by."""
        return len(self.history) == 0 and not self.adapted

    def vector(self, model: ServedModel) -> Floats:
        """The user vector (d,) float32."""
        return user_vector(model.table, self.scalars, self.tower, self.history)


def taste_of(
    model: ServedModel,
    event_types: Sequence[str],
    history: History,
    tower: bytes = b"",
) -> Taste:
    """history: rows of any version; types are indices into `event_types`.

    Events on items that the version does not hold are left out. An event type that it does not know
    yet has weight 1. Personal numbers of any version are applied as they are.
    """
    new = [name for name in event_types if name not in model.event_types]
    names = (*model.event_types, *new)
    place = np.asarray([names.index(name) for name in event_types], np.int64)
    known = (history.rows < model.table.n_rows) & (history.types < len(place))
    known[known] = model.live[history.rows[known]]
    kept = history.take(known)
    scalars = model.scalars.with_types(len(names)) if new else model.scalars
    personal = _personal_tower(tower, scalars, model.table.dim)
    return Taste(
        scalars=scalars,
        tower=personal or UserTower.default(scalars, model.table.dim),
        history=replace(kept, types=place[kept.types]),
        adapted=personal is not None,
    )


def _personal_tower(body: bytes, scalars: SharedScalars, dim: int) -> UserTower | None:
    """The tower with as many type weights as `scalars`; None when no such model can have it."""
    if not body:
        return None
    try:
        tower = decode_tower(body)
    except ValueError:
        return None
    if tower.residual.shape != (dim,) or tower.log_gains.shape != (2,):
        return None
    weights = scalars.log_type_weights.copy()
    n = min(len(weights), len(tower.log_type_weights))
    weights[:n] = tower.log_type_weights[:n]
    logs = np.concatenate([tower.log_gains, weights])
    if np.abs(logs).max() > LOG_MAX or np.linalg.norm(tower.residual) > VECTOR_NORM_MAX:
        return None
    return UserTower(tower.residual, tower.log_gains, weights)
