"""Buffered-asynchronous sums: updates of several model versions in one buffer, each weighed once.

An update that was made for a version `tau` steps behind weighs 1 / sqrt(1 + tau) (FedBuff, Nguyen
et al., AISTATS 2022, section 3; the weight is that of Xie et al. 2019). A weight is no integer, so
the updates of each staleness are summed by themselves, exactly, and the few sums are weighed at the
end: the result depends on no order, and a synchronous round is the case of one sum.
"""

import math
import struct

import numpy as np
import numpy.typing as npt

from federation.aggregate import RunningSum
from federation.grid import Grid, from_sum
from federation.plan import COHORT_LIMIT, STALENESS_LIMIT

MAGIC = b"2FSS"
LAYOUT = 1
HEADER = struct.Struct("<4sHH")
ENTRY = struct.Struct("<IQ")


def staleness_weight(staleness: int) -> float:
    """What an update weighs that is `staleness` model steps behind: in (0, 1]."""
    if staleness < 0:
        raise ValueError("staleness: must not be negative")
    return 1.0 / math.sqrt(1.0 + staleness)


class StaleSums:
    """One exact sum per staleness. count_limit: the plan's `cohort_limit`, over all of them."""

    def __init__(self, n_words: int, count_limit: int = COHORT_LIMIT) -> None:
        self.n_words = n_words
        self.count_limit = count_limit
        self._sums: dict[int, RunningSum] = {}

    @property
    def count(self) -> int:
        """Updates in all sums."""
        return sum(running.count for running in self._sums.values())

    @property
    def counts(self) -> dict[int, int]:
        """Staleness -> updates, the freshest first."""
        return {staleness: self._sums[staleness].count for staleness in sorted(self._sums)}

    @property
    def fresh(self) -> RunningSum:
        """The sum of the updates that were made for the present version."""
        return self._sums.get(0) or RunningSum(self.n_words, self.count_limit)

    def add(self, words: npt.NDArray[np.int32], staleness: int = 0) -> None:
        """Add one update. words: (n_words,) int32; staleness: by the server's own records."""
        self._check(1)
        self._of(staleness).add(words)

    def merge(self, other: "StaleSums") -> None:
        """Add all that `other` has summed."""
        self._check(other.count)
        for staleness, running in other._sums.items():
            self._of(staleness).merge(running)

    def _check(self, n: int) -> None:
        if self.count + n > self.count_limit:
            raise ValueError(f"count: more than {self.count_limit} updates")

    def _of(self, staleness: int) -> RunningSum:
        if not 0 <= staleness <= STALENESS_LIMIT:
            raise ValueError(f"staleness: must lie between 0 and {STALENESS_LIMIT}")
        if staleness not in self._sums:
            self._sums[staleness] = RunningSum(self.n_words, self.count_limit)
        return self._sums[staleness]

    def mean(self, grid: Grid) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """The weighted mean update (n_values,) and the fresh updates' mean metrics (n_metrics,).

        Weights are normalised by their sum: staleness moves influence from stale updates to fresh
        ones and never shrinks the step. Metrics of older versions say nothing about this one.
        Without any fresh update the metrics are zeros. ValueError for an empty buffer.
        """
        total = np.zeros(self.n_words, dtype=np.float64)
        weight = 0.0
        for staleness, count in self.counts.items():
            each = staleness_weight(staleness)
            total += each * self._sums[staleness].result
            weight += each * count
        delta, _ = from_sum(total, weight, grid)
        fresh = self.fresh
        if fresh.count == 0:
            return delta, np.zeros(grid.n_metrics)
        return delta, from_sum(fresh.result, fresh.count, grid)[1]

    def to_bytes(self) -> bytes:
        """Magic "2FSS", u16 layout, u16 sums; per sum u32 staleness, u64 bytes and a `RunningSum`.

        Little-endian, the freshest first: equal sums have equal bytes.
        """
        parts = [HEADER.pack(MAGIC, LAYOUT, len(self._sums))]
        for staleness in sorted(self._sums):
            body = self._sums[staleness].to_bytes()
            parts += [ENTRY.pack(staleness, len(body)), body]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, body: bytes, n_words: int, count_limit: int = COHORT_LIMIT) -> "StaleSums":
        """The sums in `body`; ValueError if it is anything else than `to_bytes` wrote."""
        if len(body) < HEADER.size:
            raise ValueError("sums: shorter than their header")
        magic, layout, n_sums = HEADER.unpack_from(body)
        if (magic, layout) != (MAGIC, LAYOUT):
            raise ValueError("sums: unknown layout")
        sums, at = cls(n_words, count_limit), HEADER.size
        for _ in range(n_sums):
            at = sums._read(body, at)
        if at != len(body) or sums.to_bytes() != body:
            raise ValueError("sums: not in their one form")
        return sums

    def _read(self, body: bytes, at: int) -> int:
        if len(body) < at + ENTRY.size:
            raise ValueError("sums: cut short")
        staleness, size = map(int, ENTRY.unpack_from(body, at))
        start = at + ENTRY.size
        running = RunningSum.from_bytes(body[start : start + size], self.count_limit)
        if running.n_words != self.n_words or running.count == 0 or staleness in self._sums:
            raise ValueError("sums: another plan's, empty, or twice")
        self._check(running.count)
        self._of(staleness).merge(running)
        return start + size
