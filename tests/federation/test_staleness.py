"""Sums by staleness: exact whatever the order, weighed once, one form on disk."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.grid import Grid, from_sum, to_words
from federation.plan import STALENESS_LIMIT
from federation.staleness import ENTRY, HEADER, StaleSums, staleness_weight

GRID = Grid(clip_l2=2.0)
N_VALUES = 5
N_WORDS = N_VALUES + GRID.n_metrics


def words_of(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return to_words(rng.normal(size=N_VALUES).astype(np.float32), rng.random(GRID.n_metrics), GRID)


def sums_of(*updates: tuple[int, int]) -> StaleSums:
    sums = StaleSums(N_WORDS)
    for seed, staleness in updates:
        sums.add(words_of(seed), staleness)
    return sums


@pytest.mark.parametrize("staleness", [-1, STALENESS_LIMIT + 1])
def test_impossible_staleness(staleness: int) -> None:
    with pytest.raises(ValueError, match="staleness"):
        StaleSums(N_WORDS).add(words_of(0), staleness)
    with pytest.raises(ValueError, match="staleness"):
        staleness_weight(-1)


def test_the_limit_is_over_all_staleness() -> None:
    sums = StaleSums(N_WORDS, count_limit=2)
    sums.add(words_of(0), 0)
    sums.add(words_of(1), 1)
    with pytest.raises(ValueError, match="count"):
        sums.add(words_of(2), 2)
    with pytest.raises(ValueError, match="count"):
        sums.merge(sums_of((3, 0)))


def test_empty_buffer_has_no_mean() -> None:
    with pytest.raises(ValueError, match="n"):
        StaleSums(N_WORDS).mean(GRID)


def test_weights_are_fedbuffs() -> None:
    assert [staleness_weight(t) for t in (0, 3, 8)] == pytest.approx([1.0, 0.5, 1 / 3])


def test_mean_is_the_weighted_one() -> None:
    sums = sums_of((0, 0), (1, 0), (2, 3))
    vectors = [from_sum(words_of(seed).astype(np.int64), 1, GRID)[0] for seed in range(3)]
    expected = (vectors[0] + vectors[1] + 0.5 * vectors[2]) / 2.5
    delta, metrics = sums.mean(GRID)
    assert delta == pytest.approx(expected, abs=1e-6)
    fresh = words_of(0).astype(np.int64) + words_of(1)
    assert np.array_equal(metrics, from_sum(fresh, 2, GRID)[1])


def test_without_staleness_it_is_the_plain_mean_bit_for_bit() -> None:
    sums = sums_of((0, 0), (1, 0), (2, 0))
    plain = from_sum(sums.fresh.result, 3, GRID)
    assert all(map(np.array_equal, sums.mean(GRID), plain))


def test_only_stale_updates_say_nothing_of_this_version() -> None:
    assert not sums_of((0, 1)).mean(GRID)[1].any()


entries = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), min_size=1, max_size=12)


@given(entries, st.data())
def test_any_order_and_grouping_gives_the_same_bytes(
    updates: list[tuple[int, int]], data: st.DataObject
) -> None:
    whole = sums_of(*updates)
    shuffled = data.draw(st.permutations(updates))
    cut = data.draw(st.integers(0, len(updates)))
    parts = sums_of(*shuffled[:cut])
    parts.merge(StaleSums.from_bytes(sums_of(*shuffled[cut:]).to_bytes(), N_WORDS))
    assert parts.to_bytes() == whole.to_bytes()
    assert parts.counts == whole.counts


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: b"2FSM" + body[4:],
        lambda body: body[:-1],
        lambda body: body + b"\0",
        lambda body: body[: HEADER.size],
        lambda body: body[: HEADER.size + ENTRY.size - 1],
        lambda body: HEADER.pack(b"2FSS", 1, 2) + 2 * body[HEADER.size :],
        lambda body: body[: HEADER.size] + struct.pack("<I", 99) + body[HEADER.size + 4 :],
    ],
)
def test_damaged_bytes(damage: object) -> None:
    body = sums_of((0, 1)).to_bytes()
    with pytest.raises(ValueError):
        StaleSums.from_bytes(damage(body), N_WORDS)  # type: ignore[operator]
    with pytest.raises(ValueError, match="another plan"):
        StaleSums.from_bytes(body, N_WORDS + 1)
