"""Top k with ties and exclusions, exact attribution, similar items."""

import numpy as np
import pytest

from recsys.history import History
from recsys.item_table import ItemTable
from recsys.ranking import attribute, explain, scores, similar, top_k, top_k_batch
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower, user_vector

ROWS, DIM, LENGTH = 30, 6, 8
NOTHING = np.zeros(0, np.int64)


def make_model() -> tuple[ItemTable, SharedScalars, UserTower]:
    rng = np.random.default_rng(0)
    heads = rng.normal(size=(3, ROWS, DIM)).astype(np.float32)
    table = ItemTable(*heads, rng.normal(size=ROWS).astype(np.float32))
    tower = UserTower(*(rng.normal(size=size).astype(np.float32) for size in (DIM, 2, 3)))
    return table, SharedScalars.initial(LENGTH, 3), tower


def test_nothing_left_gives_nothing() -> None:
    assert top_k(np.ones(3), np.arange(3), 5).tolist() == []
    assert top_k(np.ones(3), NOTHING, 0).tolist() == []
    assert top_k(np.zeros(0), NOTHING, 3).tolist() == []


def test_excluded_rows_never_come_up_and_k_may_exceed_what_is_left() -> None:
    values = np.array([5.0, 4, 3, 2, 1])
    assert top_k(values, np.array([0, 2]), 2).tolist() == [1, 3]
    assert top_k(values, np.array([0, 2]), 99).tolist() == [1, 3, 4]


def test_ties_go_to_the_lower_row_even_at_the_edge() -> None:
    values = np.zeros(1000)
    values[500] = 1
    assert top_k(values, NOTHING, 4).tolist() == [500, 0, 1, 2]


def test_top_k_is_a_full_sort() -> None:
    values = np.random.default_rng(1).integers(0, 20, 200).astype(np.float32)
    expected = sorted(range(200), key=lambda row: (-values[row], row))[:37]
    assert top_k(values, NOTHING, 37).tolist() == expected


def test_batch_equals_singles() -> None:
    rng = np.random.default_rng(2)
    table, users = make_model()[0], rng.normal(size=(5, DIM)).astype(np.float32)
    excluded = [rng.integers(0, ROWS, n) for n in range(5)]
    batch = top_k_batch(scores(table, users), excluded, 10)
    singles = [
        top_k(scores(table, user), rows, 10) for user, rows in zip(users, excluded, strict=True)
    ]
    assert [rows.tolist() for rows in batch] == [rows.tolist() for rows in singles]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("n_events", [0, 1, 7, 12])
def test_attribution_sums_to_the_score(n_events: int, ordered: bool) -> None:
    table, scalars, tower = make_model()
    rng = np.random.default_rng(n_events)
    history = History.of(rng.integers(0, ROWS, n_events), rng.integers(0, 3, n_events))
    vector = user_vector(table, scalars, tower, history, ordered=ordered)
    expected = scores(table, vector)
    for row in range(ROWS):
        found = attribute(table, scalars, tower, history, row, ordered=ordered)
        assert found.score == pytest.approx(float(expected[row]), abs=1e-4)
        assert found.events.shape == (n_events,)


def test_an_event_older_than_the_kernels_adds_nothing() -> None:
    table, scalars, tower = make_model()
    found = attribute(table, scalars, tower, History.of(range(LENGTH + 2)), 3)
    assert found.events[:2].tolist() == [0, 0]
    assert np.count_nonzero(found.events) == LENGTH


def test_reasons_are_the_largest_positive_parts() -> None:
    table, scalars, tower = make_model()
    history = History.of([1, 2, 3, 4, 5, 6])
    parts = attribute(table, scalars, tower, history, 9).events
    found = explain(table, scalars, tower, history, 9, top=2)
    best = sorted((p for p in range(6) if parts[p] > 0), key=lambda p: -parts[p])[:2]
    assert [position for position, _ in found] == best
    assert [part for _, part in found] == pytest.approx([parts[p] for p in best])
    assert all(part > 0 for _, part in explain(table, scalars, tower, history, 9, top=6))


def test_similar_is_the_cosine_and_never_the_item_itself_or_an_empty_row() -> None:
    target = np.array([[1, 0], [9, 1], [0, 2], [0, 0], [-1, 0], [2, 0]], np.float32)
    table = ItemTable(target, target, target, np.zeros(6, np.float32))
    assert similar(table, 0, 10).tolist() == [5, 1, 2, 4]
    assert similar(table, 0, 2, excluded=np.array([5])).tolist() == [1, 2]
    assert similar(table, 3, 2).tolist() == [0, 1]  # no direction: ties, by row
