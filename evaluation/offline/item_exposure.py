"""What is shown, by popularity of the item: share of the list places against share of events."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.offline.bands import item_bands
from evaluation.offline.basis import Basis, training_events
from evaluation.offline.intervals import known
from evaluation.offline.results import ModelRuns
from recsys.arrays import Bools, Floats
from recsys.metrics.exposure import exposure


def item_exposure(models: Sequence[ModelRuns], basis: Basis) -> list[dict[str, Any]]:
    """Per band of items that may be listed: how many, shares of events, answers and list places.

    train_share: of the training events; target_share: of the held-out items;
    slots: by model, of the places in all lists, mean over seeds
    """
    bands = item_bands(basis.popularity).take(basis.catalogue)
    masks = bands.masks()
    targets = exposure(basis.queries.targets[:, None], basis.task.n_items)
    events = training_events(basis.task).astype(np.float64)
    trained = _shares(events[basis.catalogue], masks)
    answers = _shares(targets[basis.catalogue], masks)
    slots = {model.name: _slots(model, masks, basis) for model in models}
    return [
        {
            "name": name,
            "items": int(masks[i].sum()),
            "train_share": known(trained[i]),
            "target_share": known(answers[i]),
            "slots": {model: known(shares[i]) for model, shares in slots.items()},
        }
        for i, name in enumerate(bands.names)
    ]


def _slots(model: ModelRuns, masks: Bools, basis: Basis) -> Floats:
    lists = np.concatenate([run.test.lists for run in model.runs])
    return _shares(exposure(lists, basis.task.n_items)[basis.catalogue], masks)


def _shares(values: Floats, masks: Bools) -> Floats:
    """Share of each band in the total, NaN where the total is 0."""
    total = values.sum()
    found: Floats = masks @ values / total if total else np.full(len(masks), np.nan)
    return found
