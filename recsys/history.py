"""A user's history as the model sees it: item rows and event types, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Ints


@dataclass(frozen=True)
class History:
    """Events of one user, oldest first.

    rows: (n,) int64, rows of the item table
    types: (n,) int64, indices into the model version's list of event types
    """

    rows: Ints
    types: Ints

    def __post_init__(self) -> None:
        if self.rows.ndim != 1 or self.rows.shape != self.types.shape:
            raise ValueError("rows and types must share one (n,)")
        if self.rows.dtype != np.int64 or self.types.dtype != np.int64:
            raise ValueError("rows and types must be int64")

    @classmethod
    def of(cls, rows: Sequence[int], types: Sequence[int] | None = None) -> "History":
        """A history from plain numbers; without types, every event has the first one."""
        row_array = np.asarray(rows, np.int64).reshape(-1)
        if types is None:
            return cls(row_array, np.zeros_like(row_array))
        return cls(row_array, np.asarray(types, np.int64).reshape(-1))

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def last(self, n: int) -> "History":
        """The n newest events (all, if there are fewer)."""
        start = max(0, len(self) - n)
        return History(self.rows[start:], self.types[start:])
