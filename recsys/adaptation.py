"""Local adaptation: a user's own residual, gains and type weights, fitted on the own history.

Over-fitting is the known risk of personal layers, so three things hold it back: a proximal pull to
the shared default (Li et al. 2020, FedProx, https://arxiv.org/abs/1812.06127, equation 2), few
steps, and a choice of how far to go on the user's own last events, which the first fit does not
see. "Not at all" is among the choices. The second fit then uses everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.cuts import Cuts, next_event_cuts, ordered_cuts, recent_points, unordered_cuts
from recsys.draws import draw_seeds
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.objective import block_positions, soft_targets, softmax_loss
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, event_gradients, tower_gradient, view


@dataclass(frozen=True)
class AdaptationSettings:
    """How a device fits its own tower.

    steps_max: most gradient steps; check_every: steps between two looks at the held-back events;
    rate, pull: step size, strength of the proximal term; n_cuts: views of the history per step,
    drawn towards recent ones (recent_share: mean distance from the end, as a share of the history);
    held_share: share of the last events that choose the number of steps; events_min: a shorter
    history keeps the shared tower; the rest as in local training
    """

    steps_max: int = 20
    check_every: int = 5
    rate: float = 0.3
    pull: float = 0.05
    n_cuts: int = 16
    recent_share: float = 0.3
    history_dropout: float = 0.0
    n_targets: int = 10
    target_decay: float = 1.5
    held_share: float = 0.3
    events_min: int = 5
    objective: str = "ordered"

    def __post_init__(self) -> None:
        if min(self.steps_max, self.check_every, self.n_cuts, self.n_targets) < 1:
            raise ValueError("steps_max, check_every, n_cuts and n_targets must be at least 1")
        if not (self.rate > 0 and self.pull >= 0 and self.target_decay > 0):
            raise ValueError("rate and target_decay must be positive, pull not negative")
        if not (0 < self.held_share < 1 and self.recent_share > 0):
            raise ValueError("held_share must be in (0, 1), recent_share positive")
        if not 0 <= self.history_dropout < 1:
            raise ValueError("history_dropout must be in [0, 1)")
        if self.objective not in ("ordered", "unordered"):
            raise ValueError("objective must be ordered or unordered")


@dataclass(frozen=True)
class _Task:
    """What stays the same during one adaptation; `rows` are the live ones, sorted."""

    table: ItemTable
    scalars: SharedScalars
    rows: Ints
    settings: AdaptationSettings

    @property
    def shared(self) -> UserTower:
        return UserTower.default(self.scalars, self.table.dim)

    def loss(self, tower: UserTower, history: History, cuts: Cuts) -> tuple[float, UserTower]:
        ordered = self.settings.objective == "ordered"
        return adaptation_loss(self.table, self.scalars, tower, history, self.rows, cuts, ordered)


def adapt(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    live: Bools,
    settings: AdaptationSettings,
    rng: np.random.Generator,
) -> UserTower:
    """The user's own tower for this model version.

    table: the received rows; history: rows of that table, oldest first; live: (n_rows,) bool, rows
    that hold an item on offer, which the softmax runs over.
    """
    known = history.last(scalars.history_length)
    rows = np.nonzero(live)[0].astype(np.int64)
    if len(known) < max(2, settings.events_min) or rows.shape[0] == 0:
        return UserTower.default(scalars, table.dim)
    # Only these rows matter. Taken once, they need no gathering in any of the steps.
    used = np.union1d(rows, known.rows)
    known = History(np.searchsorted(used, known.rows), known.types)
    task = _Task(table.take(used), scalars, np.searchsorted(used, rows), settings)
    n_steps = _choose_steps(task, known, rng)
    return [task.shared, *islice(_fit(task, known, rng), n_steps)][-1]


def adaptation_loss(
    table: ItemTable,
    scalars: SharedScalars,
    tower: UserTower,
    history: History,
    rows: Ints,
    cuts: Cuts,
    ordered: bool,
) -> tuple[float, UserTower]:
    """Mean loss over the cuts with a target in `rows`, and its gradient in the tower's fields."""
    trace = view(table, scalars, tower, history, cuts.context, ordered)
    wanted = soft_targets(
        cuts.target_weights[0], block_positions(history.rows, rows), rows.shape[0]
    )
    everything = rows.shape[0] == table.n_rows
    targets, biases = (a if everything else a[rows] for a in (table.target, table.bias))
    losses, d_logits = softmax_loss(trace.vectors[0] @ targets.T + biases, wanted)
    counted = max(1, int(np.count_nonzero(wanted.any(axis=1))))
    d_vectors = (d_logits @ targets)[None] / d_logits.dtype.type(counted)
    by_event = event_gradients(trace, d_vectors)
    found = tower_gradient(trace, d_vectors, by_event, scalars.n_types)
    gradient = UserTower(found.residual[0], found.log_gains[0], found.log_type_weights[0])
    return float(losses.sum()) / counted, gradient


def _choose_steps(task: _Task, history: History, rng: np.random.Generator) -> int:
    """Number of steps, 0 included, after which the held-back last events are predicted best."""
    settings = task.settings
    n_held = min(len(history) - 2, max(1, round(len(history) * settings.held_share)))
    seen = History(history.rows[:-n_held], history.types[:-n_held])
    held = next_event_cuts(len(history), n_held)
    best, n_best = task.loss(task.shared, history, held)[0], 0
    for n_steps, tower in enumerate(islice(_fit(task, seen, rng), settings.steps_max), 1):
        if n_steps % settings.check_every == 0:
            loss, _ = task.loss(tower, history, held)
            if loss < best:
                best, n_best = loss, n_steps
    return n_best


def _fit(task: _Task, history: History, rng: np.random.Generator) -> Iterator[UserTower]:
    """The tower after one step, two steps, and so on without end."""
    home = vars(task.shared)
    tower = task.shared
    while True:
        _, slope = task.loss(tower, history, _draw(len(history), task.settings, rng))
        tower = UserTower(
            **{
                name: _pulled(now, vars(slope)[name], home[name], task.settings)
                for name, now in vars(tower).items()
            }
        )
        yield tower


def _pulled(now: Floats, slope: Floats, home: Floats, settings: AdaptationSettings) -> Floats:
    rate, pull = now.dtype.type(settings.rate), now.dtype.type(settings.pull)
    moved: Floats = now - rate * (slope + pull * (now - home))
    return moved


def _draw(n_events: int, settings: AdaptationSettings, rng: np.random.Generator) -> Cuts:
    lengths, seeds, dropout = np.array([n_events]), draw_seeds(rng, 1), settings.history_dropout
    if settings.objective == "unordered":
        return unordered_cuts(lengths, settings.n_cuts, dropout, seeds)
    points = recent_points(lengths, settings.n_cuts, settings.recent_share, seeds)
    n_targets, decay = settings.n_targets, settings.target_decay
    return ordered_cuts(lengths, points, n_targets, decay, dropout, seeds)
