"""PFedRec: a federated recommender with an item table per device. Zhang et al., IJCAI 2023,
"Dual Personalization on Federated Recommendation", https://arxiv.org/abs/2301.08143, algorithm 1.

Every round each device takes the global item table, trains its private score layer (d -> 1, then
sigmoid) and the table for one epoch on its own rows and fresh negatives, and sends the table; the
server averages. A device ranks with its own table as it was before averaging. Settings are those
that the authors publish; the round is chosen on validation.

**The leak.** The released code draws negatives from the rows that a user touches nowhere in the
data: the held-out rows are never pushed down, and a table that is ranked with right after training
shows which rows were not. `negatives_exclude="train"` is the honest rule, a device cannot know the
future; "touched" is the released one, kept to show that the null-item canary finds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix, vstack

from recsys.arrays import Floats, Ints
from recsys.baselines.event_views import EventView
from recsys.baselines.negatives import draw_negatives, rows_mask
from recsys.baselines.pfedrec_update import (
    LocalRound,
    Rates,
    ScoreLayers,
    Trained,
    shuffled_samples,
)
from recsys.history import History
from recsys.recommender import Fitted, OnProgress, validation_ndcg
from recsys.task import UNSEEN, Task

DIM = 32
RATE = 0.1
RATE_ETA = 80  # the items' rate is RATE * n_items * RATE_ETA, of a mean over the batch
BATCH = 256
NEGATIVES = 4
ROUNDS = 100
# The authors look at validation after every round; with many users that is dearer than the round.
QUESTIONS_EVERY_ROUND = 2000
ROUNDS_BETWEEN = 5
DEVICES_AT_ONCE = 1024  # bounds memory to that many rows of n_items flags


@dataclass(frozen=True)
class PFedRecScorer:
    """table: (n_items, d), as the devices received it; weights: (n, d), their score layers;
    lifts: (n, n_items), what each device's own table adds to its scores.

    The history is not looked at: all that is personal was learnt in training. Who took no part in
    training is scored with the mean score layer on the global table, as a device would start.
    """

    table: Floats
    weights: Floats
    lifts: csr_matrix

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        # No bias and no sigmoid: they keep the order, but large logits would become ties.
        weights = self.weights[users]
        weights[users == UNSEEN] = self.weights.mean(axis=0)
        found: Floats = weights @ self.table.T
        known = np.flatnonzero(users != UNSEEN)
        found[known] += self.lifts[users[known]].toarray()
        return found


@dataclass(frozen=True)
class PFedRec:
    """negatives_exclude: "train" is honest, "touched" is the released code's leak."""

    name: str = "pfedrec"
    negatives_exclude: Literal["train", "touched"] = "train"
    rounds: int = ROUNDS

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        federation = Federation(task, self.negatives_exclude, np.random.default_rng(seed))
        curve: list[tuple[int, float]] = []
        best, best_ndcg, chosen = federation.scorer(), -1.0, 0
        every = 1 if len(task.validation) <= QUESTIONS_EVERY_ROUND else ROUNDS_BETWEEN
        for done in range(1, self.rounds + 1):
            scorer = federation.round()
            on_progress(done / self.rounds, f"round {done}")
            if done % every:
                continue
            curve.append((done, validation_ndcg(scorer, task.validation)))
            if curve[-1][1] > best_ndcg:
                best, best_ndcg, chosen = scorer, curve[-1][1], done
        return Fitted(best, {"rounds": chosen}, tuple(curve))


class Federation:
    """The federation: the global table and the devices' private score layers."""

    def __init__(
        self, task: Task, exclude: Literal["train", "touched"], rng: np.random.Generator
    ) -> None:
        self.n_items, self.cold, self.rng = task.n_items, task.cold, rng
        self.positives = tuple(EventView().rows(history) for history in task.train)
        self.excluded = task.touched if exclude == "touched" else self.positives
        self.rates = Rates(RATE, RATE * task.n_items * RATE_ETA, BATCH)
        # As torch initialises an embedding and a linear layer; all devices start alike.
        self.table = rng.normal(size=(task.n_items, DIM)).astype(np.float32)
        layer = rng.uniform(-1, 1, DIM + 1).astype(np.float32) / np.float32(np.sqrt(DIM))
        n = len(task.train)
        self.weights, self.biases = np.tile(layer[:DIM], (n, 1)), np.full(n, layer[DIM])

    def scorer(self) -> PFedRecScorer:
        """Before any round."""
        nothing = csr_matrix((len(self.positives), self.n_items), dtype=np.float32)
        return PFedRecScorer(self.table, self.weights.copy(), nothing)

    def round(self) -> PFedRecScorer:
        """Every device trains once, then the server averages. What the devices rank with."""
        received, change, lifts = self.table, np.zeros_like(self.table), []
        for start in range(0, len(self.positives), DEVICES_AT_ONCE):
            trained = self._train_locally(slice(start, start + DEVICES_AT_ONCE))
            lifts.append(trained.lifts)
            change += trained.table_change
        self.table = received + change / np.float32(len(self.positives))
        return PFedRecScorer(received, self.weights.copy(), vstack(lifts, "csr"))

    def _train_locally(self, here: slice) -> Trained:
        positives = self.positives[here]
        excluded = rows_mask(self.excluded[here], self.cold, self.n_items)
        devices = np.repeat(np.arange(len(positives)), [p.shape[0] for p in positives])
        negatives = draw_negatives(excluded, devices, NEGATIVES, self.rng)
        samples = shuffled_samples(positives, negatives, self.rng)
        layers = ScoreLayers(self.weights[here], self.biases[here])
        trained = LocalRound(self.table, layers, samples, self.rates).train()
        self.weights[here], self.biases[here] = trained.layers.weights, trained.layers.biases
        return trained
