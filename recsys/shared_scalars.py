"""The shared scalars: the few numbers of the user tower that every device starts from.

They are part of every model version. Everything positive is stored as its logarithm, so that a
gradient step can never make it negative.
"""

from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Floats

HISTORY_LENGTH = 200
N_GAPS = 26  # the last one holds everything beyond 2^24 s, half a year
SHORT_DECAY = 0.8  # initial fall of the short kernel per later event


@dataclass(frozen=True)
class SharedScalars:
    """Log kernels by age and by gap, log gains of the pools, log weights of event types.

    log_kernel_long, log_kernel_short: (H,) by age, the number of later events
    log_gap_long, log_gap_short: (N_GAPS,) by the time to the newest event, as classes
    log_gains: (2,) long, short; log_type_weights: (T,)
    """

    log_kernel_long: Floats
    log_kernel_short: Floats
    log_gap_long: Floats
    log_gap_short: Floats
    log_gains: Floats
    log_type_weights: Floats

    def __post_init__(self) -> None:
        if self.log_kernel_long.ndim != 1 or self.log_kernel_short.ndim != 1:
            raise ValueError("kernels must be (H,)")
        if self.log_kernel_long.shape != self.log_kernel_short.shape:
            raise ValueError("both kernels must have the same length")
        if not self.log_gap_long.shape == self.log_gap_short.shape == (N_GAPS,):
            raise ValueError(f"kernels over gaps must be ({N_GAPS},)")
        if self.log_gains.shape != (2,) or self.log_type_weights.ndim != 1:
            raise ValueError("log_gains must be (2,) and log_type_weights (T,)")

    @classmethod
    def initial(cls, history_length: int = HISTORY_LENGTH, n_types: int = 3) -> "SharedScalars":
        """Flat kernels, but for the short one that falls by 0.8 per event; all else is 1."""
        ages = np.arange(history_length, dtype=np.float32)
        return cls(
            log_kernel_long=np.zeros(history_length, np.float32),
            log_kernel_short=ages * np.float32(np.log(SHORT_DECAY)),
            log_gap_long=np.zeros(N_GAPS, np.float32),
            log_gap_short=np.zeros(N_GAPS, np.float32),
            log_gains=np.zeros(2, np.float32),
            log_type_weights=np.zeros(n_types, np.float32),
        )

    @classmethod
    def from_vector(cls, vector: Floats, history_length: int, n_types: int) -> "SharedScalars":
        """The inverse of `to_vector`; keeps the vector's float type.

        ValueError if the length is not 2H + 2 N_GAPS + 2 + T.
        """
        if vector.shape != (n_scalars(history_length, n_types),):
            raise ValueError(f"expected {n_scalars(history_length, n_types)} scalars")
        ends = np.cumsum([history_length, history_length, N_GAPS, N_GAPS, 2])
        return cls(*np.split(vector, ends))

    @property
    def history_length(self) -> int:
        return int(self.log_kernel_long.shape[0])

    @property
    def n_types(self) -> int:
        return int(self.log_type_weights.shape[0])

    def to_vector(self) -> Floats:
        """(2H + 2 N_GAPS + 2 + T,): all fields, in their order."""
        return np.concatenate(list(vars(self).values()))

    def with_types(self, n_types: int) -> "SharedScalars":
        """The same scalars after event types were appended; a new type starts at weight 1."""
        if n_types < self.n_types:
            raise ValueError("event types are only ever appended")
        added = np.zeros(n_types - self.n_types, self.log_type_weights.dtype)
        weights = np.concatenate([self.log_type_weights, added])
        return replace(self, log_type_weights=weights)


def n_scalars(history_length: int, n_types: int) -> int:
    """Length of `SharedScalars.to_vector()`."""
    return 2 * history_length + 2 * N_GAPS + 2 + n_types
