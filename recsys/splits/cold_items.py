"""Items that training never met: what public content alone says of a new item.

Some items are taken out of all training as if the shop had added them afterwards. A user's last
event on one of them is asked, from the warm events before it. Training ends at the question too:
a model that knows what its user did later knows more than a service would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Bools, Ints
from recsys.history import History
from recsys.splits.parts import Parts, Question
from recsys.splits.records import Record, first_touches
from recsys.splits.settings import Settings
from recsys.task import Queries


@dataclass(frozen=True)
class ColdItems:
    """Sorted rows that are cold, for either kind of question. They share none."""

    validation: Ints
    test: Ints

    @property
    def both(self) -> Ints:
        """All cold rows, sorted."""
        return np.union1d(self.validation, self.test)


def draw_cold(n_items: int, settings: Settings, rng: np.random.Generator) -> ColdItems:
    """Random cold rows, at least one of either kind. ValueError if no warm one is left."""
    n_test = max(1, round(settings.test_cold * n_items))
    n_cold = n_test + max(1, round(settings.validation_cold * n_items))
    if n_cold >= n_items:
        raise ValueError(f"of {n_items} items {n_cold} would be cold")
    drawn = rng.permutation(n_items)[:n_cold]
    return ColdItems(np.sort(drawn[n_test:]), np.sort(drawn[:n_test]))


def cold_items(
    records: Sequence[Record],
    n_items: int,
    asked_type: int | None,
    cold: ColdItems,
    settings: Settings,
) -> Parts:
    """At most one question of either kind a user: the last event on a cold item of that kind.

    asked_type: number of the event type that is asked for; None: every type
    Training is the warm events before both questions. Candidates are the cold rows of the kind;
    excluded is what the user had touched before, cold or warm. Null items must be of `cold.test`.
    """
    is_cold, *kinds = (_mask(n_items, rows) for rows in (cold.both, cold.validation, cold.test))
    train: list[History] = []
    validation: list[Question] = []
    test: list[Question] = []
    for person, whole in enumerate(records):
        record = first_touches(whole, by_type=asked_type is not None)
        places = [_last(record, asked_type, kind) for kind in kinds]
        train.append(_warm(record, min(places), is_cold))
        for asked, place in zip((validation, test), places, strict=True):
            if len(train[-1]) >= settings.min_history and place < len(record):
                asked.append(_question(person, record, place, is_cold))
    return Parts(
        train,
        validation,
        test,
        cold=cold.both,
        validation_candidates=cold.validation,
        test_candidates=cold.test,
        validation_nulls=False,
    )


def among_all(queries: Queries) -> Queries:
    """The same questions with every row as a candidate: does a cold item ever rise to the top?"""
    return replace(queries, candidates=None)


def _mask(n_items: int, rows: Ints) -> Bools:
    mask = np.zeros(n_items, bool)
    mask[rows] = True
    return mask


def _last(record: Record, asked_type: int | None, of_kind: Bools) -> int:
    """Place of the last event that may be asked; past the end if there is none."""
    found = of_kind[record.history.rows]
    if asked_type is not None:
        found &= record.history.types == asked_type
    places = np.flatnonzero(found)
    return int(places[-1]) if len(places) else len(record)


def _question(person: int, record: Record, place: int, is_cold: Bools) -> Question:
    target = int(record.history.rows[place])
    known = np.unique(record.history.rows[:place])
    # A cold item's own view before its purchase does not take it off the list.
    return Question(person, _warm(record, place, is_cold), target, known[known != target])


def _warm(record: Record, end: int, is_cold: Bools) -> History:
    """The warm events before this place."""
    earlier = record.history.take(slice(end))
    return earlier.take(~is_cold[earlier.rows])
