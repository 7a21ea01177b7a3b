"""Is a version worse than the live one? How often the answer is wrong, by simulation."""

from collections.abc import Callable
from dataclasses import replace
from math import log

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from federation.promotion import (
    LEVEL,
    MEASURED_MIN,
    VARIANCE_MIN,
    Measurement,
    compare,
    t_quantile,
)

Losses = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Losses]

# Shapes that losses take: near normal, skewed with a long tail, cut off at the grid's bound, and a
# few certain hits among many misses.
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(6.0, 2.0, n),
    "gamma": lambda rng, n: rng.gamma(4.0, 1.5, n),
    "exponential": lambda rng, n: rng.exponential(3.0, n),
    "cut off": lambda rng, n: np.minimum(rng.lognormal(1.5, 0.7, n), 16.0),
    "few hits": lambda rng, n: np.where(rng.random(n) < 0.2, 1.0, 7.0) + rng.normal(0, 0.3, n),
}
SIZES = [(20, 20), (10, 100), (100, 10), (20, 100), (100, 100)]
TRIALS = 2000


def measured(losses: Losses, n_rivals: int = 100) -> Measurement:
    squares = float((losses**2).mean())
    return Measurement(len(losses), float(losses.mean()), squares, n_rivals)


def share_worse(
    version: Callable[[np.random.Generator], Losses], live: Callable[[np.random.Generator], Losses]
) -> float:
    """How often the version is called worse."""
    rng = np.random.default_rng(7)
    found = [compare(measured(version(rng)), measured(live(rng))) for _ in range(TRIALS)]
    return float(np.mean([one is not None and one.is_worse for one in found]))


@pytest.mark.parametrize("sizes", [(0, 100), (MEASURED_MIN - 1, 100), (100, MEASURED_MIN - 1)])
def test_small_cohorts_show_nothing(sizes: tuple[int, int]) -> None:
    version, live = (Measurement(n, 9.0 - i, 90.0, 50) for i, n in enumerate(sizes))
    assert compare(version, live) is None


@pytest.mark.parametrize("freedom", [5.0, 8.0, 18.5, 40.0, 198.0])
@pytest.mark.parametrize("probability", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_quantile_is_student_s(probability: float, freedom: float) -> None:
    expected = float(stats.t.ppf(probability, freedom))
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=0.01, abs=1e-12)


@pytest.mark.parametrize("sizes", [(20, 20), (12, 90), (90, 12)])
def test_agrees_with_the_textbook_tests(sizes: tuple[int, int]) -> None:
    """Worse exactly if both Student's and Welch's test say so."""
    rng = np.random.default_rng(3)
    verdicts = set()
    for _ in range(200):
        version, live = rng.normal(7.0, 3.0, sizes[0]), rng.normal(6.0, 1.5, sizes[1])
        found = compare(measured(version), measured(live))
        assert found is not None
        p_values = [
            stats.ttest_ind(version, live, equal_var=equal, alternative="greater").pvalue
            for equal in (True, False)
        ]
        if abs(max(p_values) / LEVEL - 1) > 0.05:  # the quantile is an approximation
            assert found.is_worse == (max(p_values) < LEVEL)
            verdicts.add(found.is_worse)
    assert verdicts == {True, False}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_false_alarms_keep_the_level(shape: str, sizes: tuple[int, int]) -> None:
    draw = SHAPES[shape]
    rate = share_worse(lambda rng: draw(rng, sizes[0]), lambda rng: draw(rng, sizes[1]))
    # Three standard errors of the simulation above the level.
    assert rate <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)


def test_a_better_version_is_hardly_ever_called_worse() -> None:
    draw = SHAPES["normal"]
    assert share_worse(lambda rng: draw(rng, 100) - 0.2, lambda rng: draw(rng, 100)) <= LEVEL / 2


@pytest.mark.parametrize(
    ("n", "nats", "least"), [(100, 1.0, 0.85), (50, 1.5, 0.85), (20, 2.0, 0.7), (20, 3.0, 0.98)]
)
def test_power(n: int, nats: float, least: float) -> None:
    """A spread of two nats; shuffled rows cost one to three."""
    draw = SHAPES["normal"]
    assert share_worse(lambda rng: draw(rng, n) + nats, lambda rng: draw(rng, n)) >= least


@pytest.mark.parametrize(("n", "most"), [(20, 0.1), (50, 0.3), (100, 0.8)])
def test_hits_alone_would_not_do(n: int, most: float) -> None:
    """Why the loss decides: a version that lost nine of ten hits, by Fisher's exact test."""
    rng = np.random.default_rng(5)
    hits = zip(rng.binomial(n, 0.01, 500), rng.binomial(n, 0.1, 500), strict=True)
    tables = [[[few, n - few], [many, n - many]] for few, many in hits]
    p_values = [stats.fisher_exact(table, alternative="less").pvalue for table in tables]
    assert np.mean(np.asarray(p_values) < LEVEL) < most


def test_cohorts_without_spread_are_not_certain() -> None:
    live = measured(np.full(100, 2.5))
    nearly = compare(measured(np.full(100, 2.51)), live)
    assert nearly is not None
    assert not nearly.is_worse
    assert live.variance == VARIANCE_MIN
    clearly = compare(measured(np.full(100, 2.6)), live)
    assert clearly is not None
    assert clearly.is_worse


def test_a_larger_block_is_allowed_what_it_costs() -> None:
    rng = np.random.default_rng(1)
    live = measured(rng.normal(5.0, 1.0, 100))
    version = measured(rng.normal(5.6, 1.0, 100))
    worse, allowed, shrunk = (
        compare(replace(version, n_rivals=n_rivals), live) for n_rivals in (100, 200, 50)
    )
    assert worse is not None
    assert worse.is_worse
    assert allowed is not None
    assert not allowed.is_worse
    assert allowed.threshold == pytest.approx(worse.threshold + log(2))
    assert shrunk is not None
    assert shrunk.threshold == worse.threshold
