"""The basis: what is popular is counted in people, and a person's questions share one weight."""

from dataclasses import replace

import numpy as np

from evaluation.offline.basis import basis_of, training_events, training_users
from recsys.history import History
from tests.evaluation.offline.made_up_task import N_ITEMS, make_task


def test_users_count_once_and_events_count_all() -> None:
    task = make_task(2)
    task = replace(task, train=(History.of([5, 5, 7]), History.of([5])))
    assert training_users(task)[[5, 7, 0]].tolist() == [2, 1, 0]
    assert training_events(task)[[5, 7, 0]].tolist() == [3, 1, 0]


def test_nobody_trained() -> None:
    task = make_task(3)
    bare = replace(task, train=(), touched=(), people=np.zeros(0, np.int64))
    assert training_users(bare).tolist() == [0] * N_ITEMS


def test_a_persons_questions_share_one_weight() -> None:
    task = make_task(4)
    shared = replace(task.test, people=np.array([8, 3, 8, 8]))
    basis = basis_of(replace(task, test=shared), 10)
    assert basis.person_weights.tolist() == [1 / 3, 1.0, 1 / 3, 1 / 3]
    assert basis.catalogue.tolist() == list(range(N_ITEMS))


def test_candidates_are_the_catalogue() -> None:
    task = make_task(4)
    test = replace(task.test, candidates=np.array([1, 4]))
    assert basis_of(replace(task, test=test), 10).catalogue.tolist() == [1, 4]
