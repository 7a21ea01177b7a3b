"""How strongly each group is calibrated: the narrowest gap that a budget of quality allows.

Decided on validation alone. Groups are ranked apart, so each has a curve of quality by strength and
they combine freely. A *cap* says how good a group may be at most; under a cap every group takes the
strength at which it is best. The cap is lowered as long as the budget lasts. A strength that makes
the worst group worse than it was is never taken: a gap may not be narrowed from below.

Validation is small, and the best of many strengths looks better than it is. So a gain counts only
beyond one standard error of the paired difference (the rule of Breiman et al. 1984, section 3.4.3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints

STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
COST_MAX = 0.03


@dataclass(frozen=True)
class Curves:
    """quality: (n_strengths, n_groups), mean of each group, the first row without calibration;
        what is above the first row by less than a standard error stands as the first row
    shares: (n_groups,) of all questions; the rest of them is never calibrated
    rest: what the questions outside these groups add to the overall mean
    """

    quality: Floats
    shares: Floats
    rest: float

    def overall(self, chosen: Ints) -> float:
        """Mean over all questions. chosen: (n_groups,), a row of each group."""
        return float(self.of(chosen) @ self.shares) + self.rest

    def of(self, chosen: Ints) -> Floats:
        """(n_groups,) quality of each group."""
        found: Floats = self.quality[chosen, np.arange(len(self.shares))]
        return found

    @property
    def without(self) -> Ints:
        """The choice to calibrate nobody."""
        return np.zeros(len(self.shares), np.int64)


def curves(gains: Floats, groups: Ints, large: Sequence[int]) -> Curves:
    """From what every question gains at every strength.

    gains: (n_strengths, n_questions); groups: (n_questions,); large: the groups that count
    ValueError on shapes that do not fit, no questions, a group without any.
    """
    if gains.ndim != 2 or groups.shape != gains.shape[1:] or not groups.size:
        raise ValueError(f"gains {gains.shape} with groups {groups.shape}")
    masks = groups == np.array(large, np.int64)[:, None]
    if not masks.any(axis=1).all():
        raise ValueError("a group has no questions")
    quality = np.array([_beyond_noise(gains[:, mask]) for mask in masks]).T
    rest = gains[0][~masks.any(axis=0)].sum() / groups.size
    return Curves(quality.reshape(len(gains), len(masks)), masks.mean(axis=1), float(rest))


def _beyond_noise(gains: Floats) -> Floats:
    """(n_strengths,) means of one group's gains, (n_strengths, n_questions of it)."""
    change = gains - gains[0]
    error = change.std(axis=1) / np.sqrt(gains.shape[1])
    mean = change.mean(axis=1)
    found: Floats = gains[0].mean() + np.where((mean > 0) & (mean <= error), 0.0, mean)
    return found


def choose(found: Curves, cost_max: float = COST_MAX) -> Ints:
    """Row of each group, (n_groups,) int64: the narrowest gap, of equals the best overall.

    cost_max: share of the overall quality that may be lost, in [0, 1); ValueError outside it. With
    fewer than two groups there is no gap, and nobody is calibrated.
    """
    if not 0 <= cost_max < 1:
        raise ValueError(f"cost_max must be in [0, 1), not {cost_max}")
    if len(found.shares) < 2:
        return found.without
    before = found.of(found.without)
    least = (1 - cost_max) * found.overall(found.without)
    allowed = [
        rows
        for rows in (found.without, *_under_caps(found))
        if found.overall(rows) >= least and found.of(rows).min() >= before.min()
    ]
    return min(allowed, key=lambda rows: (np.ptp(found.of(rows)), -found.overall(rows)))


def _under_caps(found: Curves) -> Iterator[Ints]:
    """For every cap that all groups can keep, each group's best row; of equals the weakest."""
    for cap in np.unique(found.quality):
        kept = np.where(found.quality <= cap, found.quality, -np.inf)
        if np.isfinite(kept).any(axis=0).all():
            yield kept.argmax(axis=0)
