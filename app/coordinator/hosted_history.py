"""A hosted user's stored events as the history that the model sees."""

import numpy as np

from app.coordinator.hosted_repository import StoredHistory
from recsys.arrays import Ints
from recsys.history import History
from recsys.objective import block_positions

# Fewer events say too little to train on, and too little to adapt to.
EVENTS_MIN = 5


def history_of(stored: StoredHistory, event_types: tuple[str, ...], rows: Ints) -> History:
    """The events on items among `rows` (m,), as positions in it; rows must be sorted.

    Events of a type that the model does not know yet are left out.
    """
    index = {name: i for i, name in enumerate(event_types)}
    places = block_positions(stored.rows, rows)
    types = np.asarray([index.get(name, -1) for name in stored.types], np.int64)
    return History(places, types, stored.times_s).take((places >= 0) & (types >= 0))
