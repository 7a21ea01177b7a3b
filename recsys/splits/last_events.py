"""Leave-last-out by time: each user's last events are asked, each from everything before it.

Of an item only the first event counts (of item and type, where one type is asked for), so a
question is always about something new. Where one type is asked for ("purchase"), the views and
carts that led to a held-out item are removed from everything that comes before its question: a
history that shows them answers it.
"""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Ints
from recsys.history import History
from recsys.splits.parts import Parts, Question
from recsys.splits.records import Record, first_touches
from recsys.splits.settings import Settings


def last_events(records: Sequence[Record], asked_type: int | None, settings: Settings) -> Parts:
    """Hold out the last `n_test` events of each user, and the `n_validation` before those.

    asked_type: number of the event type that is asked for; None: every type
    Training is what comes before all of them. The history of a question is everything before it,
    earlier questions' events included; its rows are excluded. A user with fewer than `min_history`
    training events trains but is not asked. A user without an event of the type keeps everything.
    """
    train, validation, test = [], [], []
    for person, whole in enumerate(records):
        record = first_touches(whole, by_type=asked_type is not None)
        cuts = _places(record, asked_type)[-settings.n_test - settings.n_validation :]
        train.append(before(record, cuts))
        if len(train[-1]) >= settings.min_history:
            asked = [_question(person, record, cuts[i:]) for i in range(len(cuts))]
            validation += asked[: -settings.n_test]
            test += asked[-settings.n_test :]
    return Parts(train, validation, test)


def before(record: Record, cuts: Ints) -> History:
    """What comes before the first of these places, without a trace of the items at any of them."""
    if not len(cuts):
        return record.history
    earlier = record.history.take(slice(cuts[0]))
    return earlier.take(~np.isin(earlier.rows, record.history.rows[cuts]))


def _places(record: Record, asked_type: int | None) -> Ints:
    if asked_type is None:
        return np.arange(len(record))
    return np.flatnonzero(record.history.types == asked_type)


def _question(person: int, record: Record, cuts: Ints) -> Question:
    history = before(record, cuts)
    return Question(person, history, int(record.history.rows[cuts[0]]), np.unique(history.rows))
