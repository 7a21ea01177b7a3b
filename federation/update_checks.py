"""What the server can check of a readable update: that it lies on the plan's grid, within its clip.

Every honest update passes: the bounds are those that `federation.grid.to_words` keeps. An update is
checked as its bytes come in, so that memory does not grow with its length.
"""

import numpy as np
import numpy.typing as npt

from federation.plan import Plan
from federation.refusals import Refusal
from federation.update_codec import HEADER_BYTES, WORD_BYTES, check_header, update_bytes

# float64 copies of this size stay in the cache. And OpenBLAS spreads a product of more than 10,000
# numbers over threads, which wait for each other by spinning: of an update of 1 MiB that took 10 ms
# of CPU on two cores, and five times as much when they were busy, instead of 0.3.
CHUNK_WORDS = 1 << 13


class WordCheck:
    """The words of one update of `plan`, fed in order and in pieces of any length."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen = 0
        self._square = 0.0

    def feed(self, words: npt.NDArray[np.int32]) -> Refusal | None:
        """Why these words cannot be an honest update's, or None. words: (n,) int32."""
        n_values = max(0, self._plan.n_values - self._seen)
        self._seen += words.shape[0]
        return self._values(words[:n_values]) or self._metrics(words[n_values:])

    def finish(self) -> Refusal | None:
        """What can be said only of the whole: whether it is within the clip."""
        limit = self._plan.grid.norm_limit(self._plan.n_values)
        norm = float(np.sqrt(self._square))
        if norm > limit:
            return Refusal("over_clip", f"The norm is {norm:.1f} words; at most {limit:.1f} pass.")
        return None

    def _values(self, values: npt.NDArray[np.int32]) -> Refusal | None:
        levels = self._plan.grid.levels
        if values.size and (int(values.min()) < -levels or int(values.max()) > levels):
            return Refusal("off_grid", f"Values must lie between -{levels} and {levels} words.")
        self._square += square_words(values)
        return None

    def _metrics(self, metrics: npt.NDArray[np.int32]) -> Refusal | None:
        levels = self._plan.grid.levels
        if metrics.size and (int(metrics.min()) < 0 or int(metrics.max()) > levels):
            detail = f"Metrics must lie between 0 and {levels} words."
            return Refusal("metric_out_of_range", detail)
        return None


def check_words(words: npt.NDArray[np.int32], plan: Plan) -> Refusal | None:
    """Why these words cannot be an honest update of `plan`, or None. words: (n_words,) int32.

    ValueError for another shape or type: the codec has made sure of both.
    """
    if words.shape != (plan.n_words,) or words.dtype != np.int32:
        raise ValueError("words: must be (n_words,) int32")
    check = WordCheck(plan)
    return check.feed(words) or check.finish()


class UpdateCheck:
    """The bytes of one update of `plan`, fed in order and in pieces of any length.

    The first refusal stands, whatever follows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._words = WordCheck(plan)
        self._rest = b""
        self._size = 0
        self._in_header = True
        self._refusal: Refusal | None = None

    def feed(self, piece: bytes) -> Refusal | None:
        """Why what came so far begins no honest update, or None."""
        self._size += len(piece)
        if self._refusal is None:
            self._refusal = self._take(self._rest + piece)
        return self._refusal

    def finish(self) -> Refusal | None:
        """Why the whole is no honest update, or None."""
        if self._refusal is None and self._size != update_bytes(self._plan.n_words):
            detail = f"{self._size} bytes; {update_bytes(self._plan.n_words)} were due."
            self._refusal = Refusal("wrong_length", detail)
        self._refusal = self._refusal or self._words.finish()
        return self._refusal

    def _take(self, body: bytes) -> Refusal | None:
        start = 0
        if self._in_header:
            if len(body) < HEADER_BYTES:
                self._rest = body
                return None
            refusal = check_header(body, self._plan.digest, self._plan.n_words)
            if refusal is not None:
                return refusal
            self._in_header, start = False, HEADER_BYTES
        if self._size > update_bytes(self._plan.n_words):
            return Refusal("wrong_length", "More bytes came than an update of the plan has.")
        n_words = (len(body) - start) // WORD_BYTES
        end = start + WORD_BYTES * n_words
        self._rest = body[end:]
        words = np.frombuffer(body, dtype="<i4", offset=start, count=n_words)
        return self._words.feed(words.astype(np.int32, copy=False))


def square_words(values: npt.NDArray[np.int32]) -> float:
    """The squared L2 norm of `values` (n,) int32, in squared words."""
    total = 0.0
    for start in range(0, values.shape[0], CHUNK_WORDS):
        chunk = values[start : start + CHUNK_WORDS].astype(np.float64)
        total += float(chunk @ chunk)
    return total
