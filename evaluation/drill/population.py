"""A population and its days, drawn from a seed: the trace that a drill begins with."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from evaluation.drill.arrivals import Rhythm, visit_times
from evaluation.drill.behaviour import Mix, Profile, draw_conduct, draw_lie, draw_profile
from evaluation.drill.dice import POPULATION, dice
from evaluation.drill.trace import DAYS_MAX, DEVICES_MAX, Arrival, Trace


@dataclass(frozen=True)
class Population:
    """How many devices for how many days, their rhythm and their manners. ValueError by field."""

    devices: int = 2_000
    days: float = 2.0
    rhythm: Rhythm = field(default_factory=Rhythm)
    mix: Mix = field(default_factory=Mix)

    def __post_init__(self) -> None:
        if not 1 <= self.devices <= DEVICES_MAX:
            raise ValueError(f"devices: must lie between 1 and {DEVICES_MAX}")
        if not 1e-3 <= self.days <= DAYS_MAX:
            raise ValueError(f"days: must lie between 0.001 and {DAYS_MAX:g}")


def draw_trace(population: Population, seed: int) -> Trace:
    """Devices and arrivals. A device's are the same however many others there are."""
    devices: list[Profile] = []
    arrivals: list[Arrival] = []
    for number in range(population.devices):
        rng = dice(seed, POPULATION, number)
        devices.append(draw_profile(population.mix, rng))
        arrivals.extend(_draw_arrivals(population, number, rng))
    arrivals.sort(key=lambda arrival: (arrival.at, arrival.device))
    return Trace(seed, population.days, tuple(devices), tuple(arrivals))


def _draw_arrivals(
    population: Population, number: int, rng: np.random.Generator
) -> Iterator[Arrival]:
    rhythm, mix = population.rhythm, population.mix
    zone_h = float(rng.normal(0.0, rhythm.zone_spread_h))
    lie = draw_lie(mix, rng)
    for at_s in visit_times(rhythm, population.days, zone_h, rng):
        yield Arrival(
            at=round(float(at_s), 3),
            device=number,
            stays_s=round(float(rng.exponential(rhythm.stay_s)), 3),
            conduct=draw_conduct(lie, mix, rng),
        )
