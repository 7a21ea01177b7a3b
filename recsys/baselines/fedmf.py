"""FedMF: federated matrix factorisation of implicit feedback.

Ammad-ud-din et al. 2019, "Federated Collaborative Filtering", https://arxiv.org/abs/1901.09888:
each device solves its user vector from the item table and its own history, and sends the item
gradient; the server sums these and steps with Adam. A touched pair is a 1 with weight `alpha`,
every other pair a 0 with weight 1, held-out rows like any other that the device has not touched.

    p_u = (Q^T C_u Q + l2 I)^-1 Q^T C_u x_u        dQ = sum_u C_u (Q p_u - x_u) p_u^T + l2 Q

The device solves its vector from the history it has now, so that users without a training round
are served like the others and events after training count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Setting, Settings, best_by_axes
from recsys.baselines.event_views import EventView
from recsys.baselines.incidence import incidence
from recsys.history import History
from recsys.recommender import Fitted, OnProgress, validation_ndcg
from recsys.task import Queries, Task

START: Settings = {"alpha": 3.0, "l2": 10.0}
AXES: dict[str, Sequence[Setting]] = {"alpha": (1.0, 3.0, 10.0, 30.0), "l2": (3.0, 10.0, 30.0)}
ROUNDS = 60
ROUNDS_BETWEEN = 10  # looks at validation
FACTORS = 32
INITIAL_STD = 0.1
RATE, BETA_1, BETA_2, EPSILON = 0.1, 0.9, 0.999, 1e-8  # Adam's
DEVICES_AT_ONCE = 4096  # bounds memory to that many normal matrices, FACTORS^2 numbers each


@dataclass(frozen=True)
class FedMFScorer:
    """items: Q, (n_items, d); alpha, l2: as trained; rounds: taken of those in `curve`."""

    items: Floats
    alpha: float
    l2: float
    rounds: int = 0
    curve: tuple[tuple[int, float], ...] = ()

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        known = incidence(histories, self.items.shape[0], EventView())
        found: Floats = self.vectors(known) @ self.items.T
        return found

    def vectors(self, known: Any) -> Floats:
        """p of n users, (n, d). known: (n, n_items) CSR, 1 where touched."""
        starts = range(0, known.shape[0], DEVICES_AT_ONCE)
        parts = [self._solve(known[start : start + DEVICES_AT_ONCE]) for start in starts]
        return np.concatenate([np.zeros((0, FACTORS), self.items.dtype), *parts])

    def _solve(self, known: Any) -> Floats:
        d = self.items.shape[1]
        everywhere = self.items.T @ self.items + self.l2 * np.eye(d, dtype=self.items.dtype)
        squares = (self.items[:, :, None] * self.items[:, None, :]).reshape(-1, d * d)
        touched = (known @ squares).reshape(-1, d, d)
        right = self.alpha * (known @ self.items)
        normal = everywhere + (self.alpha - 1) * touched
        found: Floats = np.linalg.solve(normal, right[:, :, None])
        return found[:, :, 0]

    def gradient(self, known: Any) -> Floats:
        """dQ, (n_items, d), summed over the users of `known`."""
        users = self.vectors(known)
        pairs = known.tocoo()
        guessed = np.einsum("md,md->m", users[pairs.row], self.items[pairs.col])
        beyond = known.copy()  # what touched pairs add to the sum over all pairs
        beyond.data = (self.alpha - 1) * guessed - self.alpha
        summed: Floats = self.items @ (users.T @ users) + beyond.T @ users
        return summed + self.l2 * self.items


@dataclass(frozen=True)
class FedMF:
    """Federated matrix factorisation; validation chooses weight, regularisation and round."""

    name: str = "fedmf"

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        known = incidence(task.train, task.n_items, EventView())
        initial = np.random.default_rng(seed).normal(0, INITIAL_STD, (task.n_items, FACTORS))
        initial[task.cold] = 0.0  # and stays 0: a row that nobody touches gets no other gradient

        def train(settings: Settings) -> FedMFScorer:
            alpha, l2 = float(settings["alpha"]), float(settings["l2"])
            start = FedMFScorer(initial.astype(np.float32), alpha, l2)
            return _best_round(start, known, task.validation)

        fitted = best_by_axes(START, AXES, train, task.validation, on_progress)
        scorer = cast(FedMFScorer, fitted.scorer)
        return Fitted(scorer, {**fitted.chosen, "rounds": scorer.rounds}, scorer.curve)


def _best_round(start: FedMFScorer, known: Any, validation: Queries) -> FedMFScorer:
    """Train for ROUNDS rounds of all devices; the best of those that validation looked at."""
    items, adam, alpha, l2 = start.items, Adam(), start.alpha, start.l2
    best, best_ndcg, curve = start, -1.0, []
    for done in range(1, ROUNDS + 1):
        items = adam.step(items, FedMFScorer(items, alpha, l2).gradient(known))
        if done % ROUNDS_BETWEEN:
            continue
        now = FedMFScorer(items, alpha, l2, done)
        curve.append((done, validation_ndcg(now, validation)))
        if curve[-1][1] > best_ndcg:
            best, best_ndcg = now, curve[-1][1]
    return FedMFScorer(best.items, alpha, l2, best.rounds, tuple(curve))


class Adam:
    """Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1."""

    def __init__(self) -> None:
        self.n_steps = 0
        self.mean: Floats | float = 0.0
        self.square: Floats | float = 0.0

    def step(self, value: Floats, gradient: Floats) -> Floats:
        """The value after one step, in its own float type."""
        self.n_steps += 1
        self.mean = BETA_1 * self.mean + (1 - BETA_1) * gradient
        self.square = BETA_2 * self.square + (1 - BETA_2) * gradient * gradient
        mean = self.mean / (1 - BETA_1**self.n_steps)
        square = self.square / (1 - BETA_2**self.n_steps)
        moved: Floats = value - RATE * mean / (np.sqrt(square) + EPSILON)
        return moved.astype(value.dtype)
