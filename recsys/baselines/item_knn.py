"""Item-item nearest neighbours, from the `implicit` library (https://github.com/benfred/implicit).

A user's score of a row is the sum of its similarities to the rows of the history, where only the
`neighbours` nearest of each row count. Similarity: cosine, or cosine of TF-IDF weights, or BM25.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight, normalize, tfidf_weight

from recsys.arrays import Floats, Ints
from recsys.baselines.choosing import Settings, best_of_grid
from recsys.baselines.event_views import EventView, event_views
from recsys.baselines.incidence import incidence
from recsys.history import History
from recsys.recommender import Fitted, OnProgress
from recsys.task import Task

NEIGHBOURS = (20, 50, 100, 200, 400)
BM25_K1 = 1.2
BM25_B = 0.75
# (n_items, n_users) incidence -> the same with weights; similarity is the product of two rows.
WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "cosine": normalize,
    "tf-idf": lambda touched: normalize(tfidf_weight(touched)),
    "bm25": lambda touched: bm25_weight(touched, BM25_K1, BM25_B),
}


@dataclass(frozen=True)
class ItemKnnScorer:
    """similarity: (n_items, n_items) sparse, a row per item. Folds any history in."""

    similarity: Any
    view: EventView

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        known = incidence(histories, self.similarity.shape[0], self.view)
        found: Floats = (known @ self.similarity).toarray()
        return found


@dataclass(frozen=True)
class ItemKnn:
    """Nearest neighbours; validation chooses similarity, neighbourhood and event types."""

    name: str = "item-knn"

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        views = event_views(task)

        def train(settings: Settings) -> ItemKnnScorer:
            view = views[str(settings["events"])]
            touched = incidence(task.train, task.n_items, view).T
            weighted = WEIGHTS[str(settings["similarity"])](touched).T
            return ItemKnnScorer(_similarity(weighted, int(settings["neighbours"])), view)

        grid: list[Settings] = [
            {"events": view, "similarity": kind, "neighbours": k}
            for view, kind, k in product(views, WEIGHTS, NEIGHBOURS)
        ]
        return best_of_grid(grid, train, task.validation, on_progress)


def _similarity(weighted: Any, neighbours: int) -> Any:
    """(n_items, n_items) sparse from (n_users, n_items) weights: each row's nearest rows."""
    model = ItemItemRecommender(K=neighbours)
    model.fit(weighted.tocsr(), show_progress=False)
    return model.similarity
