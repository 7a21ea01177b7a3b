"""Local adaptation: a user's own residual, fitted in closed form on the user's own history.

The residual p shifts the user vector where the shared tower keeps missing this user. It minimises
the user's own next-event loss with a proximal pull to the shared tower (Li et al. 2020, FedProx,
https://arxiv.org/abs/1812.06127, equation 2), here as one Newton step from p = 0:

    p = (H + pull I)^-1 g
    g = sum_j w_j (target_j - m_j)            what the shared tower missed, m_j its expected target
    H = sum_j w_j Cov_j(target)               the softmax's curvature, w_j falling with age

Over-fitting is the known risk of personal layers. The strength of the pull is chosen per user on
the newest events, which the fit that is judged has not seen; "stay with the shared tower" is among
the choices. The second fit then uses everything. There is nothing random in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.local_training import ANY_TYPE
from recsys.objective import FAR_BELOW, block_positions
from recsys.pooling import Events, contexts_of
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import Kernels, UserTower, aligned, batch_of_one, forward

PROBABILITIES_AT_A_TIME = 1 << 23  # bounds the memory of a batch: floats of its softmaxes


@dataclass(frozen=True)
class AdaptationSettings:
    """How a device fits its own residual.

    pulls: strengths to choose among, ascending; n_events: newest events that are fitted;
    recency_events: ages over which an event's weight falls to 1/e;
    held_share: share of them, the newest, that choose the pull; margin: mean gain in nats on those
    below which the shared tower stays; events_min: a shorter history keeps the shared tower;
    objective, target_type: as local training has them (`recsys.local_training.LocalSettings`)
    """

    pulls: tuple[float, ...] = (12.0, 36.0, 100.0)
    n_events: int = 40
    recency_events: float = 5.0
    held_share: float = 0.3
    margin: float = 0.01
    events_min: int = 5
    objective: str = "ordered"
    target_type: int = ANY_TYPE

    def __post_init__(self) -> None:
        if not self.pulls or min(self.pulls) <= 0 or list(self.pulls) != sorted(self.pulls):
            raise ValueError("pulls must be positive and ascending")
        if min(self.n_events, self.events_min) < 2:
            raise ValueError("n_events and events_min must be at least 2")
        if not (0 < self.held_share < 1 and self.recency_events > 0 and self.margin >= 0):
            raise ValueError("held_share in (0, 1), recency_events above 0, margin not below 0")
        if self.objective not in ("ordered", "unordered"):
            raise ValueError("objective must be ordered or unordered")


@dataclass(frozen=True)
class _Misses:
    """What the shared tower says of the k events of each of b users, at the n live rows.

    weights: (b, k), 0 for padding; rows: (b, k) position of each event's row among the live ones
    probabilities: (b, k, n) among what was not known yet; errors, means: (b, k, d)
    """

    weights: Floats
    held: Bools
    rows: Ints
    probabilities: Floats
    means: Floats
    errors: Floats


def adapt(
    table: ItemTable,
    scalars: SharedScalars,
    history: History,
    live: Bools,
    settings: AdaptationSettings,
) -> UserTower:
    """The user's own tower for this model version: a batch of one.

    table: the received rows; history: rows of that table, oldest first; live: (n_rows,) bool, rows
    that hold an item on offer, which the softmax runs over.
    """
    residual = residuals(table, scalars, [history], live, settings)[0]
    return UserTower(residual, scalars.log_gains, scalars.log_type_weights)


def adapt_all(
    table: ItemTable,
    scalars: SharedScalars,
    histories: Sequence[History],
    live: Bools,
    settings: AdaptationSettings,
) -> UserTower:
    """The own towers of b users, every field with b in front."""
    own = residuals(table, scalars, histories, live, settings)
    b = (own.shape[0], 1)
    return UserTower(own, np.tile(scalars.log_gains, b), np.tile(scalars.log_type_weights, b))


def residuals(
    table: ItemTable,
    scalars: SharedScalars,
    histories: Sequence[History],
    live: Bools,
    settings: AdaptationSettings,
) -> Floats:
    """(b, d), zero for whoever keeps the shared tower."""
    found = np.zeros((len(histories), table.dim), table.target.dtype)
    rows = np.nonzero(live)[0].astype(np.int64)
    known = [history.last(scalars.history_length) for history in histories]
    for part in _parts(known, rows.shape[0], settings):
        misses = _misses(table, scalars, [known[i] for i in part], rows, settings)
        found[part] = _chosen(table.target[rows], misses, settings)
    return found


def _parts(
    known: Sequence[History], n_live: int, settings: AdaptationSettings
) -> Iterator[list[int]]:
    """Users whose histories are long enough, those of similar length together."""
    able = [i for i, history in enumerate(known) if len(history) >= settings.events_min]
    if n_live == 0:
        return
    able.sort(key=lambda i: len(known[i]))
    size = max(1, PROBABILITIES_AT_A_TIME // (settings.n_events * n_live))
    for start in range(0, len(able), size):
        yield able[start : start + size]


def _misses(
    table: ItemTable,
    scalars: SharedScalars,
    known: Sequence[History],
    live: Ints,
    settings: AdaptationSettings,
) -> _Misses:
    padded, real = aligned(known)
    n = real.shape[1]
    events = np.arange(max(1, n - settings.n_events), n)
    earlier = real[:, None, :] & _before(padded.rows, events, settings)
    targets = table.target[live]
    scores = _shared_vectors(table, scalars, padded, earlier, settings) @ targets.T
    scores += table.bias[live]
    places = block_positions(padded.rows.ravel(), live).reshape(real.shape)
    at, predicted = places[:, events], real & _is_predicted(padded.types, settings)
    probabilities = _among_rivals(scores, places, earlier & predicted[:, None, :], at)
    means = probabilities @ targets
    # The first event of a history has nothing before it; one of a row that is gone, no target.
    counted = predicted[:, events] & (at >= 0) & earlier.any(axis=2)
    weights = (counted * _fall(n - 1 - events, settings)).astype(targets.dtype)
    at = np.maximum(at, 0)
    return _Misses(weights, _held(counted, settings), at, probabilities, means, targets[at] - means)


def _before(rows: Ints, events: Ints, settings: AdaptationSettings) -> Bools:
    """What each of the k events is predicted from, (b or 1, k, n)."""
    if settings.objective == "ordered":
        found: Bools = (np.arange(rows.shape[1]) < events[:, None])[None]
    else:  # without an order, everything but what was done with the item itself
        found = rows[:, None, :] != rows[:, events, None]
    return found


def _fall(ages: Ints, settings: AdaptationSettings) -> Floats:
    if settings.objective != "ordered":
        return np.ones(ages.shape)
    found: Floats = np.exp(-ages / settings.recency_events)
    return found


def _shared_vectors(
    table: ItemTable,
    scalars: SharedScalars,
    padded: Events,
    earlier: Bools,
    settings: AdaptationSettings,
) -> Floats:
    """The shared tower's user vector before each event, (b, k, d)."""
    ordered = settings.objective == "ordered"
    contexts = contexts_of(padded, earlier, scalars.history_length, ordered)
    shared = batch_of_one(UserTower.default(scalars, table.dim))
    return forward(table, Kernels.of(scalars, ordered), shared, contexts).vectors


