"""Hold-out by time: nothing of the held-out item and nothing later is left in training."""

import pytest

from recsys.content import ItemContent
from recsys.datasets.interactions import DEFAULT_EVENT_TYPES, Dataset, Event, ItemRecord
from recsys.splits import hold_out_last


def dataset(**histories: str) -> Dataset:
    """Histories written as "va ca pa": type letter and item, one second apart."""
    types = {"v": "view", "c": "cart", "p": "purchase"}
    items = tuple(ItemRecord(id, ItemContent()) for id in "abcdefgh")
    events = {
        user: tuple(
            Event(word[1], types[word[0]], float(at)) for at, word in enumerate(text.split())
        )
        for user, text in histories.items()
    }
    return Dataset("written", items, events, DEFAULT_EVENT_TYPES)


def words(history: tuple[Event, ...]) -> str:
    return " ".join(event.type[0] + event.item_id for event in history)


def test_refuses_a_type_that_the_dataset_does_not_have() -> None:
    with pytest.raises(ValueError, match="'buy'"):
        hold_out_last(dataset(u="va"), "buy")


@pytest.mark.parametrize(
    ("history", "type", "held_out", "train"),
    [
        ("va vb vc vd", None, "d", "va vb vc"),
        ("va vb vc pd ve vf", "purchase", "d", "va vb vc"),
        ("vd va cd vb vc vd pd ve vd", "purchase", "d", "va vb vc"),
        ("va pa vb vc vd pe", "purchase", "e", "va pa vb vc vd"),
        ("pa vb vc vd pa", "purchase", "a", "vb vc vd"),
        ("pa vb vc vd va", None, "a", "vb vc vd"),
    ],
)
def test_holds_out_the_item_with_all_its_traces(
    history: str, type: str | None, held_out: str, train: str
) -> None:
    split = hold_out_last(dataset(u=history), type)
    assert split.held_out == {"u": held_out}
    assert words(split.train["u"]) == train


def test_a_user_without_the_type_trains_on_everything() -> None:
    split = hold_out_last(dataset(u="va vb vc vd ve"), "purchase")
    assert split.held_out == {}
    assert words(split.train["u"]) == "va vb vc vd ve"


@pytest.mark.parametrize("history", ["va vb pc vd", "pc", "vc cc pc", "vc va vc vb vc pc"])
def test_a_short_history_is_not_evaluated_but_clean(history: str) -> None:
    split = hold_out_last(dataset(u=history), "purchase")
    assert split.held_out == {}
    assert "c" not in [event.item_id for event in split.train["u"]]
    assert words(split.train["u"]) in ("va vb", "")


def test_min_history_changes_who_is_evaluated_only() -> None:
    data = dataset(u="va vb pc vd", w="va vb vc vd pe")
    strict, loose = (hold_out_last(data, "purchase", n) for n in (5, 0))
    assert strict.held_out == {}
    assert loose.held_out == {"u": "c", "w": "e"}
    assert strict.train == loose.train


def test_a_user_without_events_stays() -> None:
    split = hold_out_last(dataset(u=""), None)
    assert split.train == {"u": ()}
    assert split.held_out == {}


def test_events_of_the_same_second_count_as_later_by_their_order() -> None:
    events = tuple(Event(id, "view", 5.0) for id in "abcd")
    bought = Event("e", "purchase", 5.0)
    items = tuple(ItemRecord(id, ItemContent()) for id in "abcdef")
    data = Dataset(
        "s", items, {"u": (*events, bought, Event("f", "view", 5.0))}, ("view", "purchase")
    )
    assert words(hold_out_last(data, "purchase").train["u"]) == "va vb vc vd"
    assert hold_out_last(data).held_out == {"u": "f"}
