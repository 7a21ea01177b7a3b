"""PFedRec as its authors run it: a loop over devices in Python, each with its own torch module.

    python -m benchmarks.pfedrec_loop --data path/to/ml-100k --rounds 3

`recsys.baselines.pfedrec` computes the same rounds many devices at once; this one is the yardstick
for speed, and a test holds the two to the same numbers. It does what the released procedure does,
in its order and with its tools, and nothing to make it slow:

1. for each positive, draw 4 negatives with `random.sample` from the device's list of negatives;
2. per device: a copy of the module, the global table and the device's own score layer loaded into
   it, two SGD optimisers (score layer; items at rate * n_items * 80), a shuffled DataLoader of
   batches of 256, one epoch; a batch steps the score layer, then, on a second forward pass, the
   items;
3. keep each device's parameters; average the tables.

Ranking is not part of it: time to quality counts training only, for both sides.
"""

import argparse
import copy
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recsys.arrays import Floats, Ints
from recsys.datasets import movielens
from recsys.history import History
from recsys.recommender import validation_ndcg
from recsys.splits.build import build_task
from recsys.task import Task

DIM = 32
RATE = 0.1
RATE_ETA = 80
BATCH = 256
NEGATIVES = 4

State = dict[str, torch.Tensor]
TABLE = "items.weight"


class Device(nn.Module):
    """An item table and a score layer: row -> probability that the user turns to it."""

    def __init__(self, n_items: int, dim: int = DIM) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, dim)
        self.score = nn.Linear(dim, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.score(self.items(rows))).view(-1)


def train_device(device: Device, batches: Iterable[Sequence[torch.Tensor]]) -> None:
    """One epoch in place. batches: of (rows int64, labels in the module's float type)."""
    n_items = device.items.num_embeddings
    of_score = torch.optim.SGD(device.score.parameters(), lr=RATE)
    of_items = torch.optim.SGD(device.items.parameters(), lr=RATE * n_items * RATE_ETA)
    loss_of = nn.BCELoss()
    for rows, labels in batches:
        for optimiser in (of_score, of_items):
            optimiser.zero_grad()
            loss_of(device(rows), labels).backward()
            optimiser.step()


@dataclass
class Federation:
    """n devices, all of which take part in every round.

    positives: per device its training rows; negatives: per device the rows it may be shown as such
    """

    n_items: int
    positives: Sequence[Sequence[int]]
    negatives: Sequence[Sequence[int]]
    chance: random.Random
    initial: Device
    table: torch.Tensor | None = None
    devices: dict[int, State] = field(default_factory=dict)

    def round(self) -> None:
        """Every device trains once; their tables are averaged into the global one."""
        samples = [self._samples(i) for i in range(len(self.positives))]
        order = self.chance.sample(range(len(samples)), len(samples))
        sent = []
        for i in order:
            device = self._received(i)
            train_device(device, DataLoader(samples[i], batch_size=BATCH, shuffle=True))
            self.devices[i] = copy.deepcopy(device.state_dict())
            sent.append(copy.deepcopy(self.devices[i][TABLE]))
        self.table = average(sent)

    def _samples(self, i: int) -> TensorDataset:
        rows: list[int] = []
        labels: list[float] = []
        for positive in self.positives[i]:
            rows += [positive, *self.chance.sample(self.negatives[i], NEGATIVES)]
            labels += [1.0, *[0.0] * NEGATIVES]
        return TensorDataset(torch.tensor(rows), torch.tensor(labels))

    def _received(self, i: int) -> Device:
        device = copy.deepcopy(self.initial)
        if self.table is not None:
            state = copy.deepcopy(self.devices[i])
            state[TABLE] = self.table.clone()
            device.load_state_dict(state)
        return device


def average(tables: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean, summed one after the other as the server does."""
    total = tables[0].clone()
    for table in tables[1:]:
        total += table
    return total / len(tables)


def federation(task: Task, seed: int) -> Federation:
    """The task's devices, all starting alike; what is outside a device's history is a negative."""
    torch.manual_seed(seed)
    positives = [list(dict.fromkeys(history.rows.tolist())) for history in task.train]
    owned = [set(rows) for rows in positives]
    negatives = [[row for row in range(task.n_items) if row not in own] for own in owned]
    initial = Device(task.n_items)
    return Federation(task.n_items, positives, negatives, random.Random(seed), initial)


@dataclass(frozen=True)
class LoopScorer:
    """Every device's own table and score layer after its training, as logits."""

    devices: Mapping[int, State]

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        found = [self._of(self.devices[int(user)]) for user in users]
        return torch.stack(found).numpy()

    def _of(self, state: State) -> torch.Tensor:
        return state[TABLE] @ state["score.weight"][0]


def cost_of_round(federation: Federation) -> tuple[float, float]:
    """CPU seconds and wall seconds of the next round, drawing negatives included."""
    cpu, wall = time.process_time(), time.perf_counter()
    federation.round()
    return time.process_time() - cpu, time.perf_counter() - wall


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each round costs and what it reaches on validation, full ranking."""
    parser = argparse.ArgumentParser(
        description="PFedRec's own procedure, timed, on MovieLens 100K"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MovieLens 100K")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    task = build_task(movielens.load(chosen.data), "last", chosen.seed)
    devices = federation(task, chosen.seed)
    for number in range(1, chosen.rounds + 1):
        cpu_s, wall_s = cost_of_round(devices)
        reached = validation_ndcg(LoopScorer(devices.devices), task.validation)
        print(
            f"round {number}: {cpu_s:.1f} CPU s, {wall_s:.1f} s, NDCG@10 {reached:.4f}", flush=True
        )


if __name__ == "__main__":
    main()
