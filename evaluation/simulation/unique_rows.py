"""Events of the same item in one history share a row, and so a gradient: b histories at once."""

from dataclasses import dataclass

import numpy as np
import torch

from evaluation.simulation.population import Batch
from recsys.arrays import Ints


@dataclass(frozen=True)
class UniqueRows:
    """The distinct rows of each of b histories of at most n events.

    rows: (b, m) int64, padded with 0; real: (b, m) bool
    slots: (b, n) int64, where each event's row stands in `rows`; None: event j's row stands at j
    """

    rows: torch.Tensor
    real: torch.Tensor
    slots: torch.Tensor | None

    @classmethod
    def of(cls, batch: Batch) -> "UniqueRows":
        rows = batch.events.rows
        real = np.arange(rows.shape[1]) < batch.lengths[:, None]
        ordered = np.where(real, rows, -1 - np.arange(rows.shape[1]))
        order = np.argsort(ordered, axis=1, kind="stable")
        ranked = np.take_along_axis(ordered, order, axis=1)
        first = np.ones(ranked.shape, bool)
        first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
        if first.all():
            return cls(torch.from_numpy(rows), torch.from_numpy(real), None)
        return _collapsed(ranked, first, order)

    def by_row(self, by_event: torch.Tensor) -> torch.Tensor:
        """Sum what belongs to events, (b, c, n), into their rows, (b, c, m)."""
        if self.slots is None:
            return by_event
        b, c, n = by_event.shape
        summed = by_event.new_zeros(b, c, self.rows.shape[1])
        return summed.scatter_add_(2, self.slots[:, None, :].expand(b, c, n), by_event)

    def by_event(self, by_row: torch.Tensor) -> torch.Tensor:
        """What belongs to rows, (b, c, m), at their events, (b, c, n)."""
        if self.slots is None:
            return by_row
        b, c, _ = by_row.shape
        return by_row.gather(2, self.slots[:, None, :].expand(b, c, self.slots.shape[1]))


def _collapsed(ranked: Ints, first: np.ndarray, order: Ints) -> UniqueRows:
    places = np.cumsum(first, axis=1) - 1
    slots = np.zeros_like(order)
    np.put_along_axis(slots, order, places, axis=1)
    rows = np.full((ranked.shape[0], int(places.max()) + 1), -1, np.int64)
    np.put_along_axis(rows, places, ranked, axis=1)
    real = rows >= 0
    return UniqueRows(
        torch.from_numpy(np.where(real, rows, 0)), torch.from_numpy(real), torch.from_numpy(slots)
    )
