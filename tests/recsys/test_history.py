"""What a history refuses, and its newest events."""

import numpy as np
import pytest

from recsys.history import History


def test_rows_and_types_must_match() -> None:
    with pytest.raises(ValueError, match="share"):
        History(np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="share"):
        History.of([1, 2], [0, 0], [5])
    with pytest.raises(ValueError, match="int64"):
        History(np.zeros(2, np.int32), np.zeros(2, np.int64), np.zeros(2, np.int64))


def test_last_keeps_the_newest_events_in_order() -> None:
    history = History.of([5, 6, 7], [0, 1, 2], [100, 100, 160])
    assert history.last(2).rows.tolist() == [6, 7]
    assert history.last(2).types.tolist() == [1, 2]
    assert history.last(2).times_s.tolist() == [100, 160]
    assert len(history.last(9)) == 3
    assert len(history.last(0)) == 0
    assert len(History.of([])) == 0


def test_taken_events_stay_whole() -> None:
    kept = History.of([5, 6, 7], [0, 1, 2], [10, 20, 30]).take(np.array([True, False, True]))
    assert (kept.rows.tolist(), kept.types.tolist()) == ([5, 7], [0, 2])
    assert kept.times_s.tolist() == [10, 30]
