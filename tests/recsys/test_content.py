"""Item content becomes the same feature ids everywhere, and packs into EmbeddingBag's layout."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.content import ItemContent, features, pack, title_words

REPOSITORY = Path(__file__).parents[2]

LENS = ItemContent(
    title="Halden A7 50 mm Lens, Black",
    categories=("Photo", "Lenses"),
    brand="Halden",
    creators=("Ines Vardal",),
    price=349.0,
    tags=("travel",),
)


@pytest.mark.parametrize("price", [-0.01, math.nan, math.inf])
def test_refuses_a_price_that_is_none(price: float) -> None:
    with pytest.raises(ValueError, match="price"):
        ItemContent(price=price)


def test_refuses_no_buckets() -> None:
    with pytest.raises(ValueError, match="n_buckets"):
        features(LENS, 0)


def test_empty_content_has_no_features() -> None:
    ids = features(ItemContent(title=" -- ", categories=("", " "), brand=" "), 1000)
    assert ids.shape == (0,)
    assert ids.dtype == np.int64


# blake2b("brand\x1fhalden", digest_size=8), little-endian, modulo 2**15; computed by coreutils:
# printf 'brand\037halden' | b2sum -l 64  ->  first two bytes, the second one's top bit cleared
PINNED_BRAND = 17500


def test_ids_are_pinned() -> None:
    """Trained encoders hold these numbers: a change of the hash would scramble every model."""
    assert features(ItemContent(brand="Halden"), 2**15).tolist() == [PINNED_BRAND]


def test_ids_do_not_depend_on_the_process() -> None:
    code = (
        "from recsys.content import ItemContent, features;"
        "print(features(ItemContent(title='a b c', tags=('x', 'y'), price=3.0), 997).tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_ids_are_sorted_distinct_and_in_range() -> None:
    ids = features(LENS, 50)
    assert (np.diff(ids) > 0).all()
    assert ids.min() >= 0
    assert ids.max() < 50


def test_every_field_counts() -> None:
    without = {
        "title": ItemContent("", LENS.categories, LENS.brand, LENS.creators, LENS.price, LENS.tags),
        "category": ItemContent(LENS.title, ("Photo",), "Halden", LENS.creators, 349.0, LENS.tags),
        "brand": ItemContent(LENS.title, LENS.categories, "", LENS.creators, 349.0, LENS.tags),
        "creators": ItemContent(LENS.title, LENS.categories, "Halden", (), 349.0, LENS.tags),
        "price": ItemContent(LENS.title, LENS.categories, "Halden", LENS.creators, None, LENS.tags),
        "tags": ItemContent(LENS.title, LENS.categories, "Halden", LENS.creators, 349.0, ()),
    }
    whole = set(features(LENS).tolist())
    lost = {field: len(whole - set(features(less).tolist())) for field, less in without.items()}
    assert lost == {"title": 6, "category": 1, "brand": 1, "creators": 1, "price": 2, "tags": 1}


def test_the_same_word_in_another_field_is_another_feature() -> None:
    fields = ItemContent(brand="sand"), ItemContent(tags=("sand",)), ItemContent(title="sand")
    assert len({features(content).item() for content in fields}) == 3


def test_spelling_does_not_matter() -> None:
    shouted = ItemContent(brand=" HALDEN ", tags=("\uff34\uff32AVEL",), title="Lens!")
    plain = ItemContent(brand="halden", tags=("travel",), title="lens")
    assert features(shouted).tolist() == features(plain).tolist()


@pytest.mark.parametrize("title", ["\ud800 lens", "📷 mug", "\x00", "x" * 10_000, "Ünïcode & más"])
def test_takes_any_title(title: str) -> None:
    assert len(features(ItemContent(title=title))) <= 3


def test_title_words_are_bounded() -> None:
    assert title_words("Chef's Knife, 20 cm") == ("chef", "s", "knife", "20", "cm")
    assert len(title_words("w " * 1000)) == 24


def test_near_prices_share_a_feature_and_far_ones_do_not() -> None:
    def shared(a: float, b: float) -> int:
        ids = [set(features(ItemContent(price=price), 2**31).tolist()) for price in (a, b)]
        return len(ids[0] & ids[1])

    prices = np.geomspace(0.01, 1e6, 500)
    assert all(shared(price, 1.15 * price) >= 1 for price in prices)
    assert all(shared(price, 1.5 * price) == 0 for price in prices)
    assert shared(0.0, 0.01) == 0


def test_packs_in_the_layout_of_embedding_bag() -> None:
    items = [np.array([3, 7]), np.array([], dtype=np.int64), np.array([1])]
    ids, offsets = pack(items)
    assert ids.tolist() == [3, 7, 1]
    assert offsets.tolist() == [0, 2, 2]
    assert ids.dtype == offsets.dtype == np.int64


def test_packs_nothing() -> None:
    ids, offsets = pack([])
    assert ids.shape == offsets.shape == (0,)
    assert ids.dtype == offsets.dtype == np.int64
