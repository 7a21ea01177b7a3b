"""Measuring: refusals, then every field against a loop by definition."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.measure import best_rows, log_probability, measure, sampled_for
from evaluation.offline.results import LIST_LENGTH, N_SAMPLED, Measured
from recsys.arrays import Floats, Ints
from recsys.history import History
from recsys.recommender import CHUNK, target_ranks
from recsys.task import Queries
from tests.evaluation.offline.made_up_task import N_ITEMS, Guess, make_queries, make_task

TASK = make_task(40)
N_DRAWN = 20


class Nan:
    """A model that diverged."""

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        return np.full((len(histories), N_ITEMS), np.nan, np.float32)


def measured(queries: Queries, skill: float = 1.0) -> Measured:
    return measure(Guess(TASK.test, skill), queries, sampled_for(queries, N_ITEMS, 3, N_DRAWN))


def test_refuses() -> None:
    sampled = sampled_for(TASK.test, N_ITEMS, 3)
    with pytest.raises(ValueError, match="NaN"):
        measure(Nan(), TASK.test, sampled)
    with pytest.raises(ValueError, match="39 sampled"):
        measure(Nan(), TASK.test, sampled[1:])
    with pytest.raises(ValueError, match="0 questions"):
        measure(Nan(), TASK.test.take([]), sampled[:0])
    blocked = replace(TASK.test, nulls=np.array([rows[:1] for rows in TASK.test.excluded]))
    with pytest.raises(ValueError, match="null"):
        measure(Guess(TASK.test, 0.0), blocked, sampled)


def test_every_field_by_definition() -> None:
    queries, scorer = TASK.test, Guess(TASK.test, 1.0)
    sampled, given = sampled_for(queries, N_ITEMS, 3, N_DRAWN), measured(queries)
    assert (given.ranks == target_ranks(scorer, queries)).all()
    for i in range(len(queries)):
        s, target = scorer.table[i], int(queries.targets[i])
        open_rows = [r for r in range(N_ITEMS) if r not in queries.excluded[i]]
        best = sorted(open_rows, key=lambda r: -s[r])
        assert given.ranks[i] == 1 + best.index(target)
        assert given.n_candidates[i] == len(open_rows)
        assert given.lists[i].tolist() == best[:LIST_LENGTH]
        assert given.sampled_ranks[i] == 1 + (s[sampled[i]] > s[target]).sum()
        expected = s[target] - np.log(np.exp(s.astype(np.float64)).sum())
        assert given.log_probability[i] == pytest.approx(expected, abs=1e-5)
        for j, null in enumerate(queries.nulls[i]):
            rest = [r for r in open_rows if r not in (null, target)]
            assert given.null_percentiles[i, j] == pytest.approx((s[rest] < s[null]).mean())
            assert given.null_sampled_ranks[i, j] == 1 + (s[sampled[i]] > s[null]).sum()


def test_sampled_candidates_are_neither_target_nor_null_nor_excluded() -> None:
    sampled = sampled_for(TASK.test, N_ITEMS, 3, N_DRAWN)
    for i, drawn in enumerate(sampled):
        banned = {int(TASK.test.targets[i]), *TASK.test.nulls[i], *TASK.test.excluded[i]}
        assert not banned & set(drawn.tolist())
    assert (sampled == sampled_for(TASK.test, N_ITEMS, 3, N_DRAWN)).all()
    assert (sampled != sampled_for(TASK.test, N_ITEMS, 4, N_DRAWN)).any()


def test_what_else_is_held_out_of_a_person_is_compared_with_no_null() -> None:
    queries = replace(TASK.test, people=np.arange(40) // 2)
    queries = replace(queries, nulls=nulls_for_pairs(queries))
    scorer, given = Guess(queries, 1.0), measured(queries)
    sampled = sampled_for(queries, N_ITEMS, 3, N_DRAWN)
    for i in range(40):
        pair = queries.targets[[i, i ^ 1]].tolist()
        assert not set(pair) & set(sampled[i].tolist())
        null, out = int(queries.nulls[i, 0]), {*pair, *queries.excluded[i].tolist()}
        rest = [r for r in range(N_ITEMS) if r != null and r not in out]
        below = (scorer.table[i, rest] < scorer.table[i, null]).mean()
        assert given.null_percentiles[i, 0] == pytest.approx(below)


def nulls_for_pairs(queries: Queries) -> Ints:
    """One null a question, touched by neither of the two questions of its person."""
    named = [
        {*rows, target} for rows, target in zip(queries.excluded, queries.targets, strict=True)
    ]
    free = [set(range(N_ITEMS)) - named[i] - named[i ^ 1] for i in range(len(named))]
    return np.array([[min(rows)] for rows in free], np.int64)


def test_a_catalogue_of_fewer_than_99_gives_what_it_has() -> None:
    sampled = sampled_for(TASK.test, N_ITEMS, 3)
    n_eligible = [N_ITEMS - len(rows) - 3 for rows in TASK.test.excluded]
    assert sampled.shape == (40, N_SAMPLED)
    assert (sampled >= 0).sum(axis=1).tolist() == n_eligible


def test_restricted_candidates_restrict_everything() -> None:
    rng = np.random.default_rng(0)
    targets, nulls = rng.integers(50, 55, 40), rng.integers(55, 60, (40, 1))
    queries = replace(TASK.test, targets=targets, nulls=nulls, candidates=np.arange(50, 60))
    queries = replace(queries, excluded=tuple(np.zeros(0, np.int64) for _ in range(40)))
    given = measured(queries)
    assert (given.n_candidates == 10).all()
    assert (given.ranks <= 10).all()
    assert set(given.lists.ravel().tolist()) == set(range(50, 60))
    assert (sampled_for(queries, N_ITEMS, 3) >= 50).sum(axis=1).tolist() == [8] * 40


def test_chunks_are_invisible() -> None:
    rng = np.random.default_rng(8)
    n = CHUNK + 7
    drawn = [rng.permutation(N_ITEMS)[:5] for _ in range(n)]
    queries, seen = make_queries(drawn, 1, rng), []
    scorer, sampled = Guess(queries, 0.5), sampled_for(queries, N_ITEMS, 0)
    whole = measure(scorer, queries, sampled, lambda share, _: seen.append(share))
    part = measure(scorer, queries.take(range(CHUNK, n)), sampled[CHUNK:])
    assert len(whole.ranks) == n
    assert (whole.ranks[CHUNK:] == part.ranks).all()
    assert (whole.lists[CHUNK:] == part.lists).all()
    assert seen == [CHUNK / n, 1.0]


def test_lists_end_where_candidates_end() -> None:
    scores = np.array([[3.0, np.nan, 5.0, -np.inf]])
    listed = best_rows(scores, np.array([[False, True, False, False]]), k=3)
    assert listed.tolist() == [[2, 0, -1]]
    assert best_rows(scores, np.ones((1, 4), bool), k=6).tolist() == [[-1] * 6]


def test_log_probability_of_large_and_infinite_scores() -> None:
    assert log_probability(np.array([[1000.0, 1000.0]]), np.array([0])) == pytest.approx(-np.log(2))
    assert log_probability(np.array([[0.0, -np.inf]]), np.array([1])).tolist() == [-np.inf]
    assert np.isnan(log_probability(np.array([[0.0, np.inf]]), np.array([0]))).all()
