"""A trained model that ranks with less weight on popular items, group by group.

Who is in which group is decided by what a device knows of itself (`recsys.splits.groups`); how
strongly each group is calibrated, by the validation questions of the same training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.offline.basis import training_users
from evaluation.offline.fairness import SMALL
from recsys.arrays import Floats, Ints
from recsys.calibration import Calibration, calibrated, exposure_term
from recsys.calibration_choice import STRENGTHS, choose, curves
from recsys.history import History
from recsys.metrics.ndcg import gains_at
from recsys.metrics.rank import ranks_of
from recsys.recommender import Fitted, K, Scorer, chunks, not_candidates
from recsys.task import UNSEEN, Grouping, Queries, Task

CALIBRATED = "calibrated"


@dataclass(frozen=True)
class CalibratedScorer:
    """scorer: what it calibrates; group_of: (n_train,) int64, group of each training user;
    term: (n_items,), as `recsys.calibration.exposure_term`
    """

    scorer: Scorer
    calibration: Calibration
    group_of: Ints
    term: Floats

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """(n, n_items). Who is unknown to training is in no group and ranks as before."""
        groups = np.where(users == UNSEEN, -1, self.group_of[users])
        strengths = self.calibration.of(groups)
        return calibrated(self.scorer.scores(histories, users), strengths, self.term)


def with_calibration(fitted: Fitted, task: Task, grouping: str) -> Fitted:
    """The trained model with its calibrated self beside it, and in `chosen` how strongly.

    grouping: a name in task.groups; KeyError if there is none. Only task.train and task.validation
    are read: the test questions take no part.
    """
    groups, term = task.groups[grouping], exposure_term(training_users(task))
    calibration = _chosen(fitted.scorer, task.validation, groups, term)
    scorer = CalibratedScorer(fitted.scorer, calibration, groups.of[task.people], term)
    named = zip(calibration.names, calibration.strengths, strict=True)
    words = ", ".join(f"{name} {strength:g}" for name, strength in named)
    return replace(
        fitted,
        chosen={**fitted.chosen, CALIBRATED: words},
        beside={**fitted.beside, CALIBRATED: scorer},
    )


def _chosen(scorer: Scorer, queries: Queries, groups: Grouping, term: Floats) -> Calibration:
    """Groups of fewer than SMALL people are not calibrated: their quality is mostly noise."""
    of, strengths = groups.of[queries.people], np.zeros(len(groups.names))
    sizes = [len(np.unique(queries.people[of == i])) for i in range(len(groups.names))]
    large = [i for i, n in enumerate(sizes) if n >= SMALL]
    if len(large) > 1:
        gains = _gains(scorer, queries, term)
        strengths[large] = np.array(STRENGTHS)[choose(curves(gains, of, large))]
    return Calibration(groups.names, strengths)


def _gains(scorer: Scorer, queries: Queries, term: Floats) -> Floats:
    """NDCG@10 of every question at every strength: (n_strengths, n_questions)."""
    parts = [_gains_of_part(scorer, part, term) for part in chunks(queries)]
    return np.concatenate(parts, axis=1)


def _gains_of_part(scorer: Scorer, part: Queries, term: Floats) -> Floats:
    scores = scorer.scores(part.histories, part.users)
    blocked = not_candidates(part, scores.shape[1])
    found = []
    for strength in STRENGTHS:
        shifted = calibrated(scores, np.full(len(part), strength), term)
        found.append(gains_at(ranks_of(shifted, part.targets, blocked), K))
    return np.stack(found)
