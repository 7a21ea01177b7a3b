"""Items that training never met: how often they are found, against what chance would find.

Two sets of candidates: the cold items alone (which of the new items?), and all items (does a new
item ever rise above those that everybody knows?).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.offline.intervals import N_BOOT, Resamples, interval, quotient, resample
from evaluation.offline.quality import RECALL, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats, Ints

K = 10


def cold_recall(
    among_cold: Sequence[ModelRuns],
    among_all: Sequence[ModelRuns],
    people: Ints,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """By set of candidates ("among_cold", "among_all") its size, what chance reaches, every model.

    people: (n_questions,), whose question each is
    {"n_candidates", "chance", "models": {name: {"recall@10", "to_chance"}}}: candidates a question
    on average; mean recall@10 and its ratio to random scores', each with its interval over people.
    """
    drawn = resample(people, np.random.default_rng(seed), n_boot)
    sets = {"among_cold": among_cold, "among_all": among_all}
    return {name: _of_set(models, drawn) for name, models in sets.items()}


def _of_set(models: Sequence[ModelRuns], drawn: Resamples) -> dict[str, Any]:
    n_candidates = models[0].runs[0].test.n_candidates
    chance = np.minimum(1.0, K / n_candidates)
    recalls = [per_question([run.test for run in model.runs], RECALL) for model in models]
    luck, *means = _means(np.stack([chance, *recalls]), drawn)
    return {
        "n_candidates": float(n_candidates.mean()),
        "chance": float(luck[0]),
        "models": {
            model.name: {
                RECALL: interval(mean).json(),
                "to_chance": interval(quotient(mean, luck)).json(),
            }
            for model, mean in zip(models, means, strict=True)
        },
    }


def _means(values: Floats, drawn: Resamples) -> Floats:
    """Every person counts the same, however many their questions."""
    return drawn.means(values, 1.0 / np.bincount(drawn.of)[drawn.of])
