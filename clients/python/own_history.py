"""From the user's events to what the model sees: rows, type indices and times, oldest first.

Events of items or types that the model does not know are kept in the log and skipped here: a later
catalogue may know them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys.datasets.interactions import Event
from recsys.history import History
from recsys.objective import block_positions


@dataclass(frozen=True)
class OwnHistory:
    """A history with the events that it is made of, aligned."""

    history: History
    events: tuple[Event, ...]


def own_history(
    events: Sequence[Event], row_of: Mapping[str, int], event_types: Sequence[str]
) -> OwnHistory:
    """The known events, as rows of the model."""
    index_of = {name: index for index, name in enumerate(event_types)}
    known = tuple(e for e in events if e.item_id in row_of and e.type in index_of)
    rows = [row_of[event.item_id] for event in known]
    types = [index_of[event.type] for event in known]
    return OwnHistory(History.of(rows, types, [int(event.at) for event in known]), known)


def within(history: History, rows: npt.NDArray[np.int64]) -> History:
    """The part of a history whose rows are among `rows` ((m,) ascending), as positions in them."""
    places = block_positions(history.rows, rows)
    return replace(history, rows=places).take(places >= 0)
