"""What an evaluation measured, question by question; tables, intervals and plots follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.task import Task

LIST_LENGTH = 10
N_SAMPLED = 99


@dataclass(frozen=True)
class Measured:
    """One scorer on one set of n questions.

    ranks: (n,) float64, rank of the held-out row among all candidates, 1 is best, ties half
    sampled_ranks: (n,) among the held-out row and N_SAMPLED candidates, the same for every model
    n_candidates: (n,) int64
    null_percentiles: (n, m) float64, share of the other candidates that rank below each null, ties
        half: 0.5 on average for a model that knows nothing of it
    null_sampled_ranks: (n, m) of each null among itself and the N_SAMPLED candidates
    log_probability: (n,) float64, log softmax of the scores over all rows at the held-out row
    lists: (n, LIST_LENGTH) int64, the best candidates, best first; -1 where there are fewer
    """

    ranks: Floats
    sampled_ranks: Floats
    n_candidates: Ints
    null_percentiles: Floats
    null_sampled_ranks: Floats
    log_probability: Floats
    lists: Ints


@dataclass(frozen=True)
class Run:
    """One model trained with one seed. cpu_s: CPU seconds of training, choosing included.

    beside: the same for further scorers of the same training ("shared")
    """

    seed: int
    test: Measured
    chosen: Mapping[str, float | int | str]
    curve: tuple[tuple[int, float], ...]
    cpu_s: float
    beside: Mapping[str, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelRuns:
    """One model, a run per seed, all on the same questions."""

    name: str
    runs: tuple[Run, ...]

    def ranks(self) -> Floats:
        """(n_seeds, n_questions)."""
        return np.stack([run.test.ranks for run in self.runs])


@dataclass(frozen=True)
class Evaluation:
    """task: what was asked; its held-out rows are the targets. command: that made it.

    mitigated: the grouping whose gap the runs' calibrated scorers were to narrow, None: none
    """

    task: Task
    models: tuple[ModelRuns, ...]
    command: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    mitigated: str | None = None
