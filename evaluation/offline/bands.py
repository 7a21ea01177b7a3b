"""Bands: questions or items sorted into a few named groups, by history length and popularity."""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.task import Queries

ITEM_PARTS = (("top 1 %", 0.01), ("next 9 %", 0.1), ("next 40 %", 0.5), ("rest", 1.0))
UNTRAINED = "never trained"
N_LENGTHS = 4


@dataclass(frozen=True)
class Bands:
    """names: of the bands, none empty; of: (n,) int64, the band of each thing"""

    names: tuple[str, ...]
    of: Ints

    def masks(self) -> Bools:
        """(n_bands, n), True where a thing is in a band."""
        masks: Bools = self.of[None, :] == np.arange(len(self.names))[:, None]
        return masks

    def take(self, places: Ints) -> "Bands":
        """The same bands over things[places]; bands that become empty are dropped."""
        return _bands(self.names, self.of[places])


def history_bands(queries: Queries, n: int = N_LENGTHS) -> Bands:
    """Questions by the length of their history, in n bands of about as many questions each.

    Equal lengths are never parted, so bands may be uneven or fewer. Named by their lengths.
    """
    lengths = np.array([len(history) for history in queries.histories], np.int64)
    edges = np.quantile(lengths, np.arange(1, n) / n, method="lower")
    of = np.searchsorted(np.unique(edges), lengths).astype(np.int64)
    present = np.unique(of)
    names = {int(b): _span(lengths[of == b]) for b in present}
    return _bands(tuple(names.get(b, "") for b in range(int(of.max()) + 1)), of)


def item_bands(popularity: Ints) -> Bands:
    """Items by training popularity: the top 1 %, next 9 %, next 40 % and the rest of those trained.

    popularity: (n_items,), users who touched each. An item that nobody touched is never trained.
    """
    trained = np.flatnonzero(popularity > 0)
    order = trained[np.argsort(-popularity[trained], kind="stable")]
    ends = np.ceil(np.array([share for _, share in ITEM_PARTS]) * len(order))
    of = np.full(len(popularity), len(ITEM_PARTS), np.int64)
    of[order] = np.searchsorted(ends, np.arange(len(order)), side="right")
    return _bands((*(name for name, _ in ITEM_PARTS), UNTRAINED), of)


def _span(lengths: Ints) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return str(low) if low == high else f"{low} to {high}"


def _bands(names: tuple[str, ...], of: Ints) -> Bands:
    """Without the empty ones."""
    present, new = np.unique(of, return_inverse=True)
    return Bands(tuple(names[b] for b in present), new.astype(np.int64))


def within(values: Floats, masks: Bools) -> Floats:
    """Values (..., n_questions) once a band, NaN outside it: (..., n_bands, n_questions)."""
    return np.where(masks, values[..., None, :], np.nan)
