"""A dataset whose parts do not fit is refused; grouping keeps order."""

import pytest

from recsys.content import ItemContent
from recsys.datasets.interactions import Dataset, Event, ItemRecord, histories_of

A = ItemRecord("a", ItemContent())


@pytest.mark.parametrize(
    ("items", "events", "problem"),
    [
        ((A, A), (), "same id"),
        ((A,), (Event("b", "view", 0),), "unknown item 'b'"),
        ((A,), (Event("a", "buy", 0),), "unknown type 'buy'"),
        ((A,), (Event("a", "view", 2), Event("a", "view", 1)), "not oldest first"),
    ],
)
def test_refuses(items: tuple[ItemRecord, ...], events: tuple[Event, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Dataset("d", items, {"u": events}, ("view",))


def test_counts() -> None:
    data = Dataset("d", (A,), {"u": (Event("a", "view", 1), Event("a", "view", 1))}, ("view",))
    assert data.item_ids == ("a",)
    assert data.n_events == 2


def test_groups_by_user_oldest_first_with_ties_in_input_order() -> None:
    pairs = [
        ("w", Event("a", "view", 3)),
        ("u", Event("b", "view", 2)),
        ("u", Event("z", "view", 1)),
        ("u", Event("a", "view", 2)),
        ("u", Event("c", "view", 2)),
    ]
    histories = histories_of(pairs)
    assert list(histories) == ["w", "u"]
    assert [event.item_id for event in histories["u"]] == ["z", "b", "a", "c"]
