"""Lists of one model version: ranked for a vector, similar to an item, popular."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.models.serving import ServedModel, ServingModels
from app.recommendations.answer import ListedItem, Source
from app.recommendations.availability import pass_gate, rankable_rows
from app.recommendations.list_request import ListRequest
from recsys.arrays import Bools, Floats, Ints
from recsys.ranking import scores, similar, top_k

Reasons = Callable[[int], Sequence[tuple[str, float]]]
"""Row -> (item id, contribution), best first."""

NO_ROWS = np.zeros(0, np.int64)


def no_reasons(_: int) -> Sequence[tuple[str, float]]:
    """For lists whose reasons are not known or not asked for."""
    return ()


@dataclass(frozen=True)
class Lists:
    """What one request may list of one version. allowed: (n_rows,); limit: most items."""

    serving: ServingModels
    model: ServedModel
    allowed: Bools
    limit: int

    @classmethod
    def of(
        cls,
        serving: ServingModels,
        model: ServedModel,
        request: ListRequest,
        seen: Ints = NO_ROWS,
    ) -> "Lists":
        """Everything listable but `seen` rows and excluded items."""
        allowed = rankable_rows(serving, model, seen, request.exclude)
        return cls(serving, model, allowed, request.limit)

    def ranked(
        self, vector: Floats, source: Source, reasons: Reasons = no_reasons
    ) -> tuple[ListedItem, ...]:
        """The best items for a user vector (d,)."""
        row_scores = scores(self.model.table, vector)
        rows = top_k(row_scores, np.flatnonzero(~self.allowed), self.limit)
        return self._filled(rows, row_scores[rows], source, reasons)

    def similar(self, row: int) -> tuple[ListedItem, ...]:
        """The items nearest to that of `row`; their score is the cosine of the two targets."""
        rows = similar(self.model.table, row, self.limit, ~self.allowed)
        target = self.model.table.target
        norms = np.linalg.norm(target[rows], axis=1) * np.linalg.norm(target[row])
        cosines = (target[rows] @ target[row]) / np.where(norms > 0, norms, 1)
        return self._filled(rows, cosines, "similar", no_reasons, but=row)

    def popular(self) -> tuple[ListedItem, ...]:
        """The most popular items; their score is the number of events of hosted users."""
        return self._filled(NO_ROWS, np.zeros(0, np.float32), "popular", no_reasons)

    def _filled(
        self, rows: Ints, row_scores: Floats, source: Source, reasons: Reasons, but: int = -1
    ) -> tuple[ListedItem, ...]:
        """The rows as items, filled up with popular ones to the limit; never the row `but`."""
        items = self._items(rows, row_scores, source, reasons)
        missing = self.limit - len(items)
        if missing <= 0:
            return items
        order = self.model.popular_rows
        left = self.allowed[order] & ~np.isin(order, rows) & (order != but)
        more = order[left][:missing]
        return items + self._items(more, self.model.popularity[more], "popular", no_reasons)

    def _items(
        self, rows: Ints, row_scores: Floats, source: Source, reasons: Reasons
    ) -> tuple[ListedItem, ...]:
        score_of = dict(zip(rows.tolist(), row_scores.tolist(), strict=True))
        id_of = self.model.id_of
        return tuple(
            ListedItem(item_id, score_of[row], source, tuple(reasons(row)))
            for row in pass_gate(self.serving, self.model, rows).tolist()
            if (item_id := id_of[row]) is not None
        )
