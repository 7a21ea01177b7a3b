"""The order of one update's values: what a device uploads and the server step takes.

    [target (n*d) | context_long (n*d) | context_short (n*d) | bias (n) | shared scalars]

n counts the rows of the plan's *block*, the sorted rows that the plan trains. float32.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars, n_scalars


@dataclass(frozen=True)
class FlatParts:
    """Views into one flat vector: three (n, d), one (n,), and the vector of the shared scalars."""

    target: Floats
    context_long: Floats
    context_short: Floats
    bias: Floats
    scalars: Floats


def n_values(n_block: int, dim: int, history_length: int, n_types: int) -> int:
    """Length of the flat vector."""
    return n_block * (3 * dim + 1) + n_scalars(history_length, n_types)


def split(values: Floats, n_block: int, dim: int) -> FlatParts:
    """Views of the parts; writing to them writes to `values`. ValueError if it is too short."""
    heads = n_block * dim
    if values.ndim != 1 or values.shape[0] < 3 * heads + n_block:
        raise ValueError("a flat vector is one-dimensional and holds every row of the block")
    target, long, short = values[: 3 * heads].reshape(3, n_block, dim)
    return FlatParts(
        target, long, short, values[3 * heads : 3 * heads + n_block], values[3 * heads + n_block :]
    )


def flatten(table: ItemTable, scalars: SharedScalars, block: Ints) -> Floats:
    """The block's rows and the scalars as one vector."""
    rows = table.take(block)
    heads = (rows.target.ravel(), rows.context_long.ravel(), rows.context_short.ravel())
    return np.concatenate([*heads, rows.bias, scalars.to_vector()])


def moved(
    table: ItemTable, scalars: SharedScalars, block: Ints, delta: Floats
) -> tuple[ItemTable, SharedScalars]:
    """Table and scalars after subtracting `delta` (start - end); the arguments stay as they are."""
    parts = split(delta, block.shape[0], table.dim)
    heads = (table.target, table.context_long, table.context_short, table.bias)
    ends = tuple(head.copy() for head in heads)
    steps = (parts.target, parts.context_long, parts.context_short, parts.bias)
    for end, step in zip(ends, steps, strict=True):
        end[block] -= step
    vector = scalars.to_vector() - parts.scalars
    after = SharedScalars.from_vector(vector, scalars.history_length, scalars.n_types)
    return ItemTable(*ends), after
