"""EASE against what it is defined as: least squares without an item's own column."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.baselines import ease


def by_regression(known: np.ndarray, l2: float) -> np.ndarray:
    """Steck 2019, equations 2 and 3: each column by ridge regression on all the other columns."""
    n = known.shape[1]
    weights = np.zeros((n, n))
    for j in range(n):
        others = np.delete(np.arange(n), j)
        x = known[:, others]
        normal = x.T @ x + l2 * np.eye(n - 1)
        weights[others, j] = np.linalg.solve(normal, x.T @ known[:, j])
    return weights


@pytest.mark.parametrize("mirror_rows", [3, 1024])
def test_weights_solve_the_constrained_regression(
    mirror_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "MIRROR_ROWS", mirror_rows)
    known = (np.random.default_rng(2).random((40, 11)) < 0.3).astype(np.float32)
    known[:, 4] = 0  # nobody touched it
    found = ease.ease_weights(csr_matrix(known), 5.0)
    np.testing.assert_allclose(found, by_regression(known.astype(float), 5.0), atol=2e-6)
    assert not np.diag(found).any()


def test_a_lambda_that_regularises_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="lambda"):
        ease.ease_weights(csr_matrix(np.zeros((3, 4), np.float32)), 0.0)
