"""Public content of an item, and the hashed features that the item tower's encoder reads.

A feature is a (kind, value) pair such as ("brand", "halden"). It becomes an id by a hash that is
the same in every process, on every machine and in every release (BLAKE2b; Python's own `hash` is
salted per process), so no vocabulary has to be kept, shipped or extended when a new brand appears.
This is the hashing trick: Weinberger et al. 2009, https://arxiv.org/abs/0902.2206. Two values may
share an id; with a few times more buckets than values that costs little.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

DEFAULT_BUCKETS = 2**15

# A title is a line, not a text: what comes after this many words rarely says what the item is.
TITLE_WORDS_MAX = 24

# Two prices in one bucket differ by at most 41 percent. Each price falls into one bucket of each
# of two grids shifted by half a width, so that near prices share a feature on either side of an
# edge.
PRICE_BUCKETS_PER_OCTAVE = 2

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class ItemContent:
    """What is publicly known of an item; every field may be empty.

    `categories` may be a path from wide to narrow or an unordered set. `price` is in the shop's
    own currency and must be finite and not negative (ValueError).
    """

    title: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    creators: tuple[str, ...] = ()
    price: float | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.price is not None and not (math.isfinite(self.price) and self.price >= 0):
            raise ValueError(f"price must be finite and not negative, not {self.price!r}")


def features(content: ItemContent, n_buckets: int = DEFAULT_BUCKETS) -> NDArray[np.int64]:
    """Hashed feature ids of one item: (m,) int64, sorted, distinct, each in [0, n_buckets).

    Empty content gives an empty array. ValueError if n_buckets is below 1.
    """
    if n_buckets < 1:
        raise ValueError(f"n_buckets must be at least 1, not {n_buckets}")
    ids = {_bucket(kind, value, n_buckets) for kind, value in _named(content)}
    return np.array(sorted(ids), dtype=np.int64)


def pack(items: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Many items' features as one flat array, in the layout of torch's `EmbeddingBag`.

    Returns `ids` (total,) int64, item after item, and `offsets` (n,) int64, where each item's ids
    begin. An item without features has the offset of its successor.
    """
    sizes = np.array([len(ids) for ids in items], dtype=np.int64)
    offsets = np.cumsum(sizes) - sizes
    ids = np.concatenate(items) if len(items) else np.empty(0, dtype=np.int64)
    return ids.astype(np.int64, copy=False), offsets


def _named(content: ItemContent) -> Iterator[tuple[str, str]]:
    """Every (kind, normalised value) pair of the content; values that are blank are left out."""
    listed = [
        ("category", content.categories),
        ("brand", (content.brand,)),
        ("creator", content.creators),
        ("tag", content.tags),
        ("word", title_words(content.title)),
    ]
    for kind, values in listed:
        for value in map(_normalised, values):
            if value:
                yield kind, value
    if content.price is not None:
        yield from _price_buckets(content.price)


def title_words(title: str) -> tuple[str, ...]:
    """The title's first words and numbers, case folded, without punctuation."""
    return tuple(_WORD.findall(_normalised(title))[:TITLE_WORDS_MAX])


def _price_buckets(price: float) -> Iterator[tuple[str, str]]:
    if price == 0:
        yield "price", "free"
        return
    position = math.log2(price) * PRICE_BUCKETS_PER_OCTAVE
    yield "price", str(math.floor(position))
    yield "price shifted", str(math.floor(position + 0.5))


def _normalised(value: str) -> str:
    """One spelling for values that a reader takes for the same: width, case, outer blanks."""
    return unicodedata.normalize("NFKC", value).casefold().strip()


def _bucket(kind: str, value: str, n_buckets: int) -> int:
    # The separator cannot occur in a kind, so ("a", "b c") and ("a b", "c") stay apart.
    # Lone surrogates are valid in a Python string but not in UTF-8; they must not fail here.
    text = f"{kind}\x1f{value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") % n_buckets
