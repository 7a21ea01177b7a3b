"""What a device does in a round: train the received version on its own history for a few steps.

The device trains with the shared default tower (no residual), so that rows suit users whom nobody
has adapted to yet. It returns start - end of the block's rows and the shared scalars, and how well
the *received* version predicts the device's own last event.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from recsys.arrays import Floats, Ints
from recsys.cuts import Cuts, ordered_cuts, spread_points, unordered_cuts
from recsys.draws import Seeds, vector_scales
from recsys.flat_vector import moved, n_values
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.local_loss import last_event, loss_gradient
from recsys.shared_scalars import SharedScalars

OBJECTIVES = ("ordered", "unordered")
RIVALS = ("all", "unseen")
HITS_AT = 10
ANY_TYPE = -1


@dataclass(frozen=True)
class LocalSettings:
    """What a plan asks of local training; every field travels in the plan.

    n_cuts: views of the history per step; history_dropout: share of a context left out;
    vector_dropout: share of a user vector's coordinates left out, anew for every cut;
    n_targets, target_decay: how many next events count, and how fast their weight falls;
    target_type: index of the only event type that is predicted, ANY_TYPE for all;
    rivals: which items a target has to beat, "all" of the block or only the "unseen" ones, those
    without an event of the predicted type before the cut, as lists do not offer them again;
    local_steps, local_rate: plain gradient steps, each on fresh cuts
    """

    n_cuts: int = 32
    history_dropout: float = 0.1
    vector_dropout: float = 0.2
    n_targets: int = 10
    target_decay: float = 1.5
    target_type: int = ANY_TYPE
    local_steps: int = 1
    local_rate: float = 1.0
    objective: str = "ordered"
    rivals: str = "unseen"

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {OBJECTIVES}")
        if self.rivals not in RIVALS:
            raise ValueError(f"rivals must be one of {RIVALS}")
        if min(self.n_cuts, self.n_targets, self.local_steps) < 1:
            raise ValueError("n_cuts, n_targets and local_steps must be at least 1")
        if self.target_type < ANY_TYPE:
            raise ValueError(f"target_type must be an event type's index, or {ANY_TYPE} for all")
        if not (0 <= self.history_dropout < 1 and 0 <= self.vector_dropout < 1):
            raise ValueError("history_dropout and vector_dropout must be in [0, 1)")
        if not (0 < self.target_decay < float("inf") and 0 < self.local_rate < float("inf")):
            raise ValueError("target_decay and local_rate must be positive")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, int | float | str]) -> Self:
        """Settings from a plan; ValueError naming the field that is unknown or of a wrong type."""
        known = {field.name: field.type for field in fields(cls)}
        for name, value in mapping.items():
            if name not in known:
                raise ValueError(f"{name} is not a local setting")
            accepted = (int, float) if known[name] is float else known[name]
            if isinstance(value, bool) or not isinstance(value, accepted):  # type: ignore[arg-type]
                raise ValueError(f"{name} has the wrong type")
        return cls(**mapping)  # type: ignore[arg-type]

    def to_mapping(self) -> dict[str, int | float | str]:
        return asdict(self)

    @property
    def ordered(self) -> bool:
        return self.objective == "ordered"


@dataclass(frozen=True)
class LocalMetrics:
    """How the received version did on the device's own last event; n is 0 or 1 events.

    The square of the loss travels as well, so that a sum over devices has an exact variance.
    """

    n: int = 0
    loss: float = 0.0
    hits_at_10: float = 0.0

    def to_vector(self) -> npt.NDArray[np.float64]:
        """(4,), in the order in which they travel: n, loss, hits@10, loss squared."""
        return np.array([self.n, self.loss, self.hits_at_10, self.loss**2], np.float64)


@dataclass(frozen=True)
class LocalResult:
    """delta: (n_values,) float32, start - end in the order of `flat_vector`."""

    delta: Floats
    metrics: LocalMetrics


def train_locally(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    block: Ints,
    settings: LocalSettings,
    seeds: Seeds,
) -> LocalResult:
    """Train on one device.

    table: the rows that the device received, float32; history: rows of that table, oldest first;
    block: (n_block,) int64, sorted rows that the plan trains; seeds: (local_steps,), each decides
    what its step is trained on (`recsys.draws.draw_seeds`). A history that is too short to cut
    gives a zero delta and metrics with n = 0.
    """
    size = n_values(block.shape[0], table.dim, scalars.history_length, scalars.n_types)
    delta = np.zeros(size, table.target.dtype)
    if len(history) < 2 or block.shape[0] == 0:
        return LocalResult(delta, LocalMetrics())
    metrics = _received_metrics(table, scalars, history, block, settings)
    rate = delta.dtype.type(settings.local_rate)
    now = (table, scalars)
    for step in range(settings.local_steps):
        if step > 0:
            now = moved(table, scalars, block, delta)
        seed = seeds[step : step + 1]
        own = (history.rows[None], history.types[None], np.array([len(history)]))
        cuts = draw_cuts(*own, settings, seed)
        scales = vector_scales(seed, settings.n_cuts, table.dim, settings.vector_dropout)
        delta += rate * loss_gradient(*now, history, block, cuts, settings.ordered, scales)[1]
    return LocalResult(delta, metrics)


def draw_cuts(
    rows: Ints, types: Ints, lengths: Ints, settings: LocalSettings, seeds: Seeds
) -> Cuts:
    """Random views of b histories of at least two events each, as the settings' objective asks.

    rows, types: (b, n), padded at their end; lengths, seeds: (b,)
    """
    cuts = _any_cuts(rows, lengths, settings, seeds)
    if settings.rivals == "all":
        cuts = replace(cuts, known=np.zeros_like(cuts.known))
    if settings.target_type == ANY_TYPE:
        return cuts
    wanted = (types == settings.target_type)[:, None, :]
    return Cuts(cuts.context, cuts.target_weights * wanted, cuts.known & wanted)


def _any_cuts(rows: Ints, lengths: Ints, settings: LocalSettings, seeds: Seeds) -> Cuts:
    dropout = settings.history_dropout
    if not settings.ordered:
        return unordered_cuts(rows, lengths, settings.n_cuts, dropout, seeds)
    points = spread_points(lengths, settings.n_cuts, seeds)
    n_targets, decay = settings.n_targets, settings.target_decay
    return ordered_cuts(lengths, points, n_targets, decay, dropout, seeds)


def _received_metrics(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    block: Ints,
    settings: LocalSettings,
) -> LocalMetrics:
    found = last_event(table, scalars, history, block, settings.ordered)
    if found is None:
        return LocalMetrics()
    loss, rank = found
    return LocalMetrics(1, loss, float(rank < HITS_AT))
