"""What virtual devices are like, and how a visit may go wrong."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Conduct = Literal[
    "honest",
    "drop_out",
    "replay",
    "late",
    "twice",
    "malformed",
    "off_grid",
    "foreign",
    "other_bytes",
]
CONDUCTS: tuple[Conduct, ...] = get_args(Conduct)
LIES: tuple[Conduct, ...] = ("late", "twice", "malformed", "off_grid", "foreign", "other_bytes")
"""`drop_out`: leaves with its lease. `replay`: sends the very bytes again an hour later.

Liars: `late` sends when the lease is over; `twice` sends the same body three times; `malformed`
breaks header or length; `off_grid` sends a word or a metric that the grid does not have;
`foreign` sends to another device's address; `other_bytes` follows its update with another one.
"""

TRAIN_S_MEDIAN = 8.0
LINK_BPS_MEDIAN = 4e6
SLOW_LINK_SHARE = 0.1
SLOW_LINK_FACTOR = 0.02
UPLINK_SHARE = 0.25
CLOCK_SKEW_S = 30.0
WRONG_CLOCK_SHARE = 0.05
WRONG_CLOCK_S = 86_400.0


@dataclass(frozen=True)
class Mix:
    """Shares of the population: visits that drop out or replay, and devices that lie.

    ValueError outside [0, 1].
    """

    drop_out: float = 0.1
    replays: float = 0.02
    liars: float = 0.06

    def __post_init__(self) -> None:
        for name in ("drop_out", "replays", "liars"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1")
        if self.drop_out + self.replays > 1:
            raise ValueError("drop_out and replays: must not exceed 1 together")


@dataclass(frozen=True)
class Profile:
    """One device. skew_s: its clock minus the true time; down_bps, up_bps: its link, bits per
    second; train_s: how long it trains."""

    skew_s: float
    down_bps: float
    up_bps: float
    train_s: float


def draw_profile(mix: Mix, rng: np.random.Generator) -> Profile:
    """A device of the population. Most links are fast and some crawl; most clocks are right."""
    link_bps = LINK_BPS_MEDIAN * float(rng.lognormal(0.0, 0.8))
    if rng.random() < SLOW_LINK_SHARE:
        link_bps *= SLOW_LINK_FACTOR
    wrong = rng.random() < WRONG_CLOCK_SHARE
    return Profile(
        skew_s=round(float(rng.normal(0.0, WRONG_CLOCK_S if wrong else CLOCK_SKEW_S)), 3),
        down_bps=round(link_bps),
        up_bps=round(link_bps * UPLINK_SHARE),
        train_s=round(TRAIN_S_MEDIAN * float(rng.lognormal(0.0, 0.7)), 3),
    )


def draw_lie(mix: Mix, rng: np.random.Generator) -> Conduct | None:
    """What a device does whenever it comes, if it is a liar."""
    chosen = LIES[int(rng.integers(len(LIES)))]
    return chosen if rng.random() < mix.liars else None


def draw_conduct(lie: Conduct | None, mix: Mix, rng: np.random.Generator) -> Conduct:
    """How one visit goes."""
    chance = rng.random()
    if lie is not None:
        return lie
    if chance < mix.drop_out:
        return "drop_out"
    return "replay" if chance < mix.drop_out + mix.replays else "honest"
