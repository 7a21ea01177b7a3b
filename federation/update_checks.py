"""What the server can check of a readable update: that it lies on the plan's grid, within its clip.

Every honest update passes: the bounds are those that `federation.grid.to_words` keeps.
"""

import numpy as np
import numpy.typing as npt

from federation.plan import Plan
from federation.refusals import Refusal

# float64 copies of this size stay in the cache. And OpenBLAS spreads a product of more than 10,000
# numbers over threads, which wait for each other by spinning: of an update of 1 MiB that took 10 ms
# of CPU on two cores, and five times as much when they were busy, instead of 0.3.
CHUNK_WORDS = 1 << 13


def check_words(words: npt.NDArray[np.int32], plan: Plan) -> Refusal | None:
    """Why these words cannot be an honest update of `plan`, or None. words: (n_words,) int32.

    ValueError for another shape or type: the codec has made sure of both.
    """
    if words.shape != (plan.n_words,) or words.dtype != np.int32:
        raise ValueError("words: must be (n_words,) int32")
    values, metrics = words[: plan.n_values], words[plan.n_values :]
    levels = plan.grid.levels
    if int(values.min()) < -levels or int(values.max()) > levels:
        return Refusal("off_grid", f"Values must lie between -{levels} and {levels} words.")
    limit = plan.grid.norm_limit(plan.n_values)
    norm = norm_words(values)
    if norm > limit:
        return Refusal("over_clip", f"The norm is {norm:.1f} words; at most {limit:.1f} pass.")
    if metrics.size and (int(metrics.min()) < 0 or int(metrics.max()) > levels):
        return Refusal("metric_out_of_range", f"Metrics must lie between 0 and {levels} words.")
    return None


def norm_words(values: npt.NDArray[np.int32]) -> float:
    """The L2 norm of `values` (n,) int32, in words."""
    total = 0.0
    for start in range(0, values.shape[0], CHUNK_WORDS):
        chunk = values[start : start + CHUNK_WORDS].astype(np.float64)
        total += float(chunk @ chunk)
    return float(np.sqrt(total))
