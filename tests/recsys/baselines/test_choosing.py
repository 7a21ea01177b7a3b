"""Validation chooses, the first of equals wins, an axis starts from the best point so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Settings, best_by_axes, best_of_grid
from recsys.history import History
from recsys.task import Task


@dataclass(frozen=True)
class Towards:
    """Knows the answers, and hides them behind `misses` other rows."""

    task: Task
    misses: int

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        found = np.zeros((len(histories), self.task.n_items))
        for i, user in enumerate(users):
            target = self.task.validation.targets[user]
            found[i, target] = 1.0
            others = np.delete(np.arange(self.task.n_items), target)
            untouched = others[~np.isin(others, self.task.validation.excluded[user])]
            found[i, untouched[: self.misses]] = 2.0
        return found


def test_the_first_of_the_best_is_taken(board: Task) -> None:
    told: list[tuple[float, str]] = []
    grid: list[Settings] = [{"misses": 3, "n": 0}, {"misses": 1, "n": 1}, {"misses": 1, "n": 2}]
    fitted = best_of_grid(
        grid,
        lambda settings: Towards(board, int(settings["misses"])),
        board.validation,
        lambda share, what: told.append((share, what)),
    )
    assert fitted.chosen == {"misses": 1, "n": 1}
    assert told[0] == (0.0, "misses 3, n 0")
    assert told[-1] == (1.0, "misses 1, n 1")


def test_axes_are_searched_one_after_the_other(board: Task) -> None:
    tried: list[tuple[int, int]] = []

    def train(settings: Settings) -> Towards:
        a, b = int(settings["a"]), int(settings["b"])
        tried.append((a, b))
        return Towards(board, abs(a - 3) + abs(b - 1))

    axes = {"a": (1, 2, 3), "b": (0, 1)}
    fitted = best_by_axes({"a": 2, "b": 0}, axes, train, board.validation, lambda *_: None)
    assert tried == [(2, 0), (1, 0), (3, 0), (3, 1)]
    assert fitted.chosen == {"a": 3, "b": 1}


def test_an_empty_grid_is_a_mistake(board: Task) -> None:
    with pytest.raises(ValueError, match="no settings"):
        best_of_grid([], lambda _: Towards(board, 0), board.validation, lambda *_: None)
