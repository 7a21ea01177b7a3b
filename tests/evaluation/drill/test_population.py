"""Populations: what is refused, day and night, and that a seed decides all of it."""

from collections import Counter

import numpy as np
import pytest

from evaluation.drill.arrivals import DAY_S, Rhythm, visit_times
from evaluation.drill.behaviour import LIES, Mix
from evaluation.drill.population import Population, draw_trace


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Population(devices=0), "devices"),
        (lambda: Population(days=0.0), "days"),
        (lambda: Population(days=float("nan")), "days"),
        (lambda: Rhythm(visits_per_day=0.0), "visits_per_day"),
        (lambda: Rhythm(stay_s=-1.0), "stay_s"),
        (lambda: Rhythm(swing=1.1), "swing"),
        (lambda: Mix(drop_out=-0.1), "drop_out"),
        (lambda: Mix(drop_out=0.6, replays=0.6), "drop_out"),
        (lambda: Mix(liars=float("nan")), "liars"),
    ],
)
def test_what_no_population_can_be_is_refused(make: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()  # type: ignore[operator]


def test_visits_are_as_many_as_wished_and_follow_the_day() -> None:
    rhythm = Rhythm(visits_per_day=3.0, swing=0.8, peak_hour=22.0)
    at_s = visit_times(rhythm, 3_000.0, 0.0, np.random.default_rng(1))
    assert at_s.size == pytest.approx(9_000, rel=0.05)  # 5 standard deviations
    hour = (at_s % DAY_S) / 3_600.0
    busy = np.sum((hour >= 20) & (hour < 24))
    quiet = np.sum((hour >= 8) & (hour < 12))
    assert busy / quiet == pytest.approx(8.2, rel=0.3)  # (1 + 0.8 s) / (1 - 0.8 s), s = sinc
    assert np.all(np.diff(at_s) >= 0)


def test_zones_move_the_peak() -> None:
    rhythm = Rhythm(visits_per_day=3.0, swing=1.0, peak_hour=12.0)
    at_s = visit_times(rhythm, 2_000.0, 6.0, np.random.default_rng(1))
    angle = np.exp(2j * np.pi * (at_s % DAY_S) / DAY_S).mean()
    assert (np.angle(angle) / (2 * np.pi) * 24) % 24 == pytest.approx(6.0, abs=0.3)


def test_a_seed_decides_all_and_devices_are_independent() -> None:
    small, large = Population(20, 1.0), Population(40, 1.0)
    assert draw_trace(small, 4) == draw_trace(small, 4) != draw_trace(small, 5)
    among = [one for one in draw_trace(large, 4).arrivals if one.device < 20]
    assert tuple(among) == draw_trace(small, 4).arrivals


def test_conducts_come_in_their_shares() -> None:
    mix = Mix(drop_out=0.2, replays=0.1, liars=0.3)
    trace = draw_trace(Population(3_000, 1.0, Rhythm(visits_per_day=4.0), mix), 2)
    shares = Counter(one.conduct for one in trace.arrivals)
    n = len(trace.arrivals)
    assert sum(shares[lie] for lie in LIES) / n == pytest.approx(0.3, abs=0.03)
    assert shares["drop_out"] / n == pytest.approx(0.2 * 0.7, abs=0.02)
    assert shares["replay"] / n == pytest.approx(0.1 * 0.7, abs=0.02)
    assert all(shares[lie] for lie in LIES)
