"""SASRec, centrally trained: the peer that sees every history. `sasrec_network` has the network.

Loss: full softmax cross-entropy over all rows at every position, which is far better than the
paper's one sampled negative (Klenitskiy and Vasilev 2023, https://arxiv.org/abs/2309.07602). A
catalogue of more than CANDIDATES_MAX rows gets the softmax's estimate from that many. The epoch is
chosen on validation, and training stops when validation has not risen for long: it stands still
for twenty epochs and then goes on. What ranks is a running average of the weights, a usual remedy
against the noise of the last steps (Izmailov et al. 2018, https://arxiv.org/abs/1803.05407).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from recsys.arrays import Floats, Ints
from recsys.baselines.sampled_softmax import sampled_softmax_loss
from recsys.baselines.sasrec_network import Network, NetworkShape, padded
from recsys.history import History
from recsys.recommender import Fitted, OnProgress, validation_ndcg
from recsys.task import Task

LENGTH = 100
RATE = 2e-3
BETAS = (0.9, 0.98)
AVERAGE_DECAY = 0.99  # per step
EPOCHS = 66
EPOCHS_BETWEEN = 3  # looks at validation
PATIENCE = 10  # looks without a new best
STEPS_PER_EPOCH = 30  # about; between the smallest and the largest batch
BATCH_MIN, BATCH_MAX = 32, 256
POOL = 8  # batches that are drawn together and then sorted by length
CANDIDATES_MAX = 2048  # rows of a softmax


@dataclass(frozen=True)
class SasRecScorer:
    """Reads the newest events of any history; users are not told apart by anything else."""

    network: Network

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        shape = self.network.shape
        newest = [history.rows[-shape.length :] for history in histories]
        rows, ages = padded(newest, shape.n_items)
        last = torch.tensor([max(0, own.shape[0] - 1) for own in newest], dtype=torch.int64)
        with torch.no_grad():
            states = self.network(rows, ages)[torch.arange(len(newest)), last]
            found: Floats = self.network.logits(states).numpy()
        return found


@dataclass(frozen=True)
class SasRec:
    """SASRec; validation chooses the epoch. candidates: rows of a softmax, at most."""

    name: str = "sasrec"
    epochs: int = EPOCHS
    candidates: int = CANDIDATES_MAX

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        with torch.random.fork_rng(devices=[]):  # starting values and dropout draw from it
            torch.manual_seed(seed)
            return self._fit(task, np.random.default_rng(seed), on_progress)

    def _fit(self, task: Task, rng: np.random.Generator, on_progress: OnProgress) -> Fitted:
        training = Training(task, rng, self.candidates)
        curve: list[tuple[int, float]] = []
        best, best_ndcg, chosen = training.scorer(), -1.0, 0
        for done in range(1, self.epochs + 1):
            training.epoch()
            on_progress(done / self.epochs, f"epoch {done}")
            if done % EPOCHS_BETWEEN:
                continue
            scorer = training.scorer()
            curve.append((done, validation_ndcg(scorer, task.validation)))
            if curve[-1][1] > best_ndcg:
                best, best_ndcg, chosen = scorer, curve[-1][1], done
            elif done - chosen >= PATIENCE * EPOCHS_BETWEEN:
                break
        on_progress(1.0, f"epoch {chosen}")
        return Fitted(best, {"epochs": chosen}, tuple(curve))


class Training:
    """A network on its way."""

    def __init__(self, task: Task, rng: np.random.Generator, candidates: int) -> None:
        self.rng, self.candidates = rng, candidates
        self.network = Network(NetworkShape(task.n_items, LENGTH))
        self.average, self.n_steps = copy.deepcopy(self.network).eval(), 0
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE, betas=BETAS)
        self.histories = [history.rows for history in task.train if len(history) > 1]
        per_step = len(self.histories) // STEPS_PER_EPOCH
        self.batch = min(max(per_step, BATCH_MIN), BATCH_MAX)
        self.cold, self.trained = task.cold, np.setdiff1d(np.arange(task.n_items), task.cold)

    def scorer(self) -> SasRecScorer:
        """The average as it is now, apart from what training does to it next."""
        return SasRecScorer(copy.deepcopy(self.average))

    def epoch(self) -> None:
        """Every history once, in random order."""
        self.network.train()
        for histories in self._batches():
            loss = self._loss(histories)
            self.optimiser.zero_grad()
            torch.autograd.backward(loss)
            self.optimiser.step()
            self._average()

    def _average(self) -> None:
        """A step of the running average, which forgets its starting point soon."""
        self.n_steps += 1
        decay = min(AVERAGE_DECAY, self.n_steps / (self.n_steps + 9))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        with torch.no_grad():
            for mean, newest in pairs:
                mean.lerp_(newest, 1 - decay)

    def _batches(self) -> Iterator[list[Ints]]:
        """Batches of similar length out of random pools: little padding, and still by chance."""
        order = self.rng.permutation(len(self.histories))
        lengths = np.array([own.shape[0] for own in self.histories])
        pools = np.arange(len(order)) // (POOL * self.batch)
        order = order[np.lexsort((np.minimum(lengths, LENGTH)[order], pools))]
        parts = [order[i : i + self.batch] for i in range(0, len(order), self.batch)]
        for i in self.rng.permutation(len(parts)):
            yield [self.histories[j][-LENGTH - 1 :] for j in parts[i]]

    def _loss(self, windows: list[Ints]) -> torch.Tensor:
        """Mean cross-entropy of each event after those before it; padding is left out."""
        n_items = self.network.shape.n_items
        rows, ages = padded([window[:-1] for window in windows], n_items)
        targets, _ = padded([window[1:] for window in windows], n_items)
        real = targets != n_items
        states, targets = self.network(rows, ages)[real], targets[real]
        if self.trained.shape[0] > self.candidates:
            return self._sampled_loss(states, targets)
        logits = self.network.logits(states)
        if self.cold.shape[0]:
            logits[:, self.cold] = -torch.inf
        return functional.cross_entropy(logits, targets)

    def _sampled_loss(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        drawn = self.rng.choice(self.trained, self.candidates, replace=False)
        table, n = self.network.items.weight, self.trained.shape[0]
        return sampled_softmax_loss(states, table, targets, torch.from_numpy(drawn), n)
