"""The item table: one row per item, as the item tower yields it and as it is ranked."""

from dataclasses import dataclass

from recsys.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class ItemTable:
    """Heads of the item tower for every row.

    target: (n_rows, d) float32, what a user vector is multiplied with
    context_long, context_short: (n_rows, d) float32, what an item in the history adds to each pool
    bias: (n_rows,) float32
    """

    target: Floats
    context_long: Floats
    context_short: Floats
    bias: Floats

    def __post_init__(self) -> None:
        heads = (self.target, self.context_long, self.context_short)
        if self.target.ndim != 2 or any(head.shape != self.target.shape for head in heads):
            raise ValueError("target, context_long and context_short must share one (n_rows, d)")
        if self.bias.shape != (self.target.shape[0],):
            raise ValueError("bias must be (n_rows,)")
        if any(array.dtype != self.target.dtype for array in (*heads, self.bias)):
            raise ValueError("all heads must share one float type")

    @property
    def n_rows(self) -> int:
        return int(self.target.shape[0])

    @property
    def dim(self) -> int:
        return int(self.target.shape[1])

    def take(self, rows: Ints | Bools) -> "ItemTable":
        """The rows named, in that order, as a table of their own (copies)."""
        return ItemTable(
            self.target[rows], self.context_long[rows], self.context_short[rows], self.bias[rows]
        )
