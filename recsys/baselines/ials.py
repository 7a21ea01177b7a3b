"""iALS: matrix factorisation of implicit feedback, from the `implicit` library.

Hu, Koren and Volinsky 2008, equations 3 to 5, https://doi.org/10.1109/ICDM.2008.22.

A touched pair is a 1 with weight `alpha`, every other pair a 0 with weight 1. Rendle et al. 2022
(https://arxiv.org/abs/2110.14037) show how much of its quality is in weight and regularisation, so
these are searched first, at one width; the other widths are tried at the best point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Setting, Settings, best_by_axes
from recsys.baselines.event_views import ALL, EventView, event_views
from recsys.baselines.incidence import incidence
from recsys.history import History
from recsys.recommender import Fitted, OnProgress
from recsys.task import Task

START: Settings = {"events": ALL, "alpha": 3.0, "l2": 10.0, "factors": 64}
AXES: dict[str, Sequence[Setting]] = {
    "alpha": (1.0, 3.0, 10.0, 30.0),
    "l2": (3.0, 10.0, 30.0, 100.0),
    "factors": (32, 64, 128, 256),
}
ITERATIONS = 15


@dataclass(frozen=True)
class IalsScorer:
    """model: trained; a user's vector is solved anew from the history given, as in training."""

    model: Any
    view: EventView

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        known = incidence(histories, self.model.item_factors.shape[0], self.view)
        with one_blas_thread():
            vectors = self.model.recalculate_user(np.arange(len(histories)), known)
        found: Floats = vectors @ self.model.item_factors.T
        return found


@dataclass(frozen=True)
class Ials:
    """iALS; validation chooses event types, weight, regularisation and width."""

    name: str = "ials"

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        views = event_views(task)

        def train(settings: Settings) -> IalsScorer:
            view = views[str(settings["events"])]
            known = incidence(task.train, task.n_items, view)
            return IalsScorer(_trained(known, settings, seed), view)

        axes = {"events": tuple(views), **AXES}
        return best_by_axes(START, axes, train, task.validation, on_progress)


def _trained(known: Any, settings: Settings, seed: int) -> Any:
    with one_blas_thread():
        model = AlternatingLeastSquares(
            factors=int(settings["factors"]),
            regularization=float(settings["l2"]),
            alpha=float(settings["alpha"]),
            iterations=ITERATIONS,
            random_state=seed,
        )
        model.fit(known, show_progress=False)
    return model


def one_blas_thread() -> Any:
    """For a `with`: BLAS on one thread.

    `implicit` spreads users over threads of its own; BLAS threads inside each would fight them,
    and the library warns as long as BLAS may have more than one.
    """
    return threadpool_limits(1, "blas")
