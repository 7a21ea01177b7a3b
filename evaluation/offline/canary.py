"""The null-item canary: does anything tell a model which items are held out?

Every place that treats the held-out item differently (loader, sampler, adaptation, early stopping,
masks) gives the same treatment to a few random items that the user never touched. They carry no
preference, so an honest model ranks them like any other item that the user never saw: at the 0.5
percentile on average. A model whose sampler never pushes the held-out item down lifts them too, and
that lift is the part of its quality that is no skill.

The null items are the same for every seed, so seeds are averaged first and the standard error is
over people.
"""

from dataclasses import asdict, dataclass

import numpy as np

from evaluation.offline.intervals import known
from evaluation.offline.results import N_SAMPLED, ModelRuns
from recsys.arrays import Floats, Ints
from recsys.task import Queries

CHANCE = 0.5
K = 10


@dataclass(frozen=True)
class Canary:
    """percentile: mean of the nulls among the candidates, CHANCE for an honest model
    z: its distance from CHANCE in standard errors; within_two: the verdict
    sampled_hr: share of nulls among the first K of themselves and the sampled candidates;
    sampled_chance: what it is for an honest model. Ties count half a place each, so a model with
    many ties stays below: it informs, the percentile decides.
    """

    percentile: float
    standard_error: float
    z: float
    within_two: bool
    sampled_hr: float
    sampled_hr_se: float
    sampled_chance: float

    def json(self) -> dict[str, float | bool | None]:
        """As it stands in the summary."""
        return {k: v if isinstance(v, bool) else known(v) for k, v in asdict(self).items()}


def canary(model: ModelRuns, queries: Queries) -> Canary | None:
    """The statistic of one model; None where there are no nulls, or not two people to err by."""
    if not queries.nulls.shape[1] or len(np.unique(queries.people)) < 2:
        return None
    percentiles = np.stack([run.test.null_percentiles for run in model.runs])
    hits = np.stack([run.test.null_sampled_ranks <= K for run in model.runs])
    mean, error = mean_and_error(percentiles.mean(axis=(0, 2)), queries.people)
    hit_rate, hit_error = mean_and_error(hits.mean(axis=(0, 2)), queries.people)
    away = mean - CHANCE
    return Canary(
        percentile=mean,
        standard_error=error,
        z=away / error if error else float(np.sign(away)) * np.inf if away else 0.0,
        within_two=abs(away) <= 2 * error,
        sampled_hr=hit_rate,
        sampled_hr_se=hit_error,
        sampled_chance=_chance(model, queries),
    )


def mean_and_error(values: Floats, people: Ints) -> tuple[float, float]:
    """Mean over questions and its standard error over people, of whom there must be two.

    A person's questions come together: the error is of sums over people, not of single questions.
    """
    of = np.unique(people, return_inverse=True)[1]
    mean = float(values.mean())
    away = np.bincount(of, values - mean)
    n = len(away)
    return mean, float(np.sqrt((away**2).sum() * n / (n - 1)) / len(values))


def _chance(model: ModelRuns, queries: Queries) -> float:
    """The K first places out of the null and its candidates, of which a small catalogue has few."""
    others = model.runs[0].test.n_candidates - 1 - queries.nulls.shape[1]
    return float(np.minimum(1.0, K / (1 + np.minimum(others, N_SAMPLED))).mean())
