"""Paired bootstrap over people: how far a figure would move with other people.

People are drawn again with replacement; each brings all their questions and, because a question's
value is its mean over the seeds, all seeds. The same draws serve every model, metric and group, so
whatever is compared is compared on the same people: the interval of a ratio is much narrower than
the intervals of its parts suggest. The seeds are held fixed; what they contribute stands beside as
a standard deviation. Efron and Tibshirani 1993, chapters 10 and 13 (percentile intervals).

A *drawn* figure is a vector: at 0 its value on the people as they are, then one value a draw. Drawn
figures are combined as numbers are, and `interval` reads the result.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.arrays import Floats, Ints

N_BOOT = 2000
LEVEL = 0.95
BLOCK = 128  # draws held as floats at a time


def known(value: float) -> float | None:
    """None for NaN and infinities, which JSON does not have."""
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True)
class Interval:
    """A figure and where it lies with probability LEVEL. NaN where it cannot be said."""

    mean: float
    low: float
    high: float

    def json(self) -> dict[str, float | None]:
        """As it stands in the summary: null for what cannot be said."""
        return {"mean": known(self.mean), "low": known(self.low), "high": known(self.high)}


@dataclass(frozen=True)
class Resamples:
    """of: (n_questions,) int64, place of each question's person;
    times: (1 + n_boot, n_people), how often each person is drawn; the first row is all ones
    """

    of: Ints
    times: npt.NDArray[np.uint16]

    def means(self, values: Floats, weights: Floats | float = 1.0) -> Floats:
        """Drawn means of several values a question: (..., 1 + n_boot).

        values: (..., n_questions), finite, or NaN where a question does not count
        weights: of the questions, broadcast against values
        NaN in draws in which no question counts.
        """
        flat = values.reshape(-1, values.shape[-1])
        weight = np.broadcast_to(weights, values.shape).reshape(flat.shape) * ~np.isnan(flat)
        weighted = np.where(np.isnan(flat), 0.0, flat) * weight
        sums, counts = np.split(self._drawn(np.concatenate([weighted, weight])), 2)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return means.reshape(*values.shape[:-1], -1)

    def _drawn(self, values: Floats) -> Floats:
        """Sums over people drawn, (m, 1 + n_boot), of m values a question."""
        n_people = self.times.shape[1]
        each = np.stack([np.bincount(self.of, one, n_people) for one in values], axis=1)
        blocks = [
            self.times[at : at + BLOCK].astype(np.float64) @ each
            for at in range(0, len(self.times), BLOCK)
        ]
        return np.concatenate(blocks).T


def resample(people: Ints, rng: np.random.Generator, n_boot: int = N_BOOT) -> Resamples:
    """Draw people n_boot times. people: (n_questions,), whose question each is.

    ValueError on no questions.
    """
    if not people.size:
        raise ValueError("nobody was asked anything")
    found, of = np.unique(people, return_inverse=True)
    n = len(found)
    times = np.ones((1 + n_boot, n), np.uint16)
    for draw in range(1, 1 + n_boot):
        times[draw] = np.bincount(rng.integers(0, n, n), minlength=n)
    return Resamples(of.astype(np.int64), times)


def interval(drawn: Floats, level: float = LEVEL) -> Interval:
    """The figure and its percentile interval. drawn: (1 + n_boot,); draws of NaN are left out."""
    draws = drawn[1:][np.isfinite(drawn[1:])]
    if not draws.size or not np.isfinite(drawn[0]):
        return Interval(float(drawn[0]), float("nan"), float("nan"))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(drawn[0]), float(low), float(high))


def quotient(above: Floats, below: Floats) -> Floats:
    """Drawn ratio of two drawn figures; NaN where the one below is 0."""
    found: Floats = np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)
    return found


def over_seeds(values: Floats) -> Floats:
    """Mean over seeds, (n_seeds, n_questions) -> (n_questions,); a seed's NaN does not count."""
    there = ~np.isnan(values)
    total, n = np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0)
    found: Floats = np.divide(total, n, out=np.full(values.shape[1], np.nan), where=n > 0)
    return found
