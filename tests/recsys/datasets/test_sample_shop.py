"""The sample shop: deterministic, believable, learnable, and not trivially so."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from recsys.datasets.interactions import Dataset
from recsys.datasets.sample_shop import DEFAULT_SEED, generate
from recsys.datasets.sample_shop.catalogue import DEPARTMENTS, build_catalogue
from recsys.datasets.sample_shop.sessions import DAY_S, DAYS, END_UNIX_S
from recsys.datasets.sample_shop.tastes import LIFESTYLES, draw_taste
from recsys.metrics.hit_rate import hit_rate_at
from recsys.metrics.ndcg import ndcg_at
from recsys.metrics.rank import ranks_of
from recsys.popularity import popularity
from recsys.splits import HoldOut, hold_out_last


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return generate()


@pytest.fixture(scope="module")
def split(shop: Dataset) -> HoldOut:
    return hold_out_last(shop, "purchase")


def test_refuses_a_shop_too_small() -> None:
    with pytest.raises(ValueError, match="n_items must be at least 248"):
        generate(n_items=247)
    with pytest.raises(ValueError, match="n_shoppers"):
        generate(n_shoppers=-1)


def test_the_smallest_shops() -> None:
    assert generate(n_items=248, n_shoppers=0).histories == {}
    assert len(generate(n_items=248, n_shoppers=3).histories) == 3


def test_the_same_seed_gives_the_same_shop() -> None:
    first, second = (generate(3, n_items=300, n_shoppers=20) for _ in range(2))
    assert first == second
    assert generate(4, n_items=300, n_shoppers=20) != first


def test_more_shoppers_leave_the_first_ones_as_they_are(shop: Dataset) -> None:
    few = generate(n_shoppers=5)
    assert few.items == shop.items
    assert list(few.histories.items()) == list(shop.histories.items())[:5]


def test_every_name_in_the_vocabulary_is_known() -> None:
    for department in DEPARTMENTS:
        shelves = {shelf.name for shelf in department.shelves}
        assert {name for shelf in department.shelves for name in shelf.leads_to} <= shelves
        assert len(shelves) == len(department.shelves)
    names = {department.name for department in DEPARTMENTS}
    assert {name for lifestyle in LIFESTYLES for name in lifestyle} == names


def test_items_look_like_items(shop: Dataset) -> None:
    contents = [item.content for item in shop.items]
    assert len(contents) == 2400
    assert len({content.title for content in contents}) == 2400
    assert len({content.categories[0] for content in contents}) == 12
    for content in contents:
        assert bool(content.brand) != bool(content.creators)
        assert content.price is not None
        assert 1 <= content.price <= 4000
        assert len(content.categories) == 2
        assert content.tags


def test_dearer_shelves_cost_more(shop: Dataset) -> None:
    prices: dict[str, list[float]] = {}
    for item in shop.items:
        prices.setdefault(item.content.categories[1], []).append(item.content.price or 0)
    assert np.median(prices["Bikes"]) > 10 * np.median(prices["Tools"])


def test_shoppers_browse_fill_carts_and_buy(shop: Dataset) -> None:
    assert len(shop.histories) == 600
    assert shop.event_types == ("view", "cart", "purchase")
    for history in shop.histories.values():
        kinds = Counter(event.type for event in history)
        assert 60 <= len(history) <= 200
        assert kinds["view"] > kinds["cart"] >= kinds["purchase"] >= 5
        assert END_UNIX_S - DAYS * DAY_S <= history[0].at <= history[-1].at <= END_UNIX_S
        assert len({event.at for event in history}) == len(history)


def test_a_purchase_was_viewed_and_carted_in_its_session(shop: Dataset) -> None:
    for history in shop.histories.values():
        for place, event in enumerate(history):
            if event.type == "purchase":
                session = [e for e in history[:place] if event.at - e.at < 3600]
                of_item = {e.type for e in session if e.item_id == event.item_id}
                assert {"view", "cart"} <= of_item


def test_the_last_purchase_is_usually_new(shop: Dataset, split: HoldOut) -> None:
    times = [
        sum(e.type == "purchase" and e.item_id == split.held_out[user] for e in history)
        for user, history in shop.histories.items()
    ]
    assert len(split.held_out) == 600
    assert np.mean(np.array(times) == 1) > 0.9
    assert max(times) > 1  # coffee and soap are bought again


def test_few_items_sell_most(shop: Dataset) -> None:
    counts = Counter(e.item_id for history in shop.histories.values() for e in history)
    sold = np.sort([counts[item_id] for item_id in shop.item_ids])[::-1]
    assert 0.35 < sold[:480].sum() / sold.sum() < 0.7
    assert np.median(sold) >= 5


def test_a_purchase_leads_to_what_goes_with_it(shop: Dataset) -> None:
    """Having bought a camera raises the share of lenses among what is viewed next."""
    shelf = {item.id: item.content.categories for item in shop.items}
    after, ever = [], []
    for history in shop.histories.values():
        shelves = [shelf[event.item_id] for event in history]
        ever += [name == ("Photo", "Lenses") for name in shelves]
        for place, event in enumerate(history):
            if event.type == "purchase" and shelves[place] == ("Photo", "Cameras"):
                after += [name == ("Photo", "Lenses") for name in shelves[place + 1 : place + 6]]
    assert np.mean(after) > 5 * np.mean(ever)


def test_tastes_drift(shop: Dataset) -> None:
    """Shelves that a shopper comes to like more are viewed more at the end than at the start."""
    catalogue = build_catalogue(len(shop.items), np.random.default_rng((DEFAULT_SEED, 0)))
    shelf = {
        catalogue.records[row].id: number
        for number, rows in enumerate(catalogue.items_of_shelf)
        for row in rows
    }
    first, last = [], []
    for number, history in enumerate(shop.histories.values(), start=1):
        taste = draw_taste(catalogue, np.random.default_rng((DEFAULT_SEED, number)))
        rising = taste.interest_last > taste.interest_first
        if rising.any():
            quarter = len(history) // 4
            first.append(np.mean([rising[shelf[event.item_id]] for event in history[:quarter]]))
            last.append(np.mean([rising[shelf[event.item_id]] for event in history[-quarter:]]))
    assert 200 < len(first) < 400
    assert np.mean(last) > 2 * np.mean(first)


def test_what_runs_out_is_bought_again(shop: Dataset) -> None:
    consumed = {shelf.name for d in DEPARTMENTS for shelf in d.shelves if shelf.kind == "consumed"}
    shelf_of = {item.id: item.content.categories[1] for item in shop.items}
    bought, again = Counter[bool](), Counter[bool]()
    for history in shop.histories.values():
        counts = Counter(event.item_id for event in history if event.type == "purchase")
        for item_id, times in counts.items():
            bought[shelf_of[item_id] in consumed] += 1
            again[shelf_of[item_id] in consumed] += times > 1
    assert again[True] / bought[True] > 5 * again[False] / bought[False]


def knn_scores(split: HoldOut, row: dict[str, int]) -> NDArray[np.float64]:
    """Item-kNN: cosine of who touched both items, shrunk, summed over a shopper's items."""
    touched = np.zeros((len(split.train), len(row)))
    for user, history in enumerate(split.train.values()):
        touched[user, [row[event.item_id] for event in history]] = 1
    together = touched.T @ touched
    np.fill_diagonal(together, 0)
    n_users = touched.sum(axis=0)
    scores: NDArray[np.float64] = touched @ (together / (np.sqrt(np.outer(n_users, n_users)) + 3))
    return scores


def test_taste_predicts_the_last_purchase_but_not_perfectly(shop: Dataset, split: HoldOut) -> None:
    row = {item_id: number for number, item_id in enumerate(shop.item_ids)}
    assert list(split.held_out) == list(split.train)
    targets = np.array([row[item_id] for item_id in split.held_out.values()])
    seen = np.zeros((len(targets), len(row)), dtype=bool)
    for user, history in enumerate(split.train.values()):
        seen[user, [row[event.item_id] for event in history]] = True
    popular = np.tile(popularity(split.train, shop.item_ids), (len(targets), 1))
    by_popularity = ranks_of(popular, targets, seen)
    by_neighbours = ranks_of(knn_scores(split, row), targets, seen)
    assert 0.01 < hit_rate_at(by_popularity, 10) < 0.08
    assert ndcg_at(by_neighbours, 10) > 1.5 * ndcg_at(by_popularity, 10)
    assert 0.12 < hit_rate_at(by_neighbours, 10) < 0.35
