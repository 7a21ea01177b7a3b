"""One cut in time: training lies before it, questions after it, for everybody."""

import dataclasses
from pathlib import Path

import pytest

from recsys.content import ItemContent
from recsys.datasets.interactions import DEFAULT_EVENT_TYPES, Dataset, Event, ItemRecord
from recsys.splits import Settings, build_task
from recsys.task import Task
from tests.recsys.splits.real import real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks
from tests.recsys.splits.written import asked, words

# Ten events: the cuts at 0.5 and 0.8 are the times of the sixth and the ninth.
SETTINGS = Settings(validation_from=0.5, test_from=0.8, n_nulls=0)


def dataset(events: str, types: tuple[str, ...] = DEFAULT_EVENT_TYPES) -> Dataset:
    """Events written as "uva | wpb": user, type letter, item, one second apart; bars are cuts."""
    histories: dict[str, tuple[Event, ...]] = {}
    kinds = {kind[0]: kind for kind in types}
    for at, word in enumerate(events.replace("|", "").split()):
        event = Event(word[2], kinds[word[1]], float(at))
        histories[word[0]] = (*histories.get(word[0], ()), event)
    items = tuple(ItemRecord(id, ItemContent()) for id in "abcdefghijkl")
    return Dataset("written", items, histories, types)


def task(events: str, **settings: int) -> Task:
    return build_task(dataset(events), "time", 0, dataclasses.replace(SETTINGS, **settings))


def test_refuses_times_that_leave_nothing_between_the_cuts() -> None:
    data = dataset("uva uvb uvc uvd uve uvf uvg uvh uvi uvj")
    same = {"u": tuple(dataclasses.replace(event, at=5.0) for event in data.histories["u"])}
    with pytest.raises(ValueError, match="share one time"):
        build_task(dataclasses.replace(data, histories=same), "time", 0, SETTINGS)


def test_asks_the_first_new_item_after_each_cut() -> None:
    given = task("uva uvb uvc wvd wve | uvf wvf uvg | uvh uvi", min_history=2)
    assert [words(given, history) for history in given.train] == ["va vb vc", "vd ve"]
    assert asked(given, given.validation) == [
        (0, "va vb vc", "f", "abc"),
        (1, "vd ve", "f", "de"),
    ]
    assert asked(given, given.test) == [(0, "va vb vc vf vg", "h", "abcfg")]


def test_who_arrives_between_the_cuts_is_unseen() -> None:
    given = task("uva uvb uvc uvd uve | uvf wvf wvg | wvi uvi", min_history=2)
    assert given.people.tolist() == [0]
    assert given.test.people.tolist() == [0, 1]
    assert given.test.users.tolist() == [0, -1]
    assert given.validation.people.tolist() == [0]


def test_a_purchase_of_what_was_seen_before_the_cut_is_not_new() -> None:
    given = task("uva uvb uvc uvd uve | upa uvf upf | uvg upg")
    assert asked(given, given.validation) == [(0, "va vb vc vd ve pa", "f", "abcde")]
    assert asked(given, given.test)[0][2:] == ("g", "abcdef")


def test_a_short_history_at_the_cut_is_not_asked() -> None:
    given = task("uva uvb uvc wvd wve | uvf wvf uvg | uvh wvi")
    assert given.validation.people.tolist() == [0]
    assert given.test.people.tolist() == [0, 1]  # w has three events by then


def test_movielens(data_root: Path) -> None:
    (given,) = real_tasks(data_root, "ml-100k", "time")
    # The two ratings of the second of the cut come after it.
    assert sum(map(len, given.train)) == 79_999
    assert (len(given.train), len(given.validation), len(given.test)) == (751, 81, 89)
    assert sum(given.test.users < 0) == 21
    assert_nothing_leaks(given)
