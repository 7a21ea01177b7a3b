"""EASE: a linear item-item model with a closed form. Steck 2019, https://arxiv.org/abs/1905.03375.

With P = (X^T X + lambda I)^-1, equation 8: B_ij = -P_ij / P_jj off the diagonal, 0 on it; a user's
scores are x B. X is binary, a row a user.

The inverse is dense: n_items^2 numbers, and n_items^3 multiplications per lambda by Cholesky's way
(X^T X + lambda I is positive definite). One eigendecomposition for every lambda would not pay: it
costs several times as much, and each lambda would still take the product that puts it together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.linalg import lapack

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Settings, best_of_grid
from recsys.baselines.event_views import EventView, event_views
from recsys.baselines.incidence import incidence
from recsys.history import History
from recsys.recommender import Fitted, OnProgress
from recsys.task import Task

LAMBDAS = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0)
# A large catalogue pays half a minute per point: fewer of them over the same range.
LAMBDAS_LARGE = (50.0, 200.0, 800.0)
N_ITEMS_LARGE = 6000
MIRROR_ROWS = 1024


@dataclass(frozen=True)
class EaseScorer:
    """weights: B, (n_items, n_items) float32; folds any history in, the newest event included."""

    weights: Floats
    view: EventView

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        known = incidence(histories, self.weights.shape[0], self.view)
        found: Floats = known @ self.weights
        return found


@dataclass(frozen=True)
class Ease:
    """EASE; validation chooses lambda and the event types."""

    name: str = "ease"

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        views = event_views(task)

        def train(settings: Settings) -> EaseScorer:
            view = views[str(settings["events"])]
            known = incidence(task.train, task.n_items, view)
            return EaseScorer(ease_weights(known, float(settings["lambda"])), view)

        lambdas = LAMBDAS if task.n_items <= N_ITEMS_LARGE else LAMBDAS_LARGE
        grid: list[Settings] = [{"events": v, "lambda": l2} for v, l2 in product(views, lambdas)]
        return best_of_grid(grid, train, task.validation, on_progress)


def ease_weights(known: Any, l2: float) -> Floats:
    """B of equation 8, (n_items, n_items) float32.

    known: (n_users, n_items) sparse, X; l2: lambda, > 0. float32 throughout: the smallest
    eigenvalue is at least lambda, so that the inverse is well conditioned.
    """
    precision = np.asfortranarray((known.T @ known).toarray(), np.float32)
    precision[np.diag_indices_from(precision)] += l2
    inverse = _inverse(precision)
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    return inverse


def _inverse(positive: Floats) -> Floats:
    """Inverse of a symmetric positive definite float32 matrix in Fortran order, in its memory."""
    factor, failed = lapack.spotrf(positive, lower=0, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=0, overwrite_c=1)
    if failed:
        raise ValueError("X^T X + lambda I is not positive definite: lambda must be above 0")
    return _mirrored(factor.T)  # C order; the triangle that LAPACK filled is now the lower one


def _mirrored(full: Floats) -> Floats:
    """The lower triangle copied onto the upper one, a block of rows at a time, in place."""
    for start in range(0, full.shape[0], MIRROR_ROWS):
        end = start + MIRROR_ROWS
        corner = full[start:end, start:end]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
        full[start:end, end:] = full[end:, start:end].T
    return full
