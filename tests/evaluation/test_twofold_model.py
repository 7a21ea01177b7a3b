"""Twofold in a comparison: it learns, keeps a seed's word, leaves cold rows alone, adapts."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.twofold_model import SharedScorer, TwofoldRecommender, first_state
from evaluation.twofold_settings import LONG, SHORT, suited
from recsys.history import History
from recsys.metrics.ndcg import gains_at
from recsys.recommender import Fitted, target_ranks
from recsys.task import UNSEEN, Queries, Task
from tests.evaluation.small_settings import SMALL

ITEMS, USERS = 20, 40


def asked(histories: list[History], targets: list[int]) -> Queries:
    n = len(histories)
    return Queries(
        tuple(histories),
        np.arange(n),
        np.array(targets),
        np.zeros((n, 0), np.int64),
        tuple(np.unique(history.rows) for history in histories),
        np.arange(n),
    )


def make_task(ordered: bool = True, cold: tuple[int, ...] = ()) -> Task:
    """Even users walk through the even items in order, odd ones through the odd ones."""
    walks = []
    for user in range(USERS):
        start = np.random.default_rng(user).integers(0, ITEMS // 2)
        walk = (user % 2 + 2 * ((start + np.arange(8)) % (ITEMS // 2))).tolist()
        walks.append([row for row in walk if row not in cold])
    train = [History.of(walk[:-2]) for walk in walks]
    return Task(
        "walks",
        "last",
        tuple(str(row) for row in range(ITEMS)),
        ("view",),
        ordered,
        tuple(train),
        np.arange(USERS),
        asked(train, [walk[-2] for walk in walks]),
        asked([History.of(walk[:-1]) for walk in walks], [walk[-1] for walk in walks]),
        tuple(np.array([row % 2], np.int64) for row in range(ITEMS)),
        tuple(np.unique(walk) for walk in walks),
        np.array(cold, np.int64),
    )


def fitted(task: Task, seed: int = 0) -> Fitted:
    return TwofoldRecommender(SMALL).fit(task, seed, lambda share, what: None)


def quality(scorer: SharedScorer, task: Task) -> float:
    return float(gains_at(target_ranks(scorer, task.test), 10).mean())


@pytest.mark.parametrize("ordered", [True, False])
def test_it_learns_who_walks_where(ordered: bool) -> None:
    task = make_task(ordered)
    blind = replace(SMALL, content_width=0)  # content alone would answer half of it
    found = TwofoldRecommender(blind).fit(task, 0, lambda share, what: None)
    untrained = first_state(task, blind, 0)
    before = SharedScorer(untrained.tower.table(), untrained.scalars, ordered)
    for scorer in (found.scorer, found.beside["shared"]):
        assert isinstance(scorer, SharedScorer)
        assert quality(scorer, task) > 1.3 * quality(before, task)
    assert found.curve[-1][0] <= SMALL.n_rounds
    assert found.chosen["rounds"] in dict(found.curve)


def test_a_seed_decides_everything() -> None:
    task = make_task()
    one, again, other = (fitted(task, seed) for seed in (1, 1, 2))
    scores = [f.scorer.scores(task.test.histories, task.test.users) for f in (one, again, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_a_score_depends_on_the_history_and_not_on_who_asks() -> None:
    task = make_task()
    scorer = fitted(task).scorer
    whole = scorer.scores(task.test.histories, task.test.users)
    strangers = scorer.scores(task.test.histories, np.full(USERS, UNSEEN))
    assert np.array_equal(whole, strangers)
    alone = scorer.scores(task.test.histories[3:4], task.test.users[3:4])
    np.testing.assert_allclose(alone[0], whole[3], rtol=1e-4, atol=1e-5)


def test_cold_rows_are_never_trained_and_follow_their_content() -> None:
    task = make_task(cold=(4, 5))
    found = fitted(task).beside["shared"]
    assert isinstance(found, SharedScorer)
    even, odd = found.table.target[4], found.table.target[5]
    assert np.linalg.norm(even - odd) > 0.01
    by_history = found.scores([History.of([0, 2, 6]), History.of([1, 3, 7])], np.zeros(2, np.int64))
    assert by_history[0, 4] > by_history[0, 5]
    assert by_history[1, 5] > by_history[1, 4]


def test_settings_follow_how_long_histories_are() -> None:
    short = make_task()
    long = replace(short, train=tuple(History.of([0, 1] * 20) for _ in short.train))
    assert suited(short) is SHORT
    assert suited(long) is LONG
    few = TwofoldRecommender(SMALL, n_rounds=10).fit(short, 0, lambda share, what: None)
    assert few.curve[-1][0] == 10
