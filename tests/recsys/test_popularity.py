"""Most popular counts users, of training histories only."""

import numpy as np

from recsys.datasets.interactions import Event
from recsys.popularity import popularity

HISTORIES = {
    "u": [Event("a", "view", 1), Event("a", "view", 2), Event("b", "purchase", 3)],
    "v": [Event("b", "view", 1), Event("gone", "view", 2)],
    "w": [],
}


def test_nobody_gives_zeros() -> None:
    assert popularity({}, ["a", "b"]).tolist() == [0.0, 0.0]


def test_counts_each_user_once() -> None:
    scores = popularity(HISTORIES, ["c", "b", "a"])
    assert scores.tolist() == [0.0, 2.0, 1.0]
    assert scores.dtype == np.float32


def test_counts_the_given_types_only() -> None:
    assert popularity(HISTORIES, ["a", "b"], ["purchase"]).tolist() == [0.0, 1.0]
    assert popularity(HISTORIES, ["a", "b"], []).tolist() == [0.0, 0.0]
