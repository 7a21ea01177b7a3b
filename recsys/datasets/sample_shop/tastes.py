"""What one shopper of the sample shop likes, and how that drifts over the months."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.datasets.sample_shop.catalogue import DEPARTMENTS, SHELVES, Catalogue

# Departments that go together in one person's life, so that a taste in one tells of the others.
LIFESTYLES = (
    ("Outdoors", "Cycling", "Photo"),
    ("Home", "Garden", "Kitchen"),
    ("Books", "Coffee & Tea", "Home"),
    ("Audio", "Photo", "Clothing"),
    ("Beauty", "Clothing", "Home"),
    ("Toys & Games", "Books", "Kitchen"),
    ("Kitchen", "Coffee & Tea", "Garden"),
    ("Cycling", "Audio", "Coffee & Tea"),
)

# In log-weight: a department of the lifestyle over any other, and the spread among shelves.
LIFESTYLE_PULL = 3.0
SHELF_SPREAD = 1.4

# Utilities are in units of the choice noise (standard Gumbel): +1 makes an item e times likelier.
BRAND_PULL = 2.0
BRAND_SPREAD = 0.5
STYLE_PULL = 1.2
PRICE_PULL = 1.5
FAVOURITE_BRANDS = 0.25  # share of brands that a shopper is fond of
STAYS = 0.4  # share of shoppers whose lifestyle does not change


@dataclass(frozen=True)
class Taste:
    """One shopper's hidden preferences.

    interest_first, interest_last: (n_shelves,) float64, log-weight of each shelf on the first and
        the last day; in between it moves evenly.
    utility: (n_items,) float64, how much each item is preferred to others of its shelf.
    """

    interest_first: NDArray[np.float64]
    interest_last: NDArray[np.float64]
    utility: NDArray[np.float64]

    def interest(self, progress: float) -> NDArray[np.float64]:
        """Log-weight of each shelf, `progress` in [0, 1] of the way through the 120 days."""
        return (1 - progress) * self.interest_first + progress * self.interest_last


def draw_taste(catalogue: Catalogue, rng: np.random.Generator) -> Taste:
    """A random shopper: one lifestyle or two in turn, brands, styles and a price level."""
    first = int(rng.integers(len(LIFESTYLES)))
    last = first if rng.random() < STAYS else int(rng.integers(len(LIFESTYLES)))
    own = rng.normal(0, SHELF_SPREAD, len(SHELVES))
    return Taste(
        interest_first=_lifestyle_interest(first) + own,
        interest_last=_lifestyle_interest(last) + own,
        utility=_utility(catalogue, rng),
    )


def _lifestyle_interest(lifestyle: int) -> NDArray[np.float64]:
    liked = [DEPARTMENTS[d].name in LIFESTYLES[lifestyle] for d, _ in SHELVES]
    return np.where(liked, LIFESTYLE_PULL, 0.0)


def _utility(catalogue: Catalogue, rng: np.random.Generator) -> NDArray[np.float64]:
    n_brands, n_styles = int(catalogue.brand.max()) + 1, int(catalogue.style.max()) + 1
    fond = rng.random(n_brands) < FAVOURITE_BRANDS
    brand = BRAND_PULL * fond + rng.normal(0, BRAND_SPREAD, n_brands)
    style = STYLE_PULL * rng.normal(0, 1, n_styles)
    level = np.clip(rng.normal(0, 0.5), -1, 1)
    too_far = (catalogue.price_level - level) ** 2
    liked = brand[catalogue.brand] + style[catalogue.style] - PRICE_PULL * too_far
    utility: NDArray[np.float64] = catalogue.appeal + liked
    return utility
