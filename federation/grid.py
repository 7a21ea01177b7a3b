"""The integer grid: how a real vector becomes words whose sums are exact.

A vector is clipped to L2 norm `clip_l2`, divided by `step = clip_l2 / levels` and rounded to the
nearest integer, ties to even. Integers add exactly and in any order, so a sum over devices is one
well-defined number, masked or not, wherever and in whichever order it is taken.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.strict_fields import require_int, require_number, require_positive

# Steps and means travel as float32; far inside its range nothing overflows or turns subnormal.
CLIP_L2_MIN, CLIP_L2_MAX = 1e-12, 1e12


@dataclass(frozen=True)
class Grid:
    """The grid of a plan.

    clip_l2: L2 bound of one update, in units of the model's values
    levels: words per `clip_l2`; no word of an honest update exceeds it
    modulus_bits: width of a word; sums are taken modulo 2^modulus_bits
    metric_max: upper bound of each metric; `levels` words stand for it
    """

    clip_l2: float
    levels: int = 2**20
    modulus_bits: int = 32
    metric_max: tuple[float, ...] = (1.0, 16.0, 1.0, 256.0)

    def __post_init__(self) -> None:
        require_number(self.clip_l2, "clip_l2", CLIP_L2_MIN, CLIP_L2_MAX)
        require_int(self.levels, "levels", 1, 2**31 - 1)
        require_int(self.modulus_bits, "modulus_bits", 32, 32)
        if not isinstance(self.metric_max, tuple):
            raise ValueError("metric_max: must be a tuple")
        for index, bound in enumerate(self.metric_max):
            require_positive(bound, f"metric_max.{index}")

    @property
    def step(self) -> float:
        """The value that one word stands for."""
        return self.clip_l2 / self.levels

    @property
    def n_metrics(self) -> int:
        return len(self.metric_max)

    def norm_limit(self, n_values: int) -> float:
        """The longest that clipped and rounded values can be, in words.

        Rounding moves every word by at most a half, the vector by at most sqrt(n) / 2. One word
        more covers the device's own floating-point arithmetic.
        """
        return self.levels + 0.5 * math.sqrt(n_values) + 1.0


def to_words(
    vector: npt.NDArray[np.float32], metrics: npt.NDArray[np.float64], grid: Grid
) -> npt.NDArray[np.int32]:
    """The words of one update: clipped, rounded values, then metric words.

    vector: (n_values,) float32. metrics: (n_metrics,) float64, clipped to [0, metric_max].
    Returns (n_values + n_metrics,) int32. ValueError for a wrong shape or a value not finite.
    """
    values = np.asarray(vector, dtype=np.float64)
    measured = np.asarray(metrics, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError("vector: must be (n_values,)")
    if measured.shape != (grid.n_metrics,):
        raise ValueError(f"metrics: must be ({grid.n_metrics},)")
    norm = float(np.linalg.norm(values))
    if not (math.isfinite(norm) and np.isfinite(measured).all()):
        raise ValueError("vector and metrics must be finite")
    clipped = values * (grid.clip_l2 / norm) if norm > grid.clip_l2 else values
    bounds = np.asarray(grid.metric_max)
    shares = np.clip(measured, 0.0, bounds) / bounds
    exact = np.concatenate([clipped / grid.step, shares * grid.levels])
    words: npt.NDArray[np.int32] = np.rint(exact).astype(np.int32)
    return words


def from_sum(
    words: npt.NDArray[np.int64] | npt.NDArray[np.float64], n: float, grid: Grid
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """The mean update behind a sum of words.

    words: (n_values + n_metrics,) int64, or float64 where sums were weighed. n: what to divide by:
    the number of updates in the sum, their weight, or the planned cohort where the plan adds noise.
    Returns the mean vector (n_values,) float32 and the mean metrics (n_metrics,) float64.
    ValueError for a wrong shape or n not positive.
    """
    if words.ndim != 1 or words.shape[0] < grid.n_metrics:
        raise ValueError("words: must be (n_values + n_metrics,)")
    require_positive(n, "n")
    n_values = words.shape[0] - grid.n_metrics
    vector = words[:n_values] * (grid.step / n)
    metrics = words[n_values:] * (np.asarray(grid.metric_max) / (grid.levels * n))
    return vector.astype(np.float32), metrics
