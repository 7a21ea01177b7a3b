"""One moment for all users: learn what came before it, be asked what came next.

Closer to what a service meets than leave-last-out, where one user's training may lie after
another's question. Most users of a data set that people visit once are new at the cut.
"""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Floats
from recsys.history import History
from recsys.splits.last_events import before
from recsys.splits.parts import Parts, Question
from recsys.splits.records import Record, first_touches
from recsys.splits.settings import Settings


def time_cut(records: Sequence[Record], asked_type: int | None, settings: Settings) -> Parts:
    """Train before the first cut; validate between the cuts; test from the second on.

    A cut is the time of the event that the given share of all events comes before; events of that
    same second come after it. A question is a user's first event from the cut on, of the type that
    is asked for, on an item new to that user; its history is everything before it. Who has fewer
    than `min_history` events before the cut is not asked. Who has them only since the first cut
    has no training history (UNSEEN).
    """
    validation_at, test_at = _moments(records, (settings.validation_from, settings.test_from))
    train: list[History] = []
    validation: list[Question] = []
    test: list[Question] = []
    for person, whole in enumerate(records):
        record = first_touches(whole, by_type=asked_type is not None)
        cut, cut_later = np.searchsorted(record.at, [validation_at, test_at]).tolist()
        train.append(record.where(np.arange(cut)).history)
        for asked, start, end in ((validation, cut, cut_later), (test, cut_later, len(record))):
            if start >= settings.min_history:
                asked += _first_new(person, record, asked_type, range(start, end))
    return Parts(train, validation, test)


def _moments(records: Sequence[Record], shares: tuple[float, float]) -> Floats:
    """The time of the event at each share of all events. ValueError if no time lies between."""
    at = np.sort(np.concatenate([record.at for record in records]))
    moments: Floats = at[[int(share * len(at)) for share in shares]]
    if not at[0] < moments[0] < moments[1]:
        raise ValueError("too many events share one time: the cuts leave nothing between them")
    return moments


def _first_new(
    person: int, record: Record, asked_type: int | None, places: range
) -> list[Question]:
    """The question of one user, or none."""
    rows, types = record.history.rows, record.history.types
    known = rows[: places.start]
    for place in places:
        if asked_type in (None, types[place]) and rows[place] not in known:
            history = before(record, np.array([place], np.int64))
            return [Question(person, history, int(rows[place]), np.unique(history.rows))]
    return []
