"""Models against each other: ratios of means over the same people, and quality within bands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.offline.bands import Bands, within
from evaluation.offline.basis import Basis
from evaluation.offline.intervals import interval, quotient
from evaluation.offline.quality import HR, NDCG, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats

COMPARED = (NDCG, HR)
MAIN = "twofold"


def main_of(models: Sequence[ModelRuns]) -> str:
    """The model that the others are held against: Twofold, else the best by NDCG@10."""
    names = [model.name for model in models]
    if MAIN in names:
        return MAIN
    return max(models, key=lambda model: float(_values(model, NDCG).mean())).name


def ratios(models: Sequence[ModelRuns], main: str, basis: Basis) -> list[dict[str, Any]]:
    """Mean of the main model over that of each other one, by metric, with the paired interval."""
    found = []
    for metric in COMPARED:
        drawn = basis.drawn.means(np.stack([_values(model, metric) for model in models]))
        means = dict(zip((model.name for model in models), drawn, strict=True))
        found += [
            {"of": main, "to": name, "metric": metric}
            | interval(quotient(means[main], mean)).json()
            for name, mean in means.items()
            if name != main
        ]
    return found


def by_bands(models: Sequence[ModelRuns], bands: Bands, basis: Basis) -> list[dict[str, Any]]:
    """Per band of questions its name, n questions, and every model's NDCG@10 and HR@10."""
    masks = bands.masks()
    found: list[dict[str, Any]] = [
        {"name": name, "n": int(mask.sum()), "models": {}}
        for name, mask in zip(bands.names, masks, strict=True)
    ]
    for model in models:
        values = np.stack([_values(model, metric) for metric in COMPARED])
        drawn = basis.drawn.means(within(values, masks))
        for i, band in enumerate(found):
            band["models"][model.name] = {
                metric: interval(drawn[m, i]).json() for m, metric in enumerate(COMPARED)
            }
    return found


def _values(model: ModelRuns, metric: str) -> Floats:
    return per_question([run.test for run in model.runs], metric)
