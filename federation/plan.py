"""The plan: the immutable description of what a round's devices must do. Its digest names it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from federation.canonical import canonical_json, digest
from federation.grid import Grid
from federation.strict_fields import (
    Scalar,
    frozen_scalars,
    read_object,
    require_digest,
    require_fields,
    require_int,
    require_positive,
)

__all__ = ["COHORT_LIMIT", "MODES", "STALENESS_LIMIT", "Grid", "Plan"]

MODES = ("plain",)
# The most updates whose sum is exact on the default grid: (2^31 - 1) // 2^20.
COHORT_LIMIT = 2047
# A weight of 1 / sqrt(1 + staleness) below an eighth is not worth a sum of its own.
STALENESS_LIMIT = 64
N_WORDS_MAX = 2**32 - 1  # the wire's counter is a u32


@dataclass(frozen=True)
class Plan:
    """What every device of a round does, and what the server may do with the answers.

    model_version: the version to train from. bundle: digest of the body that holds all a device
    needs. block: digest of the trained rows, int64 little-endian. n_block: how many rows those are.
    n_values, n_metrics: words of an update. mode: how updates are summed; in "plain" the server can
    read each one. training: settings of local training, opaque to the protocol. cohort_target:
    updates that close the round; cohort_min: fewer at the deadline abandon it; cohort_limit: the
    most that a round may ever sum. deadline_s: from opening to close. lease_s: how long a device
    may hold an assignment. max_staleness: model steps that an update may be behind the round that
    takes it; 0 makes rounds synchronous. min_separation: an account that was counted in a round is
    not asked again in the next so many; participations_max: nor after so many in all, 0 for no cap.
    noise: None is all that "plain" rounds know.

    ValueError, naming the field, for anything out of range.
    """

    model_version: int
    bundle: str
    block: str
    n_block: int
    n_values: int
    grid: Grid
    training: Mapping[str, Scalar]
    cohort_target: int
    cohort_min: int
    deadline_s: float
    lease_s: float
    n_metrics: int = 4
    mode: str = "plain"
    cohort_limit: int = COHORT_LIMIT
    max_staleness: int = 0
    min_separation: int = 0
    participations_max: int = 0
    noise: None = None

    def __post_init__(self) -> None:
        self._check_model()
        self._check_cohort()
        if self.mode not in MODES:
            raise ValueError(f"mode: must be one of {', '.join(MODES)}")
        require_int(self.max_staleness, "max_staleness", 0, STALENESS_LIMIT)
        require_int(self.min_separation, "min_separation", 0)
        require_int(self.participations_max, "participations_max", 0)
        # A plan that asks for what is not done would be a false promise to its devices.
        if self.noise is not None:
            raise ValueError("noise: must be null")
        object.__setattr__(self, "training", frozen_scalars(self.training, "training"))

    def _check_model(self) -> None:
        require_int(self.model_version, "model_version", 0)
        require_digest(self.bundle, "bundle")
        require_digest(self.block, "block")
        require_int(self.n_block, "n_block", 0, N_WORDS_MAX)
        require_int(self.n_values, "n_values", 1, N_WORDS_MAX - 64)
        if not isinstance(self.grid, Grid):
            raise ValueError("grid: must be a grid")
        require_int(self.n_metrics, "n_metrics", 0, 64)
        if self.n_metrics != self.grid.n_metrics:
            raise ValueError("n_metrics: must equal the length of grid.metric_max")

    def _check_cohort(self) -> None:
        require_int(self.cohort_limit, "cohort_limit", 1)
        require_int(self.cohort_target, "cohort_target", 1, self.cohort_limit)
        require_int(self.cohort_min, "cohort_min", 1, self.cohort_target)
        require_positive(self.deadline_s, "deadline_s")
        require_positive(self.lease_s, "lease_s")
        # Then no sum of words leaves the signed range, so that modular sums lift back exactly.
        if self.cohort_limit * self.grid.levels >= 2 ** (self.grid.modulus_bits - 1):
            raise ValueError("cohort_limit: cohort_limit * levels must stay below half the modulus")

    @property
    def n_words(self) -> int:
        """Words of one update: its values, then its metrics."""
        return self.n_values + self.n_metrics

    @cached_property
    def digest(self) -> str:
        """The plan's name: sha256 of its canonical JSON."""
        return digest(self.to_json())

    def shares_buffer(self, other: "Plan") -> bool:
        """Whether updates of both may be summed in one buffer: only their versions differ."""
        return replace(other, model_version=self.model_version, bundle=self.bundle) == self

    def to_mapping(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        grid = {field.name: getattr(self.grid, field.name) for field in fields(Grid)}
        grid["metric_max"] = list(self.grid.metric_max)
        return plain | {"grid": grid, "training": dict(self.training)}

    def to_json(self) -> bytes:
        """The plan's canonical bytes."""
        return canonical_json(self.to_mapping())

    @classmethod
    def from_mapping(cls, mapping: object) -> "Plan":
        """The plan in a parsed document; ValueError names the first field that is wrong."""
        plain = require_fields(mapping, [field.name for field in fields(cls)])
        plain["grid"] = _read_grid(plain["grid"])
        return cls(**plain)

    @classmethod
    def from_json(cls, body: bytes) -> "Plan":
        """The plan in `body`; ValueError names the first field that is wrong."""
        return cls.from_mapping(read_object(body))

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only mapping inside cannot be pickled; the canonical bytes are the plan.
        return Plan.from_json, (self.to_json(),)


def _read_grid(value: object) -> Grid:
    plain = require_fields(value, [field.name for field in fields(Grid)], "grid.")
    if not isinstance(plain["metric_max"], list):
        raise ValueError("grid.metric_max: must be a list")
    plain["metric_max"] = tuple(plain["metric_max"])
    try:
        return Grid(**plain)
    except ValueError as error:
        raise ValueError(f"grid.{error}") from None
