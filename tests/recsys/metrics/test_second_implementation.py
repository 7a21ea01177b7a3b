"""Every rank metric against torchmetrics, which sorts scores and knows nothing of our ranks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import (
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from recsys.metrics.hit_rate import hit_rate_at, hits_at
from recsys.metrics.mrr import mrr_at, reciprocals_at
from recsys.metrics.ndcg import gains_at, ndcg_at
from recsys.metrics.rank import ranks_of
from recsys.metrics.recall import recalls_at

RNG = np.random.default_rng(21)
N, N_ITEMS = 100, 70
# torchmetrics takes scores for probabilities: what is not above 0 is never relevant to it.
SCORES = RNG.random((N, N_ITEMS), dtype=np.float32) + 0.1
TARGETS = RNG.integers(0, N_ITEMS, N)
EXCLUDED = RNG.random((N, N_ITEMS)) < 0.25
EXCLUDED[np.arange(N), TARGETS] = False
RANKS = ranks_of(SCORES, TARGETS, EXCLUDED)
PEOPLE = RNG.integers(0, 45, N)


def theirs(metric: Callable[..., torch.Tensor], k: int) -> list[float]:
    found = []
    for scores, target, out in zip(SCORES, TARGETS, EXCLUDED, strict=True):
        relevant = np.arange(N_ITEMS) == target
        values = metric(torch.tensor(scores[~out]), torch.tensor(relevant[~out]), top_k=k)
        found.append(float(values))
    return found


@pytest.mark.parametrize("k", [1, 5, 10, 40])
@pytest.mark.parametrize(
    ("ours", "mean", "metric"),
    [
        (hits_at, hit_rate_at, retrieval_hit_rate),
        (gains_at, ndcg_at, retrieval_normalized_dcg),
        (reciprocals_at, mrr_at, retrieval_reciprocal_rank),
    ],
)
def test_agrees(
    ours: Callable[..., np.ndarray],
    mean: Callable[..., float],
    metric: Callable[..., torch.Tensor],
    k: int,
) -> None:
    expected = theirs(metric, k)
    assert ours(RANKS, k) == pytest.approx(expected, abs=1e-6)
    assert mean(RANKS, k) == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("k", [1, 10])
def test_recall_is_theirs_of_a_persons_questions(k: int) -> None:
    found = theirs(retrieval_recall, k)
    persons = {p: [v for v, of in zip(found, PEOPLE, strict=True) if of == p] for p in PEOPLE}
    expected = [np.mean(persons[p]) for p in sorted(persons)]
    assert recalls_at(RANKS, PEOPLE, k) == pytest.approx(expected, abs=1e-6)
