"""Data without an order: the purchase that its publisher held out is asked.

There is no last event before it to validate on, so validation asks for another of the user's
purchases, drawn at random. The two may differ: publishers tend to hold out the latest purchase.
"""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Ints
from recsys.splits.parts import NOTHING, Parts, Question
from recsys.splits.records import Record, first_touches
from recsys.splits.settings import Settings


def held_out_purchase(
    records: Sequence[Record], settings: Settings, rng: np.random.Generator
) -> Parts:
    """Ask each record's last event for the test and one more of that type for validation.

    All events on the item of a question are removed from its history, and from training those of
    both. The test's history holds the validation item's events again. Excluded are the history's
    rows of the type that is asked for and no others: what is in a cart is a candidate. Who has
    fewer than `min_history` training events trains but is not asked.
    ValueError on settings that need an order.
    """
    if settings.n_test != 1 or settings.n_validation != 1 or settings.target_type is not None:
        raise ValueError("without an order the one event that was held out is asked, nothing else")
    train, validation, test = [], [], []
    for person, whole in enumerate(records):
        if not len(whole):
            train.append(NOTHING)
            continue
        kind, target = int(whole.history.types[-1]), int(whole.history.rows[-1])
        known = _without(first_touches(whole, by_type=True), target)
        chosen = _one_of(known.history.rows[known.history.types == kind], rng)
        learnt = known if chosen is None else _without(known, chosen)
        train.append(learnt.history)
        if len(learnt) >= settings.min_history:
            test.append(_question(person, known, kind, target))
            if chosen is not None:
                validation.append(_question(person, learnt, kind, chosen))
    return Parts(train, validation, test)


def _one_of(rows: Ints, rng: np.random.Generator) -> int | None:
    return int(rng.choice(rows)) if len(rows) else None


def _without(record: Record, row: int) -> Record:
    return record.where(record.history.rows != row)


def _question(person: int, record: Record, kind: int, target: int) -> Question:
    history = record.history
    return Question(person, history, target, np.unique(history.rows[history.types == kind]))
