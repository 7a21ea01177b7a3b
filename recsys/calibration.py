"""Exposure-aware ranking by group: popular items count for less, by as much as a user's group says.

    score'(u, i) = score(u, i) - strength(group of u) * (log(1 + n_i) - mean over j of log(1 + n_j))

n_i is the number of training users who touched item i, which is public. The subtraction is the
popularity penalty of Abdollahpouri, Burke and Mobasher 2019 (https://arxiv.org/abs/1901.07555) in
its simplest form, and on the scale of a softmax's logits the post-hoc adjustment of Menon et al.
2021 (https://arxiv.org/abs/2007.07314): a strength of 1 takes a popularity prior out whole.

A device needs the strengths of all groups and the counts, which everybody gets alike, and its own
group, which it knows by itself (`taste`, `place_among`) and never tells. It ranks after it has
scored, so nothing that is trained or uploaded changes.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.history import History

STRENGTH_MAX = 1.0


@dataclass(frozen=True)
class Calibration:
    """What is published: the strength of every group.

    names: of the groups; strengths: (n_groups,) float, without a unit, in [0, STRENGTH_MAX]
    ValueError on no groups, a name twice, a strength that is none.
    """

    names: tuple[str, ...]
    strengths: Floats

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(
                f"a calibration needs groups with names of their own, not {self.names}"
            )
        if self.strengths.shape != (len(self.names),):
            raise ValueError(f"{len(self.names)} groups with {self.strengths.shape} strengths")
        if not ((self.strengths >= 0) & (self.strengths <= STRENGTH_MAX)).all():
            raise ValueError(f"strengths must be in [0, {STRENGTH_MAX:g}], not {self.strengths}")

    def of(self, groups: Ints) -> Floats:
        """Strength of each user, (n,): groups are (n,) indices into names; -1, in none: 0.

        ValueError on a group that there is not.
        """
        if groups.size and not (groups.min() >= -1 and groups.max() < len(self.names)):
            raise ValueError(f"groups must be in [-1, {len(self.names)})")
        return np.append(self.strengths, 0.0)[groups]


def exposure_term(popularity: Ints | Floats) -> Floats:
    """log(1 + n) less its mean over the items, (n_items,) float32.

    popularity: (n_items,), training users who touched each item. Centring changes no ranking; it
    keeps scores on their scale. ValueError on counts below 0 or not finite.
    """
    if not (np.isfinite(popularity) & (popularity >= 0)).all():
        raise ValueError("popularity must be counts of users")
    logs = np.log1p(popularity, dtype=np.float64)
    return (logs - logs.mean() if logs.size else logs).astype(np.float32)


def calibrated(scores: Floats, strengths: Floats, term: Floats) -> Floats:
    """The scores that are ranked: (n, n_items).

    scores: (n, n_items); strengths: (n,) of each user's group; term: (n_items,), `exposure_term`
    ValueError on shapes that do not fit: they could broadcast to something else.
    """
    if scores.shape != (*strengths.shape, *term.shape):
        shapes = f"{scores.shape}, {strengths.shape}, {term.shape}"
        raise ValueError(f"scores, strengths and term do not fit: {shapes}")
    found: Floats = scores - strengths[:, None].astype(term.dtype) * term
    return found


def taste(history: History, popularity: Ints | Floats) -> float:
    """Mean over the history's distinct items of how many users touched each; NaN for no events."""
    rows = np.unique(history.rows)
    return float(popularity[rows].mean()) if rows.size else float("nan")


def place_among(values: Floats, edges: Floats) -> Ints:
    """Which group each value is in, (n,) int64: the number of edges below it. edges: sorted."""
    return np.searchsorted(edges, values).astype(np.int64)
