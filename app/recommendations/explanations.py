"""Why an item is on a list: exactly what each earlier item adds to its score."""

import numpy as np

from app.models.serving import ServedModel
from app.recommendations.taste import Taste
from recsys.arrays import Bools
from recsys.ranking import attribute

REASONS_MAX = 3


class Explainer:
    """Reasons for the items of one list.

    A score is a sum over events. Events on the same item are added up, so an item is named once;
    items that may not be listed any more are not named either.
    """

    def __init__(self, model: ServedModel, taste: Taste, listable: Bools) -> None:
        self._model = model
        self._taste = taste
        self._rows, self._place = np.unique(taste.history.rows, return_inverse=True)
        self._named = listable[self._rows]

    def because(self, row: int) -> list[tuple[str, float]]:
        """(item id, contribution) of the earlier items that speak most for `row`, best first.

        Only those that add something: one that lowers the score is no reason for it.
        """
        taste = self._taste
        parts = attribute(self._model.table, taste.scalars, taste.tower, taste.history, row)
        sums = np.bincount(self._place, parts.events, minlength=len(self._rows))
        sums[~self._named] = 0.0
        best = np.argsort(-sums, kind="stable")[:REASONS_MAX]
        reasons = ((self._model.id_of[self._rows[i]], float(sums[i])) for i in best if sums[i] > 0)
        return [(item_id, share) for item_id, share in reasons if item_id is not None]
