"""Most popular: every user is shown what most users touched. The least that a model has to beat.

Users are counted, not events (`recsys.popularity` says why).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Settings, best_of_grid
from recsys.baselines.event_views import event_views
from recsys.history import History
from recsys.recommender import Fitted, OnProgress
from recsys.task import Task


@dataclass(frozen=True)
class PopularScorer:
    """counts: (n_items,) float32, users who touched each row. The history is ignored."""

    counts: Floats

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        return np.tile(self.counts, (len(histories), 1))


@dataclass(frozen=True)
class Popular:
    """Most popular; validation chooses which event types count."""

    name: str = "popular"

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        views = event_views(task)

        def train(settings: Settings) -> PopularScorer:
            _, rows = views[str(settings["events"])].pairs(task.train)
            return PopularScorer(np.bincount(rows, minlength=task.n_items).astype(np.float32))

        grid: list[Settings] = [{"events": name} for name in views]
        return best_of_grid(grid, train, task.validation, on_progress)
