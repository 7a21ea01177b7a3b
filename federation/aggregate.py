"""The running sum of updates: constant memory, any order, any grouping, always the same result."""

import struct

import numpy as np
import numpy.typing as npt

from federation.plan import COHORT_LIMIT

MAGIC = b"2FSM"
LAYOUT = 1
HEADER = struct.Struct("<4sHHII")


class RunningSum:
    """The sum of int32 word vectors modulo 2^32, and how many went in.

    count_limit: the plan's `cohort_limit`. Up to that many updates the true sum lies within the
    signed range, so the lifted modular sum is the true one; ValueError beyond it.
    """

    def __init__(self, n_words: int, count_limit: int = COHORT_LIMIT) -> None:
        if n_words < 1 or count_limit < 1:
            raise ValueError("n_words and count_limit must be positive")
        self.n_words = n_words
        self.count_limit = count_limit
        self.count = 0
        # Unsigned addition wraps by definition; the bits are those of two's complement.
        self._total = np.zeros(n_words, dtype=np.uint32)

    def add(self, words: npt.NDArray[np.int32]) -> None:
        """Add one update. words: (n_words,) int32."""
        if words.shape != (self.n_words,) or words.dtype != np.int32:
            raise ValueError("words: must be (n_words,) int32")
        self._count_up(1)
        self._total += words.view(np.uint32)

    def merge(self, other: "RunningSum") -> None:
        """Add all that `other` has summed."""
        if other.n_words != self.n_words:
            raise ValueError("n_words: the sums differ")
        self._count_up(other.count)
        self._total += other._total

    def _count_up(self, n: int) -> None:
        if self.count + n > self.count_limit:
            raise ValueError(f"count: more than {self.count_limit} updates")
        self.count += n

    @property
    def result(self) -> npt.NDArray[np.int64]:
        """The exact signed sum, (n_words,) int64."""
        return self._total.view(np.int32).astype(np.int64)

    def to_bytes(self) -> bytes:
        """Magic "2FSM", u16 layout, u16 flags, u32 count, u32 n_words, words; little-endian."""
        header = HEADER.pack(MAGIC, LAYOUT, 0, self.count, self.n_words)
        return header + self._total.astype("<u4", copy=False).tobytes()

    @classmethod
    def from_bytes(cls, body: bytes, count_limit: int = COHORT_LIMIT) -> "RunningSum":
        """The sum in `body`; ValueError if it is not one, whole and within `count_limit`."""
        if len(body) < HEADER.size:
            raise ValueError("sum: shorter than its header")
        magic, layout, flags, count, n_words = HEADER.unpack_from(body)
        if (magic, layout, flags) != (MAGIC, LAYOUT, 0):
            raise ValueError("sum: unknown layout")
        if len(body) != HEADER.size + 4 * n_words:
            raise ValueError("sum: wrong length")
        running = cls(n_words, count_limit)
        running._count_up(count)
        words = np.frombuffer(body, dtype="<u4", offset=HEADER.size)
        running._total = words.astype(np.uint32, copy=True)
        return running
