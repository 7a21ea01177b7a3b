import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.block import block_bytes, choose_block, keyed_tags

KEY = b"key"


def rows(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_core_must_leave_room() -> None:
    live = np.arange(10, dtype=np.int64)
    with pytest.raises(ValueError, match="block_max"):
        choose_block(live, live[:5], 5, 0, KEY)
    with pytest.raises(ValueError, match="round_number"):
        choose_block(live, live[:2], 5, -1, KEY)


def test_small_catalogue_trains_whole() -> None:
    live = rows(9, 2, 5, 2)
    assert choose_block(live, rows(2), 3, 17, KEY).tolist() == [2, 5, 9]
    assert choose_block(rows(), rows(), 3, 0, KEY).tolist() == []


def test_core_rows_that_are_gone_are_left_out() -> None:
    live = np.arange(0, 40, 2, dtype=np.int64)
    block = choose_block(live, rows(1, 2, 3, 4), 6, 0, KEY)
    assert {2, 4} <= set(block.tolist()) <= set(live.tolist())
    assert block.size == 6


@settings(max_examples=60)
@given(
    live=st.sets(st.integers(0, 10**6), min_size=2, max_size=80),
    data=st.data(),
    first=st.integers(0, 1000),
    key=st.binary(max_size=8),
)
def test_every_row_comes_round(live: set[int], data: st.DataObject, first: int, key: bytes) -> None:
    block_max = data.draw(st.integers(1, len(live) - 1))
    core = set(data.draw(st.permutations(sorted(live)))[: data.draw(st.integers(0, block_max - 1))])
    live_rows, core_rows = rows(*live), rows(*core)
    n_slice = block_max - len(core)
    n_rounds = -(-(len(live) - len(core)) // n_slice)
    seen: set[int] = set()
    for number in range(first, first + n_rounds):
        block = choose_block(live_rows, core_rows, block_max, number, key)
        assert block.dtype == np.int64
        assert block.tolist() == sorted(set(block.tolist()))
        assert block.size == block_max
        assert core <= set(block.tolist()) <= live
        seen |= set(block.tolist())
    assert seen == live


@pytest.mark.parametrize("n_slices", range(2, 13))
def test_exactly_as_many_rounds_as_slices(n_slices: int) -> None:
    live = np.arange(10 * n_slices, dtype=np.int64)
    blocks = [choose_block(live, rows(), 10, number, KEY) for number in range(n_slices)]
    np.testing.assert_array_equal(np.sort(np.concatenate(blocks)), live)


def test_drawn_from_public_facts_alone() -> None:
    live = np.arange(1000, dtype=np.int64)
    shuffled = np.random.default_rng(0).permutation(live)
    one = choose_block(live, live[:10], 100, 4, KEY)
    np.testing.assert_array_equal(one, choose_block(shuffled, live[:10][::-1], 100, 4, KEY))
    assert not np.array_equal(one, choose_block(live, live[:10], 100, 5, KEY))
    assert not np.array_equal(one, choose_block(live, live[:10], 100, 4, b"other"))


def test_slices_look_random() -> None:
    live = np.arange(100_000, dtype=np.int64)
    block = choose_block(live, rows(), 10_000, 0, KEY)
    # A uniform sample of 10 000: its mean has standard error 100_000 / sqrt(12 * 10_000) = 289.
    assert abs(block.mean() - 50_000) < 5 * 289
    assert np.unique(keyed_tags(live, KEY)).size == live.size


def test_bytes_are_little_endian() -> None:
    assert block_bytes(rows(1, 258)).hex() == "01000000000000000201000000000000"
