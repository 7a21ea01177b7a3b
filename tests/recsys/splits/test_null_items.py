"""Null items: uniform, never touched, changing nothing else, in the middle by popularity."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from recsys.arrays import Floats
from recsys.recommender import not_candidates
from recsys.splits import SPLITS, Settings, build_tasks
from recsys.splits.null_items import with_nulls
from recsys.splits.records import records_of
from recsys.task import Queries, Task
from tests.recsys.splits.real import real, real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks, assert_same, same_histories
from tests.recsys.splits.written import around, dataset

ALL = np.arange(8)


def test_refuses_a_user_who_touched_everything() -> None:
    records = records_of(dataset(items="abc", u="va vb vc"))
    with pytest.raises(ValueError, match="touched every item"):
        with_nulls(records, 3, 1, ALL[:1], np.random.default_rng(0))
    records = records_of(dataset(items="abc", u="va vb"))
    with pytest.raises(ValueError, match="touched every item"):
        with_nulls(records, 3, 2, ALL[:1], np.random.default_rng(0))
    with pytest.raises(ValueError, match="touched every item"):
        with_nulls(records, 3, 1, ALL[:0], np.random.default_rng(0), pool=np.array([0, 1]))


def test_each_untouched_item_is_equally_likely() -> None:
    """Also in a pool, also the second of two, whatever else is popular."""
    records = records_of(dataset(items="abcdefgh", u="va vc", w="va vb va vd", x="", y="va vh"))
    rng, pool = np.random.default_rng(1), np.array([0, 1, 2, 4, 5, 7])
    counts = [Counter[int]() for _ in range(3)]
    for _ in range(4000):
        drawn = with_nulls(records, 8, 2, ALL[1:3], rng)
        counts[0].update([drawn[1].nulls[0]])
        counts[1].update([drawn[1].nulls[1]])
        counts[2].update(with_nulls(records, 8, 1, ALL[1:3], rng, pool)[0].nulls)
    for count, free in zip(counts, ([2, 4, 5, 6, 7], [2, 4, 5, 6, 7], [1, 4, 5, 7]), strict=True):
        assert sorted(count) == free
        expected = 4000 / len(free)
        # Chi-square with at most 4 degrees of freedom: above 23.5 once in 10,000.
        assert sum((n - expected) ** 2 / expected for n in count.values()) < 23.5


def test_the_users_of_one_draw_are_spread_over_popularity() -> None:
    """With as many users as items, and no history, each item is drawn once; so of half of them."""
    records = records_of(dataset(items="abcdefgh", **{f"u{i}": "" for i in range(8)}))
    for seed in range(5):
        drawn = with_nulls(records, 8, 1, ALL, np.random.default_rng(seed))
        assert sorted(int(record.nulls[0]) for record in drawn) == list(range(8))
    asked = np.array([0, 3, 4, 6])
    records = records_of(dataset(items="abcd", **{f"u{i}": "" for i in range(8)}))
    for seed in range(5):
        drawn = with_nulls(records, 4, 1, asked, np.random.default_rng(seed))
        assert sorted(int(drawn[person].nulls[0]) for person in asked) == list(range(4))


def assert_differs_in_nulls_only(plain: Task, nulled: Task) -> None:
    for with_none, with_some in ((plain.test, nulled.test), (plain.validation, nulled.validation)):
        assert_same(with_none, with_some)
        assert np.array_equal(with_none.users, with_some.users)
    assert np.array_equal(plain.people, nulled.people)
    assert np.array_equal(plain.cold, nulled.cold)
    assert same_histories(plain.train, nulled.train)
    nulls = dict(zip(nulled.test.people.tolist(), nulled.test.nulls, strict=True))
    for person, before, after in zip(plain.people, plain.touched, nulled.touched, strict=True):
        added = np.setdiff1d(after, before)
        assert len(added) == 2
        assert person not in nulls or np.array_equal(added, np.sort(nulls[person]))


def test_nulls_change_nothing_else() -> None:
    data = around(36)
    for split in SPLITS:
        plain = build_tasks(data, split, 0, Settings(n_nulls=0, test_cold=0.3))
        nulled = build_tasks(data, split, 0, Settings(n_nulls=2, test_cold=0.3))
        for before, after in zip(plain, nulled, strict=True):
            if split != "unseen-users":
                assert_differs_in_nulls_only(before, after)
            assert_same(before.test, after.test)
            assert_nothing_leaks(after)


@pytest.mark.parametrize("name", ["ml-100k", "beibei"])
def test_nulls_change_nothing_else_in_real_data(data_root: Path, name: str) -> None:
    data = real(data_root, name)
    (plain,), (nulled,) = (build_tasks(data, "last", 0, Settings(n_nulls=n)) for n in (0, 2))
    assert_differs_in_nulls_only(plain, nulled)
    assert_nothing_leaks(nulled)


def percentiles(scores: Floats, queries: Queries) -> Floats:
    """Share of the other candidates below each question's null, ties half, for one ranking."""
    found = []
    for start in range(0, len(queries), 256):
        part = queries.take(range(start, min(start + 256, len(queries))))
        candidate = ~not_candidates(part, len(scores))
        own = scores[part.nulls[:, :1]]
        below = ((scores < own) & candidate).sum(axis=1)
        tied = ((scores == own) & candidate).sum(axis=1) - 1
        found.append((below + 0.5 * tied) / (candidate.sum(axis=1) - 1))
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("name", "split", "within"),
    # Without strata one standard error would be 0.29 / sqrt(n): 0.009, 0.03 and 0.002. By time the
    # candidates have what the user touched after the question, which is popular: a little lower.
    [("ml-100k", "last", 0.003), ("ml-100k", "time", 0.025), ("beibei", "last", 0.003)],
)
def test_popularity_puts_them_in_the_middle(
    data_root: Path, name: str, split: str, within: float
) -> None:
    (task,) = real_tasks(data_root, name, split)
    rows = np.concatenate([np.unique(history.rows) for history in task.train])
    scores = np.bincount(rows, minlength=task.n_items).astype(np.float64)
    assert percentiles(scores, task.test).mean() == pytest.approx(0.5, abs=within)
