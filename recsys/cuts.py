"""Cuts of histories: which events a user vector is made of, and which it has to predict.

Ordered data: cut at a random point; from what came before (some of it dropped at random) predict
the next few events with weights e^(-k / decay). Unordered data: a random part of the history is
the context, the rest the target with equal weights.

Batch first: b devices with c cuts each. Histories are padded at their end to one length n.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.draws import KEPT, PLACES, POINTS, SIZES, Seeds, uniforms, uniforms_at


@dataclass(frozen=True)
class Cuts:
    """c views of each of b histories of at most n events.

    context: (b, c, n) bool, the events that the user vector is made of
    target_weights: (b, c, n) float64, not normalised, zero outside the target
    known: (b, c, n) bool, events whose items a target need not beat: those before the cut, in the
    context or dropped from it
    """

    context: Bools
    target_weights: Floats
    known: Bools


def spread_points(lengths: Ints, n_cuts: int, seeds: Seeds) -> Ints:
    """Cut points in [1, length - 1], (b, n_cuts), ascending: one in each of n_cuts equal parts.

    Every point is equally likely; spreading them evenly makes a step's gradient less noisy than
    independent points would. lengths: (b,), at least 2 each.
    """
    shares = (np.arange(n_cuts) + uniforms(seeds, POINTS, n_cuts)) / n_cuts
    return 1 + (shares * (lengths[:, None] - 1)).astype(np.int64)


def recent_points(lengths: Ints, n_cuts: int, recent_share: float, seeds: Seeds) -> Ints:
    """Cut points in [1, length - 1], (b, n_cuts), spread over an exponential fall from the end.

    recent_share: mean distance from the end, as a share of the history.
    """
    most = (lengths - 1)[:, None]  # distances from the end lie in [0, most)
    mean = np.maximum(1.0, recent_share * lengths)[:, None]
    shares = (np.arange(n_cuts) + uniforms(seeds, POINTS, n_cuts)) / n_cuts
    back = -mean * np.log1p(shares * np.expm1(-most / mean))
    return np.sort(most - np.minimum(back.astype(np.int64), most - 1), axis=1)


def next_event_cuts(n_events: int, n_held: int) -> Cuts:
    """One history: each of its last n_held events, predicted from everything before it."""
    points = np.arange(n_events - n_held, n_events)[:, None]
    ahead = np.arange(n_events) - points
    before = (ahead < 0)[None]
    return Cuts(before, (ahead == 0).astype(np.float64)[None], before)


def ordered_cuts(
    lengths: Ints,
    points: Ints,
    n_targets: int,
    target_decay: float,
    dropout: float,
    seeds: Seeds,
) -> Cuts:
    """Before each point the context, the next n_targets events the target. points: (b, c)."""
    places = np.arange(int(lengths.max(initial=0)))
    ahead = places - points[:, :, None]
    near = (ahead >= 0) & (ahead < n_targets) & (places < lengths[:, None, None])
    fall = np.exp(-np.arange(n_targets) / target_decay)
    weights = np.where(near, fall[np.where(near, ahead, 0)], 0.0)
    before = ahead < 0
    return Cuts(before & _kept(seeds, ahead.shape, dropout), weights, before)


def unordered_cuts(rows: Ints, lengths: Ints, n_cuts: int, dropout: float, seeds: Seeds) -> Cuts:
    """A random part of random size is the context, the rest the target. rows: (b, n).

    Events on one item stay on one side: what is in the cart must not tell what is bought.
    """
    sizes = 1 + (uniforms(seeds, SIZES, n_cuts) * (lengths[:, None] - 1)).astype(np.int64)
    real = np.arange(rows.shape[1]) < lengths[:, None, None]
    keys = np.where(real, uniforms_at(seeds, PLACES, n_cuts, rows), np.inf)
    last = np.take_along_axis(np.sort(keys, axis=2), sizes[:, :, None] - 1, axis=2)
    inside = keys <= last
    kept = _kept(seeds, keys.shape, dropout)
    return Cuts(inside & kept, (real & ~inside).astype(np.float64), inside & real)


def _kept(seeds: Seeds, shape: tuple[int, ...], dropout: float) -> Bools:
    if dropout == 0:
        return np.ones(shape, bool)
    kept: Bools = uniforms(seeds, KEPT, shape[1], shape[2]) >= dropout
    return kept
