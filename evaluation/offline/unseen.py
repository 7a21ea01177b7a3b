"""What a model does for users it never trained on, against the same users had it trained on them.

Both answers are to the same questions with the same history; only the training differs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.offline.intervals import N_BOOT, interval, quotient, resample
from evaluation.offline.quality import NDCG, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats, Ints


def unseen_against_seen(
    seen: Sequence[ModelRuns],
    unseen: Sequence[ModelRuns],
    people: Ints,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """By model {"seen", "unseen", "ratio"}: NDCG@10 of either and unseen over seen, paired.

    people: (n_questions,), whose question each is; both sides answered the questions in that order
    Means over seeds, intervals over people. ValueError if the two sides are not the same models.
    """
    drawn = resample(people, np.random.default_rng(seed), n_boot)
    found = {}
    for before, after in zip(seen, unseen, strict=True):
        if before.name != after.name:
            raise ValueError(f"{before.name} and {after.name} are not the same model")
        known, new = drawn.means(np.stack([_gains(before), _gains(after)]))
        parts = {"seen": known, "unseen": new, "ratio": quotient(new, known)}
        found[before.name] = {key: interval(one).json() for key, one in parts.items()}
    return found


def _gains(model: ModelRuns) -> Floats:
    return per_question([run.test for run in model.runs], NDCG)
