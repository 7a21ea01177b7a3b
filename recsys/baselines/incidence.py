"""Histories as a sparse matrix of who touched what, as the linear baselines read them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recsys.baselines.event_views import EventView
from recsys.history import History


def incidence(histories: Sequence[History], n_items: int, view: EventView) -> Any:
    """(n_histories, n_items) float32 CSR: 1 where the history touches the row, however often."""
    users, rows = view.pairs(histories)
    ones = np.ones(rows.shape[0], np.float32)
    return csr_matrix((ones, (users, rows)), shape=(len(histories), n_items))
