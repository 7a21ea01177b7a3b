import random
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.aggregate import RunningSum
from federation.plan import COHORT_LIMIT

LEVELS = 2**20


def sum_of(updates: np.ndarray) -> RunningSum:
    running = RunningSum(updates.shape[1])
    for words in updates:
        running.add(words)
    return running


def updates_from(seed: int, n: int = 12, n_words: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(-LEVELS, LEVELS, (n, n_words), dtype=np.int32, endpoint=True)


@pytest.mark.parametrize(
    "words", [np.zeros(3, np.int32), np.zeros((4, 1), np.int32), np.zeros(4, np.int64)]
)
def test_other_arrays_are_refused(words: Any) -> None:
    running = RunningSum(4)
    with pytest.raises(ValueError, match="words"):
        running.add(words)
    assert running.count == 0


def test_more_than_the_limit_is_refused() -> None:
    running = RunningSum(1, count_limit=2)
    one = np.ones(1, np.int32)
    running.add(one)
    running.add(one)
    with pytest.raises(ValueError, match="count"):
        running.add(one)
    with pytest.raises(ValueError, match="count"):
        running.merge(sum_of(np.ones((1, 1), np.int32)))
    with pytest.raises(ValueError, match="n_words"):
        running.merge(RunningSum(2))
    assert (running.count, running.result.tolist()) == (2, [2])


def test_broken_bytes_are_refused() -> None:
    body = sum_of(updates_from(0)).to_bytes()
    for broken in (
        b"",
        body[:5],
        body[:-1],
        body + b"\0",
        b"3" + body[1:],
        body[:4] + b"\7" + body[5:],
    ):
        with pytest.raises(ValueError, match="sum"):
            RunningSum.from_bytes(broken)
    with pytest.raises(ValueError, match="count"):
        RunningSum.from_bytes(body, count_limit=11)


def test_the_largest_cohort_of_extreme_words_sums_exactly() -> None:
    running = RunningSum(2)
    words = np.array([LEVELS, -LEVELS], np.int32)
    for _ in range(COHORT_LIMIT):
        running.add(words)
    assert running.result.tolist() == [COHORT_LIMIT * LEVELS, -COHORT_LIMIT * LEVELS]


@given(seed=st.integers(0, 10**6), shuffle=st.integers(0, 10**6), cut=st.integers(0, 12))
def test_order_and_grouping_do_not_matter(seed: int, shuffle: int, cut: int) -> None:
    updates = updates_from(seed)
    order = list(range(len(updates)))
    random.Random(shuffle).shuffle(order)
    left, right = sum_of(updates[order[:cut]]), sum_of(updates[order[cut:]])
    right.merge(left)
    assert right.to_bytes() == sum_of(updates).to_bytes()
    np.testing.assert_array_equal(right.result, updates.astype(np.int64).sum(axis=0))


def test_masks_that_cancel_leave_the_sum() -> None:
    updates = updates_from(5, n=2)
    mask = np.random.default_rng(6).integers(0, 2**32, updates.shape[1], dtype=np.uint32)
    masked = updates.view(np.uint32) + np.stack([mask, np.uint32(0) - mask])
    assert sum_of(masked.view(np.int32)).to_bytes() == sum_of(updates).to_bytes()


def test_bytes_round_trip_and_go_on() -> None:
    updates = updates_from(8)
    half = RunningSum.from_bytes(sum_of(updates[:6]).to_bytes())
    for words in updates[6:]:
        half.add(words)
    assert half.count == 12
    assert half.to_bytes() == sum_of(updates).to_bytes()


def test_memory_does_not_grow_with_the_cohort() -> None:
    running = RunningSum(100_000)
    words = np.ones(100_000, np.int32)
    running.add(words)
    tracemalloc.start()
    for _ in range(100):
        running.add(words)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < words.nbytes
