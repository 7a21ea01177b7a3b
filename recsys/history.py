"""A user's history as the model sees it: item rows, event types and times, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Ints


@dataclass(frozen=True)
class History:
    """Events of one user, oldest first.

    rows: (n,) int64, rows of the item table
    types: (n,) int64, indices into the model version's list of event types
    times_s: (n,) int64, unix seconds; all equal (zeros) where no times are known
    """

    rows: Ints
    types: Ints
    times_s: Ints

    def __post_init__(self) -> None:
        parts = (self.rows, self.types, self.times_s)
        if self.rows.ndim != 1 or any(part.shape != self.rows.shape for part in parts):
            raise ValueError("rows, types and times_s must share one (n,)")
        if any(part.dtype != np.int64 for part in parts):
            raise ValueError("rows, types and times_s must be int64")

    @classmethod
    def of(
        cls,
        rows: Sequence[int],
        types: Sequence[int] | None = None,
        times_s: Sequence[int] | None = None,
    ) -> "History":
        """A history from plain numbers; without types, every event has the first one."""
        row_array = np.asarray(rows, np.int64).reshape(-1)
        given = (types, times_s)
        others = (np.zeros_like(row_array) if x is None else np.asarray(x, np.int64) for x in given)
        return cls(row_array, *(other.reshape(-1) for other in others))

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def take(self, kept: Bools | Ints | slice) -> "History":
        """The events at these places."""
        return History(self.rows[kept], self.types[kept], self.times_s[kept])

    def last(self, n: int) -> "History":
        """The n newest events (all, if there are fewer)."""
        return self.take(slice(max(0, len(self) - n), None))
