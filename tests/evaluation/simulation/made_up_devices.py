"""A small received version and devices of every kind: short, long, repeating, outside the block."""

import numpy as np

from evaluation.simulation.fused import Received
from evaluation.simulation.population import Batch, Population
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.local_training import LocalSettings, train_locally
from recsys.shared_scalars import SharedScalars, n_scalars

ROWS, DIM, LENGTH, TYPES = 40, 8, 20, 2
LENGTHS = (0, 1, 2, 3, 7, 15, 20, 20)


def make_received(dtype: type = np.float32, n_block: int = 25) -> Received:
    """Rows and scalars away from their initial values, so that a mix-up shows."""
    rng = np.random.default_rng(0)
    heads = rng.normal(scale=0.3, size=(3, ROWS, DIM)).astype(dtype)
    table = ItemTable(*heads, rng.normal(size=ROWS).astype(dtype))
    vector = rng.normal(scale=0.1, size=n_scalars(LENGTH, TYPES)).astype(dtype)
    block = np.sort(rng.choice(ROWS, n_block, replace=False)).astype(np.int64)
    return Received(table, SharedScalars.from_vector(vector, LENGTH, TYPES), block)


def make_histories(n_items: int = ROWS) -> list[History]:
    """One per entry of LENGTHS; with few items, most events repeat one."""
    rng = np.random.default_rng(1)
    return [
        History.of(
            rng.integers(0, n_items, n),
            rng.integers(0, TYPES, n),
            10**9 + np.cumsum(rng.choice([0, 7, 40_000], n)),
        )
        for n in LENGTHS
    ]


def batch_of(histories: list[History]) -> Batch:
    return Population.of(histories, LENGTH).batch(np.arange(len(histories)))


def make_seeds(n_devices: int, local_steps: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.integers(0, 2**64, (n_devices, local_steps), dtype=np.uint64)


def deltas_alone(
    received: Received, histories: list[History], settings: LocalSettings, seeds: np.ndarray
) -> np.ndarray:
    """Each device trained by itself: (b, n_values) before clipping."""
    known, block = (received.table, received.scalars), received.block
    return np.stack(
        [
            train_locally(*known, history, block, settings, own).delta
            for history, own in zip(histories, seeds, strict=True)
        ]
    )