def _is_predicted(types: Ints, settings: AdaptationSettings) -> Bools:
    if settings.target_type == ANY_TYPE:
        return np.ones(types.shape, bool)
    found: Bools = types == settings.target_type
    return found


def _among_rivals(scores: Floats, places: Ints, known: Bools, asked: Ints) -> Floats:
    """Softmax of each event's scores (b, k, n) over what was not known yet, and what it asks for.

    places: (b, m) of the history's rows, -1 for one that is gone; known: (b, k, m); asked: (b, k)
    """
    user, event, at = np.nonzero(known & (places >= 0)[:, None, :])
    among = scores.copy()
    among[user, event, places[user, at]] = FAR_BELOW
    own = np.maximum(asked, 0)[:, :, None]
    np.put_along_axis(among, own, np.take_along_axis(scores, own, axis=2), axis=2)
    odds = np.exp(among - among.max(axis=2, keepdims=True))
    found: Floats = odds / odds.sum(axis=2, keepdims=True)
    return found


def _held(counted: Bools, settings: AdaptationSettings) -> Bools:
    """The newest counted events of each user, at least one of them: (b, k)."""
    wanted = np.maximum(1, np.rint(counted.sum(axis=1) * settings.held_share))
    newer = np.cumsum(counted[:, ::-1], axis=1)[:, ::-1]
    held: Bools = counted & (newer <= wanted[:, None])
    return held


def _chosen(targets: Floats, misses: _Misses, settings: AdaptationSettings) -> Floats:
    """Each user's residual under the pull that predicts the held events best, (b, d)."""
    everything = _fits(targets, misses, misses.weights, settings)
    judged = _fits(targets, misses, misses.weights * ~misses.held, settings)
    best = np.full(misses.weights.shape[0], -float("inf"))
    found = np.zeros(everything[0].shape, targets.dtype)
    for fitted, whole in zip(judged, everything, strict=True):
        gain = _mean_gain(targets, misses, fitted)
        better = (gain > settings.margin) & (gain > best)
        best[better], found[better] = gain[better], whole[better]
    return found


def _fits(
    targets: Floats, misses: _Misses, weights: Floats, settings: AdaptationSettings
) -> list[Floats]:
    """The residuals (b, d) for each pull: one eigendecomposition serves them all."""
    slope = (weights[:, :, None] * misses.errors).sum(axis=1)
    mass = (weights[:, None, :] @ misses.probabilities)[:, 0]
    curvature = np.stack([(targets * one[:, None]).T @ targets for one in mass])
    curvature -= (misses.means * weights[:, :, None]).swapaxes(1, 2) @ misses.means
    values, axes = np.linalg.eigh(curvature)
    along = (slope[:, None, :] @ axes)[:, 0]
    return [
        ((along / (np.maximum(values, 0) + pull))[:, None, :] @ axes.swapaxes(1, 2))[:, 0].astype(
            targets.dtype
        )
        for pull in settings.pulls
    ]


def _mean_gain(targets: Floats, misses: _Misses, fitted: Floats) -> Floats:
    """Mean gain in log probability on each user's held events, (b,).

    The softmax after the shift follows from the one before: its normaliser changes by the mean of
    exp(shift) under the old probabilities.
    """
    shifts = fitted @ targets.T
    top = shifts.max(axis=1, keepdims=True)
    normaliser = np.log(misses.probabilities @ np.exp(shifts - top)[:, :, None])[:, :, 0] + top
    gains = np.take_along_axis(shifts, misses.rows, axis=1) - normaliser
    counts = np.maximum(1, misses.held.sum(axis=1))
    mean: Floats = (gains * misses.held).sum(axis=1) / counts
    return mean
