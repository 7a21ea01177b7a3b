"""Leave-last-out: nothing of a held-out item and nothing later is in what comes before it."""

import dataclasses
from pathlib import Path

import pytest

from recsys.datasets.interactions import Dataset
from recsys.splits import ANY_EVENT, Settings, build_task
from recsys.task import Task
from tests.recsys.splits.real import real, real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks
from tests.recsys.splits.written import asked, dataset, words


def task(data: Dataset, **settings: int | str) -> Task:
    chosen = dataclasses.replace(Settings(n_nulls=0), **settings)  # type: ignore[arg-type]
    return build_task(data, "last", 0, chosen)


def test_refuses_a_type_that_the_dataset_does_not_have() -> None:
    with pytest.raises(ValueError, match="'buy'"):
        task(dataset(u="va vb vc vd ve"), target_type="buy")


def test_the_last_two_events_are_asked_and_not_learnt() -> None:
    given = task(dataset(u="va vb vc vd ve"))
    assert [words(given, history) for history in given.train] == ["va vb vc"]
    assert asked(given, given.validation) == [(0, "va vb vc", "d", "abc")]
    assert asked(given, given.test) == [(0, "va vb vc vd", "e", "abcd")]


def test_several_events_may_be_asked() -> None:
    given = task(dataset(u="va vb vc vd ve vf vg"), n_test=2, n_validation=2)
    assert [words(given, history) for history in given.train] == ["va vb vc"]
    assert [target for _, _, target, _ in asked(given, given.validation)] == ["d", "e"]
    assert asked(given, given.test) == [
        (0, "va vb vc vd ve", "f", "abcde"),
        (0, "va vb vc vd ve vf", "g", "abcdef"),
    ]


def test_validation_may_be_left_out() -> None:
    given = task(dataset(u="va vb vc vd"), n_validation=0)
    assert len(given.validation) == 0
    assert asked(given, given.test) == [(0, "va vb vc", "d", "abc")]


def test_a_repeat_is_neither_asked_nor_learnt() -> None:
    given = task(dataset(u="va vb va vc vb vd ve va"))
    assert [words(given, history) for history in given.train] == ["va vb vc"]
    assert asked(given, given.test)[0][1:3] == ("va vb vc vd", "e")


def test_what_leads_to_a_held_out_purchase_is_not_shown() -> None:
    given = task(dataset(u="va pa vb vd cd pb vc ve ce pd vf ve pe vg"))
    assert [words(given, history) for history in given.train] == ["va pa vb pb vc"]
    assert asked(given, given.validation) == [(0, "va pa vb pb vc", "d", "abc")]
    assert asked(given, given.test) == [(0, "va pa vb vd cd pb vc pd vf", "e", "abcdf")]


def test_every_type_may_be_asked_of_a_shop() -> None:
    given = task(dataset(u="va pa vb vc vd ve pe"), target_type=ANY_EVENT)
    assert [target for _, _, target, _ in asked(given, given.test)] == ["e"]


def test_a_user_without_the_type_trains_on_everything() -> None:
    given = task(dataset(u="va vb vc vd", w="va vb vc pd pe"))
    assert words(given, given.train[0]) == "va vb vc vd"
    assert given.test.people.tolist() == [1]


def test_a_short_history_trains_and_is_not_asked() -> None:
    data = dataset(u="va vb vc vd", w="va vb vc vd ve")
    given = task(data)
    assert [words(given, history) for history in given.train] == ["va vb", "va vb vc"]
    assert (given.test.people.tolist(), given.validation.people.tolist()) == ([1], [1])
    loose = task(data, min_history=1)
    assert [words(loose, history) for history in loose.train] == ["va vb", "va vb vc"]
    assert loose.test.people.tolist() == [0, 1]


def test_who_has_nothing_to_train_on_is_no_device() -> None:
    given = task(dataset(u="va", w="va vb vc vd ve", x="", y="vl vk vj vi vh"))
    assert given.people.tolist() == [1, 3]
    assert given.test.people.tolist() == [1, 3]
    assert given.test.users.tolist() == [0, 1]
    assert [row.tolist() for row in given.touched] == [[0, 1, 2, 3, 4], [7, 8, 9, 10, 11]]


def test_movielens(data_root: Path) -> None:
    data = real(data_root, "ml-100k")
    given = task(data)
    assert (len(given.train), sum(map(len, given.train))) == (943, 100_000 - 2 * 943)
    assert (len(given.validation), len(given.test)) == (943, 943)
    assert_nothing_leaks(given)
    # 415 users have several ratings at their last second: the file's order decides.
    last = [given.item_ids.index(history[-1].item_id) for history in data.histories.values()]
    assert given.test.targets.tolist() == last


def test_beauty(data_root: Path) -> None:
    (given,) = real_tasks(data_root, "amazon-beauty", "last")
    assert (len(given.train), sum(map(len, given.train))) == (22_363, 198_502 - 2 * 22_363)
    assert (len(given.validation), len(given.test)) == (22_363, 22_363)
    assert min(map(len, given.train)) == 3
    assert_nothing_leaks(given)
