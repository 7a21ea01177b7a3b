"""The metrics of one model: mean over seeds, deviation over seeds, interval over people.

Coverage and Gini get no interval: they are properties of all lists together, and people drawn with
replacement are fewer different people, who always cover less. Their spread over seeds is given.
Sampled metrics come last, and decide nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.offline.basis import Basis
from evaluation.offline.intervals import interval, known, over_seeds
from evaluation.offline.results import LIST_LENGTH, Measured
from recsys.arrays import Floats
from recsys.metrics.coverage import coverage
from recsys.metrics.exposure import exposure
from recsys.metrics.gini import gini
from recsys.metrics.hit_rate import hits_at
from recsys.metrics.mrr import reciprocals_at
from recsys.metrics.ndcg import gains_at
from recsys.metrics.novelty import novelties

NDCG, HR, RECALL, NOVELTY = "ndcg@10", "hr@10", "recall@10", "novelty@10"
BY_RANK: dict[str, Callable[[Measured], Floats]] = {
    NDCG: lambda m: gains_at(m.ranks, 10),
    HR: lambda m: hits_at(m.ranks, 10),
    "ndcg@20": lambda m: gains_at(m.ranks, 20),
    "hr@20": lambda m: hits_at(m.ranks, 20),
    RECALL: lambda m: hits_at(m.ranks, 10),  # weighted so that people, not questions, count
    "mrr@10": lambda m: reciprocals_at(m.ranks, 10),
}
SAMPLED: dict[str, Callable[[Measured], Floats]] = {
    "sampled_hr@10": lambda m: hits_at(m.sampled_ranks, 10),
    "sampled_ndcg@10": lambda m: gains_at(m.sampled_ranks, 10),
}

Metrics = dict[str, dict[str, float | None]]


def per_question(seeds: Sequence[Measured], metric: str) -> Floats:
    """Mean over seeds of a rank metric, (n_questions,), for comparisons."""
    return over_seeds(np.stack([BY_RANK[metric](one) for one in seeds]))


def quality(seeds: Sequence[Measured], basis: Basis) -> Metrics:
    """Every metric: {"mean", "std", "low", "high"}, null for what cannot be said.

    seeds: the same questions to the same model trained with each seed
    """
    makers = BY_RANK | {NOVELTY: lambda m: novelties(m.lists, basis.bits)} | SAMPLED
    values = {name: np.stack([make(one) for one in seeds]) for name, make in makers.items()}
    found = _with_intervals(values, basis)
    whole = [_of_all_lists(one, basis) for one in seeds]
    found |= {name: _over_seeds_alone([one[name] for one in whole]) for name in whole[0]}
    return {name: found[name] for name in sorted(found, key=lambda name: name in SAMPLED)}


def _with_intervals(values: dict[str, Floats], basis: Basis) -> Metrics:
    weights = np.ones((len(values), len(basis.queries)))
    weights[list(values).index(RECALL)] = basis.person_weights
    drawn = basis.drawn.means(np.stack([over_seeds(v) for v in values.values()]), weights)
    return {
        name: {**interval(one).json(), "std": known(_std(_means(seeds, weight)))}
        for (name, seeds), one, weight in zip(values.items(), drawn, weights, strict=True)
    }


def _means(values: Floats, weights: Floats) -> Floats:
    """Mean of each seed, NaN where it has nothing: (n_seeds,)."""
    there = ~np.isnan(values)
    total, n = (np.where(there, values, 0.0) * weights).sum(axis=1), (there * weights).sum(axis=1)
    found: Floats = np.divide(total, n, out=np.full(len(values), np.nan), where=n > 0)
    return found


def _std(values: Floats) -> float:
    """Sample deviation over seeds; NaN of a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _of_all_lists(measured: Measured, basis: Basis) -> dict[str, float]:
    shown = exposure(measured.lists, basis.task.n_items)[basis.catalogue]
    unequal = gini(shown) if shown.any() else float("nan")
    return {f"coverage@{LIST_LENGTH}": coverage(shown), f"gini@{LIST_LENGTH}": unequal}


def _over_seeds_alone(values: Sequence[float]) -> dict[str, float | None]:
    of = np.array(values)
    return {"mean": known(of.mean()), "low": None, "high": None, "std": known(_std(of))}
