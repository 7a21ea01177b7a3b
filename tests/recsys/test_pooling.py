"""Ages and gaps of a context's events."""

import numpy as np
import pytest

from recsys.history import History
from recsys.pooling import Events, contexts_of, gaps_of
from recsys.shared_scalars import N_GAPS

NOW_S = 1_700_000_000


def gaps(*before_s: int) -> list[int]:
    """Classes of events so long before the newest one, which is last."""
    times_s = np.array([[*(NOW_S - gap for gap in before_s), NOW_S]])
    found: list[int] = gaps_of(times_s, np.ones((1, 1, len(before_s) + 1), bool))[
        0, 0, :-1
    ].tolist()
    return found


def test_a_class_is_the_bit_length_of_the_seconds() -> None:
    assert gaps(0, 1, 2, 3, 4, 59, 3600) == [0, 1, 2, 2, 3, 6, 12]


def test_what_is_very_old_is_one_class() -> None:
    assert gaps(2**24, 2**24 - 1, NOW_S) == [N_GAPS - 1, N_GAPS - 2, N_GAPS - 1]


def test_after_a_clock_was_set_back_no_gap_is_negative() -> None:
    assert gaps(-5, 0) == [0, 3]


def test_the_newest_event_is_that_of_the_context() -> None:
    times_s = np.array([[100, 104, 9_000]])
    kept = np.array([[[True, True, False], [True, True, True], [False, False, False]]])
    found = gaps_of(times_s, kept)
    assert found[0, 0, :2].tolist() == [3, 0]
    assert found[0, 1, :2].tolist() == [14, 14]


@pytest.mark.parametrize("ordered", [True, False])
def test_only_ordered_data_has_ages_and_gaps(ordered: bool) -> None:
    history = History.of([3, 4, 5], times_s=[10, 20, 21])
    whole = np.ones((1, 1, 3), bool)
    contexts = contexts_of(Events.alone(history), whole, 8, ordered)
    assert contexts.ages[0, 0].tolist() == ([2, 1, 0] if ordered else [0, 0, 0])
    assert contexts.gaps[0, 0].tolist() == ([4, 1, 0] if ordered else [0, 0, 0])


def test_only_the_newest_events_count() -> None:
    history = History.of(range(5), times_s=range(5))
    contexts = contexts_of(Events.alone(history), np.ones((1, 1, 5), bool), 3, True)
    assert contexts.present[0, 0].tolist() == [False, False, True, True, True]
