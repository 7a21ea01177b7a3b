"""When a device is at leisure: visits of a Poisson process whose rate follows the day.

Thinning after Lewis and Shedler 1979, Simulation of nonhomogeneous Poisson processes by thinning,
https://doi.org/10.1002/nav.3800260304.
"""

import math
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats

DAY_S = 86_400.0
HOUR_S = 3_600.0


@dataclass(frozen=True)
class Rhythm:
    """How a population spends its days.

    visits_per_day: the mean of one device. stay_s: mean length of a visit, in which the device is
    idle, charging and online. swing: 0, day and night alike, to 1, nobody comes at the quietest
    hour. peak_hour: the busiest hour of the local day. zone_spread_h: standard deviation of the
    devices' time zones. ValueError for what no population can do.
    """

    visits_per_day: float = 1.0
    stay_s: float = 300.0
    swing: float = 0.8
    peak_hour: float = 22.0
    zone_spread_h: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.visits_per_day <= 1_000 and 0 < self.stay_s <= DAY_S):
            raise ValueError("visits_per_day and stay_s must be positive, at most 1000 and a day")
        if not 0 <= self.swing <= 1:
            raise ValueError("swing must lie between 0 and 1")

    def level(self, at_s: Floats, zone_h: float) -> Floats:
        """The rate relative to its mean, in [1 - swing, 1 + swing]. at_s: (n,) since midnight."""
        hour = at_s / HOUR_S + zone_h - self.peak_hour
        level: Floats = 1.0 + self.swing * np.cos(2 * math.pi * hour / 24.0)
        return level


def visit_times(rhythm: Rhythm, days: float, zone_h: float, rng: np.random.Generator) -> Floats:
    """(n,) seconds since the start, ascending, at which one device's visits begin."""
    busiest = 1.0 + rhythm.swing
    n_most = int(rng.poisson(rhythm.visits_per_day * days * busiest))
    at_s = np.sort(rng.uniform(0.0, days * DAY_S, n_most))
    kept = rng.uniform(0.0, busiest, n_most) < rhythm.level(at_s, zone_h)
    return at_s[kept]
