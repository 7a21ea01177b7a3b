"""A made-up shop, always the same for the same seed: what the demo runs on.

The catalogue (`catalogue`) has believable items; the shoppers (`tastes`, `sessions`) browse, put
in the cart and buy over 120 days. What there is to learn: popularity follows Zipf's law; shoppers
lean towards departments, brands, styles and a price level; a purchase leads to others that go with
it; a session stays on one shelf; tastes drift. Nothing of it is shown to a recommender but the
items' public content and the events.
"""

import numpy as np

from recsys.datasets.interactions import DEFAULT_EVENT_TYPES, Dataset, Event
from recsys.datasets.sample_shop.catalogue import build_catalogue
from recsys.datasets.sample_shop.sessions import shop
from recsys.datasets.sample_shop.tastes import draw_taste

DEFAULT_SEED = 7


def generate(seed: int = DEFAULT_SEED, n_items: int = 2400, n_shoppers: int = 600) -> Dataset:
    """The shop with `n_items` items and the histories of `n_shoppers` shoppers.

    Every shopper has 60 to 200 events, at least 5 of them purchases, within the 120 days before
    `sessions.END_UNIX_S`. Each shopper has a random stream of its own, so the first 100 shoppers
    are the same whether 100 or 600 are asked for (with the same number of items).
    ValueError on less than 4 items a shelf or a negative number of shoppers.
    """
    if n_shoppers < 0:
        raise ValueError(f"n_shoppers must not be negative, not {n_shoppers}")
    catalogue = build_catalogue(n_items, np.random.default_rng((seed, 0)))
    histories: dict[str, tuple[Event, ...]] = {}
    for number in range(1, n_shoppers + 1):
        rng = np.random.default_rng((seed, number))
        taste = draw_taste(catalogue, rng)
        histories[f"shopper-{number:04d}"] = shop(catalogue, taste, rng)
    return Dataset("sample-shop", catalogue.records, histories, DEFAULT_EVENT_TYPES)
