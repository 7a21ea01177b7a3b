"""The demo's data: a dataset, what is held out of it, and how its shoppers are called."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.datasets import formats, sample_shop
from recsys.datasets.interactions import Dataset, ItemRecord
from recsys.popularity import popularity
from recsys.splits import HoldOut, hold_out_last

# Formats with something to show: the others have items without titles.
FORMATS = ("movielens", "events-csv")
PURCHASE = "purchase"


@dataclass(frozen=True)
class Shop:
    """One dataset, split by time.

    split.train is all that devices and baselines ever see. currency: ISO 4217 code of the prices.
    """

    dataset: Dataset
    split: HoldOut
    currency: str | None

    @property
    def items(self) -> dict[str, ItemRecord]:
        """Items by id."""
        return {item.id: item for item in self.dataset.items}

    def popularity(self) -> dict[str, float]:
        """Users who touched each item, counted on training histories only."""
        counts = popularity(self.split.train, self.dataset.item_ids)
        return dict(zip(self.dataset.item_ids, np.asarray(counts).tolist(), strict=True))


def load_shop(path: Path | None, format: str) -> Shop:
    """The sample shop, or the user's data.

    Held out: the last purchase where there are purchases, else the last event.
    Raises: ValueError naming file and line, or the unknown format.
    """
    if path is None:
        dataset = sample_shop.generate()
        return Shop(dataset, hold_out_last(dataset, PURCHASE), "EUR")
    dataset = formats.load(path, format, FORMATS)
    bought = any(e.type == PURCHASE for history in dataset.histories.values() for e in history)
    return Shop(dataset, hold_out_last(dataset, PURCHASE if bought else None), None)
