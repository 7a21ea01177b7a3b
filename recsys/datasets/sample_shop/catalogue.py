"""The sample shop's items: their public records and the hidden numbers that shoppers act on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.content import ItemContent
from recsys.datasets.interactions import ItemRecord
from recsys.datasets.sample_shop.departments import Department, Shelf
from recsys.datasets.sample_shop.household import HOUSEHOLD
from recsys.datasets.sample_shop.leisure import LEISURE

DEPARTMENTS = (*LEISURE, *HOUSEHOLD)
SHELVES = tuple((d, shelf) for d in range(len(DEPARTMENTS)) for shelf in DEPARTMENTS[d].shelves)
# Where each department's brands and styles begin when they are numbered through the whole shop.
BRAND_BASE = tuple(sum(len(d.brands) for d in DEPARTMENTS[:i]) for i in range(len(DEPARTMENTS)))
STYLE_BASE = tuple(sum(len(d.styles) for d in DEPARTMENTS[:i]) for i in range(len(DEPARTMENTS)))

ITEMS_PER_SHELF_MIN = 4

# Names are drawn until a new one comes; when words run out, a number tells the next one apart.
TITLE_TRIES = 30

# Sales in real shops fall off with rank about like rank^-1; browsing within one shelf flatter.
ZIPF_EXPONENT = 0.55

_PRICE_ENDINGS = (0.0, 0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Catalogue:
    """Items as arrays, one entry an item: what a shopper perceives of them.

    brand, style: (n_items,) int64, numbered through the whole shop.
    price_level: (n_items,) float64 in [-1, 1], from cheap to dear for its shelf.
    appeal: (n_items,) float64, log of how much it sells to everybody.
    items_of_shelf: for each shelf of `SHELVES` the rows of its items.
    """

    records: tuple[ItemRecord, ...]
    brand: NDArray[np.int64]
    style: NDArray[np.int64]
    price_level: NDArray[np.float64]
    appeal: NDArray[np.float64]
    items_of_shelf: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class _Item:
    """One item before the arrays are made; brand and style numbered through the whole shop."""

    record: ItemRecord
    brand: int
    style: int
    price_level: float


@dataclass(frozen=True)
class _Maker:
    """A brand: how dear it is, and which of the department's styles it is known for."""

    name: str
    tier: float
    style: int


def build_catalogue(n_items: int, rng: np.random.Generator) -> Catalogue:
    """Draw `n_items` items, spread unevenly over the shelves. ValueError on too few."""
    shelf_of = np.repeat(np.arange(len(SHELVES)), _shelf_sizes(n_items, rng))
    makers = [_makers(department, rng) for department in DEPARTMENTS]
    names: set[str] = set()
    drawn = [_draw_item(row, int(s), makers, names, rng) for row, s in enumerate(shelf_of)]
    return Catalogue(
        records=tuple(item.record for item in drawn),
        brand=np.array([item.brand for item in drawn], dtype=np.int64),
        style=np.array([item.style for item in drawn], dtype=np.int64),
        price_level=np.array([item.price_level for item in drawn], dtype=np.float64),
        appeal=-ZIPF_EXPONENT * np.log(1.0 + rng.permutation(n_items)),
        items_of_shelf=tuple(np.flatnonzero(shelf_of == s) for s in range(len(SHELVES))),
    )


def _draw_item(
    row: int,
    shelf_index: int,
    makers: list[list[_Maker]],
    names: set[str],
    rng: np.random.Generator,
) -> _Item:
    d, shelf = SHELVES[shelf_index]
    department = DEPARTMENTS[d]
    brand = int(rng.integers(len(department.brands)))
    maker = makers[d][brand]
    style = _style(maker, department, rng)
    level = float(np.clip(maker.tier + rng.normal(0, 0.3), -1, 1))
    content = ItemContent(
        title=_new_title(department, shelf, maker, names, rng),
        categories=(department.name, shelf.name),
        brand="" if department.by_authors else maker.name,
        creators=(maker.name,) if department.by_authors else (),
        price=_price(shelf, level, rng),
        tags=(department.styles[style],),
    )
    record = ItemRecord(f"{_slug(shelf.name)}-{row + 1:04d}", content)
    return _Item(record, BRAND_BASE[d] + brand, STYLE_BASE[d] + style, level)


def _shelf_sizes(n_items: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Items on each shelf, at least 4: (n_shelves,) int64 that sum to `n_items`."""
    least = ITEMS_PER_SHELF_MIN * len(SHELVES)
    if n_items < least:
        raise ValueError(f"n_items must be at least {least}, not {n_items}")
    weights = rng.uniform(0.6, 1.4, len(SHELVES))
    extra = rng.multinomial(n_items - least, weights / weights.sum())
    return (ITEMS_PER_SHELF_MIN + extra).astype(np.int64)


def _makers(department: Department, rng: np.random.Generator) -> list[_Maker]:
    """The department's brands, from budget to luxury in random order."""
    tiers = rng.permutation(np.linspace(-0.75, 0.75, len(department.brands)))
    styles = rng.integers(len(department.styles), size=len(tiers))
    named = zip(department.brands, tiers, styles, strict=True)
    return [_Maker(name, float(tier), int(style)) for name, tier, style in named]


def _style(maker: _Maker, department: Department, rng: np.random.Generator) -> int:
    """Mostly the style that the brand is known for."""
    return maker.style if rng.random() < 0.6 else int(rng.integers(len(department.styles)))


def _new_title(
    department: Department,
    shelf: Shelf,
    maker: _Maker,
    names: set[str],
    rng: np.random.Generator,
) -> str:
    """A title whose name part no other item has; adds the name to `names`."""
    tries = 0
    while True:
        tries += 1
        model, noun = _pick(department.models, rng), _pick(shelf.nouns, rng)
        name = f"{model} {noun}" if department.by_authors else f"{maker.name} {model} {noun}"
        if tries > TITLE_TRIES:
            name = f"{name} {tries - TITLE_TRIES + 1}"
        if name not in names:
            names.add(name)
            return f"{name}, {_pick(shelf.variants, rng)}"


def _price(shelf: Shelf, level: float, rng: np.random.Generator) -> float:
    """Between the shelf's bounds on a log scale, ending as price tags do."""
    low, high = math.log(shelf.price_low), math.log(shelf.price_high)
    amount = math.exp(low + (high - low) * (level + 1) / 2)
    return math.floor(amount) + float(rng.choice(_PRICE_ENDINGS))


def _pick(among: Sequence[str], rng: np.random.Generator) -> str:
    return among[int(rng.integers(len(among)))]


def _slug(name: str) -> str:
    return "-".join(name.lower().replace("&", " ").split())
