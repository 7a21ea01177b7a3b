"""Device updates per CPU-second of the simulator, on MovieLens 100K.

    OMP_NUM_THREADS=1 python -m benchmarks.simulator_speed --data path/to/ml-100k

Whole rounds of everybody, with plan, training, clipping, summing and server step, in one thread:
all 1,682 items in the block, width 64, and the clip norm at the median of the devices' norms. What
is printed is the median over rounds of updates per CPU-second of this process.
"""

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from evaluation.simulation.population import Population
from evaluation.simulation.rounds import Rounds, RoundsSettings
from evaluation.twofold_model import first_state, warm_rows
from evaluation.twofold_settings import LONG
from recsys.datasets import movielens
from recsys.local_training import LocalSettings
from recsys.server_step import ServerState
from recsys.splits.build import build_task
from recsys.task import Task

CUTS = (1, 8)
HISTORY_LENGTH = LONG.history_length


@dataclass(frozen=True)
class Bench:
    """A task whose every device takes part in every round, from an untrained model on."""

    task: Task
    population: Population
    state: ServerState

    @classmethod
    def of(cls, task: Task) -> "Bench":
        population = Population.of(task.train, HISTORY_LENGTH)
        return cls(task, population, first_state(task, LONG, 0))

    def rounds(self, settings: RoundsSettings) -> Rounds:
        everybody = replace(settings, cohort_target=len(self.population), cohort_min=1)
        return Rounds(self.population, warm_rows(self.task), everybody, 0)

    def median_norm(self, settings: RoundsSettings) -> float:
        """The clip norm at which half of the devices are clipped in a first round."""
        low, high = math.log(1e-3), math.log(1e3)
        for _ in range(16):
            middle = (low + high) / 2
            clip_l2 = math.exp(middle)
            clipped = self.rounds(replace(settings, clip_l2=clip_l2)).round(self.state, 0).clipped
            low, high = (middle, high) if clipped > 0.5 else (low, middle)
        return math.exp(high)

    def speed(self, settings: RoundsSettings, n_rounds: int) -> float:
        """Updates per CPU-second, after one round that is not counted."""
        rounds, state = self.rounds(settings), self.state
        found = []
        for round_id in range(n_rounds + 1):
            began = time.process_time()
            result = rounds.round(state, round_id)
            found.append(result.accepted / (time.process_time() - began))
            state = result.state
        return median(found[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row per path and number of cuts."""
    parser = argparse.ArgumentParser(description="Speed of the simulator on MovieLens 100K")
    parser.add_argument("--data", type=Path, required=True, help="folder of MovieLens 100K")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds of the fused path")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    bench = Bench.of(build_task(movielens.load(chosen.data), "last", 0))
    print(f"{len(bench.population)} devices, {bench.task.n_items} items")
    print("path    cuts  clip norm  updates per CPU-second")
    for n_cuts in CUTS:
        settings = RoundsSettings(local=LocalSettings(n_cuts=n_cuts))
        settings = replace(settings, clip_l2=bench.median_norm(settings))
        exact = replace(settings, path="exact")
        for timed, n_rounds in ((settings, chosen.rounds), (exact, 1)):
            found = bench.speed(timed, n_rounds)
            start = f"{timed.path:6}  {n_cuts:4}  {timed.clip_l2:9.3f}"
            print(f"{start}  {found:22,.0f}", flush=True)


if __name__ == "__main__":
    main()
