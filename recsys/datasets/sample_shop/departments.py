"""What a department of the sample shop is: brands, model names, styles and shelves.

The departments themselves are data, in `leisure` and `household`. All brands, authors and model
names are invented.
"""

from dataclasses import dataclass
from typing import Literal

# What having bought does to the wish for more of the same shelf: one tent is enough; one more
# book is welcome; the same coffee is bought again.
Kind = Literal["durable", "collected", "consumed"]


@dataclass(frozen=True)
class Shelf:
    """A leaf category: what is sold there, between which prices, and what is bought next.

    `leads_to` names shelves of the same department that a purchase here makes likely (a camera
    leads to lenses), which is one of the things that a recommender can learn in this shop.
    """

    name: str
    nouns: tuple[str, ...]
    price_low: float
    price_high: float
    leads_to: tuple[str, ...]
    kind: Kind
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Department:
    """A part of the shop with its own brands and styles. Titles are "brand model noun, variant".

    In a department of works (`by_authors`), `brands` are creators and stay out of the title.
    """

    name: str
    brands: tuple[str, ...]
    models: tuple[str, ...]
    styles: tuple[str, ...]
    shelves: tuple[Shelf, ...]
    by_authors: bool = False


def words(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in text.split(","))


def shelf(
    name: str,
    nouns: str,
    prices: tuple[float, float],
    leads_to: str = "",
    variants: str = "Black, White, Grey, Blue",
    kind: Kind = "durable",
) -> Shelf:
    """A `Shelf` from comma-separated lists."""
    followers = words(leads_to) if leads_to else ()
    return Shelf(name, words(nouns), *prices, followers, kind, words(variants))
