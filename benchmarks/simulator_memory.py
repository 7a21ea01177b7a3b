"""Peak memory of simulated rounds, by devices, items and rounds; what a million devices would need.

    OMP_NUM_THREADS=1 python -m benchmarks.simulator_memory

Each line is a process of its own. Devices have 20 events each on items drawn with popularity
1 / rank; rounds of 128 devices with 8 cuts train blocks of 4,096 rows, width 64, with content.
Memory is linear in devices (their events) and in items (rows of the tower, its gradient and its
optimiser), so a plane through the measured points says what a larger population takes. Linux only:
the peak is VmHWM of /proc/self/status.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from evaluation.simulation.population import Population
from evaluation.simulation.rounds import Rounds, RoundsSettings
from recsys.arrays import Floats
from recsys.item_tower import TowerShape, first_tower
from recsys.local_training import LocalSettings
from recsys.server_step import ServerState
from recsys.shared_scalars import SharedScalars

N_EVENTS, N_FEATURES = 20, 6
SETTINGS = RoundsSettings(block_rows=4096, local=LocalSettings(n_cuts=8))
# (devices, items): the first for all of ROUNDS, the others for the first of them.
SIZES = ((10_000, 20_000), (100_000, 20_000), (200_000, 20_000), (10_000, 40_000), (10_000, 60_000))
WANTED = (1_000_000, 100_000)
ROUNDS = (10, 30, 100)


@dataclass(frozen=True)
class Peak:
    """mib: highest resident memory since the process began, after so many rounds."""

    devices: int
    items: int
    rounds: int
    mib: float


def random_population(n_devices: int, n_items: int) -> Population:
    """Packed from the start, as a loader would do it."""
    rng = np.random.default_rng(0)
    ranks = np.float32(n_items) ** rng.random(n_devices * N_EVENTS, np.float32) - 1
    starts = np.arange(n_devices + 1, dtype=np.int64) * N_EVENTS
    rows = ranks.astype(np.int32)
    times_s = np.tile(np.arange(N_EVENTS, dtype=np.int64) * 3600, n_devices)
    return Population(rows, np.zeros_like(rows), times_s, starts)


def first_state(n_items: int) -> ServerState:
    """An untrained model with content for every item."""
    shape, rng = TowerShape(), np.random.default_rng(1)
    features = dict(enumerate(rng.integers(0, shape.n_buckets, (n_items, N_FEATURES))))
    return ServerState.start(first_tower(shape, features, n_items, 0), SharedScalars.initial())


def peak_mib() -> float:
    """Highest resident memory of this process. (getrusage would count a parent's, too.)"""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) / 1024


def measure(n_devices: int, n_items: int, rounds: Sequence[int]) -> Iterator[Peak]:
    """Run rounds in this process; the peak after each of the numbers of rounds."""
    population = random_population(n_devices, n_items)
    simulated = Rounds(population, np.arange(n_items, dtype=np.int64), SETTINGS, 0)
    state = first_state(n_items)
    for number in range(1, max(rounds) + 1):
        state = simulated.round(state, number).state
        if number in rounds:
            yield Peak(n_devices, n_items, number, peak_mib())


def measure_apart(n_devices: int, n_items: int, rounds: Sequence[int]) -> list[Peak]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.simulator_memory", "--one"]
    command += [str(number) for number in (n_devices, n_items, *rounds)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    mib = [float(line) for line in printed.splitlines()]
    return [Peak(n_devices, n_items, *pair) for pair in zip(rounds, mib, strict=True)]


def plane(peaks: Sequence[Peak]) -> Floats:
    """Least squares: MiB of the process itself, per device and per item."""
    sides = np.array([[1.0, peak.devices, peak.items] for peak in peaks])
    found: Floats = np.linalg.lstsq(sides, np.array([peak.mib for peak in peaks]))[0]
    return found


def measured(size: tuple[int, int], rounds: Sequence[int]) -> Peak:
    """Measure apart and print every peak; the one after the fewest rounds."""
    found = measure_apart(*size, rounds)
    for peak in found:
        line = f"{peak.devices:9,}  {peak.items:7,}  {peak.rounds:6}  {peak.mib:8,.0f} MiB"
        print(line, flush=True)
    return found[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the measured peaks and the extrapolated one."""
    parser = argparse.ArgumentParser(description="Peak memory of the simulator")
    parser.add_argument("--one", type=int, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="measure the extrapolated size, too")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.one:
        n_devices, n_items, *rounds = chosen.one
        for peak in measure(n_devices, n_items, rounds):
            print(peak.mib, flush=True)
        return
    print("  devices    items  rounds      peak")
    firsts: list[Peak] = []
    for size in SIZES:
        firsts.append(measured(size, ROUNDS[:1] if firsts else ROUNDS))
    fixed, per_device, per_item = plane(firsts)
    slopes = f"{per_device * 2**20:.0f} B a device, {per_item * 2**10:.1f} KiB an item"
    print(f"= {fixed:.0f} MiB, {slopes}")
    n_devices, n_items = WANTED
    mib = fixed + per_device * n_devices + per_item * n_items
    print(f"{n_devices:,} devices, {n_items:,} items: {mib:,.0f} MiB (extrapolated)")
    if chosen.check:
        measured(WANTED, ROUNDS[:1])


if __name__ == "__main__":
    main()
