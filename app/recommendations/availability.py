"""What may be listed, and the one gate that every list passes before it is answered."""

from collections.abc import Iterable

import numpy as np

from app.models.serving import ServedModel, ServingModels
from recsys.arrays import Bools, Ints


def rankable_rows(
    serving: ServingModels, model: ServedModel, seen: Ints, excluded_ids: Iterable[str]
) -> Bools:
    """(n_rows,) rows that a list may take: listable now, never seen, not excluded."""
    allowed = serving.listable(model).copy()
    allowed[seen[seen < model.table.n_rows]] = False
    allowed[rows_of(model, excluded_ids)] = False
    return allowed


def rows_of(model: ServedModel, item_ids: Iterable[str]) -> Ints:
    """The rows of these items; unknown ones have none."""
    rows = [row for item_id in item_ids if (row := model.row_of.get(item_id)) is not None]
    return np.asarray(rows, np.int64)


def pass_gate(serving: ServingModels, model: ServedModel, rows: Ints) -> Ints:
    """Those of `rows` that may be listed at this very moment, in their order."""
    return rows[serving.listable(model)[rows]]
