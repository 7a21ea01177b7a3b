"""Cold items: no training holds one, and each is ranked among cold ones."""

from pathlib import Path

import numpy as np
import pytest

from recsys.splits import Settings
from recsys.splits.cold_items import ColdItems, among_all, cold_items, draw_cold
from recsys.splits.parts import task_of
from recsys.splits.records import records_of, target_type
from recsys.task import Task
from tests.recsys.splits.real import real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks, assert_same
from tests.recsys.splits.written import asked, dataset, words


def task(purchases: bool = False, **histories: str) -> Task:
    """x and y are cold for validation, z and w for the test."""
    data = dataset(items="abcdefwxyz", **histories)
    cold = ColdItems(np.array([7, 8]), np.array([6, 9]))
    kind = target_type(data, "purchase" if purchases else "*")
    parts = cold_items(records_of(data), len(data.items), kind, cold, Settings())
    return task_of(data, records_of(data), parts, "cold-items", 64)


def test_refuses_to_make_every_item_cold() -> None:
    with pytest.raises(ValueError, match="of 2 items 2 would be cold"):
        draw_cold(2, Settings(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="leave items"):
        Settings(test_cold=0.6, validation_cold=0.4)


def test_draws_a_tenth_and_a_twentieth() -> None:
    first, again, other = (draw_cold(1000, Settings(), np.random.default_rng(s)) for s in (0, 0, 1))
    assert (len(first.test), len(first.validation), len(first.both)) == (100, 50, 150)
    assert np.array_equal(first.both, again.both)
    assert not np.array_equal(first.both, other.both)


def test_asks_the_last_cold_event_from_the_warm_ones_before_it() -> None:
    given = task(u="va vz vb vc vx vd vw ve vf")
    assert [words(given, history) for history in given.train] == ["va vb vc"]
    assert asked(given, given.validation) == [(0, "va vb vc", "x", "abcz")]
    assert asked(given, given.test) == [(0, "va vb vc vd", "w", "abcdxz")]
    assert given.cold.tolist() == [6, 7, 8, 9]
    assert given.test.candidates is not None
    assert given.validation.candidates is not None
    assert (given.test.candidates.tolist(), given.validation.candidates.tolist()) == (
        [6, 9],
        [7, 8],
    )


def test_who_touched_nothing_cold_trains_on_everything() -> None:
    given = task(u="va vb vc vd", w="va vb vc vz vd")
    assert [words(given, history) for history in given.train] == ["va vb vc vd", "va vb vc"]
    assert given.test.people.tolist() == [1]
    assert given.test.nulls.shape == (1, 0)


def test_a_short_warm_history_trains_and_is_not_asked() -> None:
    given = task(u="va vz vb vx vc vd vw ve", w="va vb vc vz")
    assert [words(given, history) for history in given.train] == ["va vb", "va vb vc"]
    assert (given.validation.people.tolist(), given.test.people.tolist()) == ([], [1])


def test_a_purchase_may_be_asked_though_it_was_seen() -> None:
    given = task(purchases=True, u="va vb vc vz cz pz vw vd")
    assert asked(given, given.test) == [(0, "va vb vc", "z", "abc")]


def test_the_same_questions_among_all_items() -> None:
    given = task(u="va vb vc vz")
    everywhere = among_all(given.test)
    assert everywhere.candidates is None
    assert_same(everywhere, given.test)


@pytest.mark.parametrize("name", ["ml-100k", "amazon-beauty"])
def test_real_data(data_root: Path, name: str) -> None:
    (given,) = real_tasks(data_root, name, "cold-items")
    n_asked = {"ml-100k": (833, 865), "amazon-beauty": (4037, 7106)}
    assert (len(given.validation), len(given.test)) == n_asked[name]
    assert_nothing_leaks(given)
    for queries in (given.validation, given.test):
        assert queries.candidates is not None
        assert np.isin(queries.candidates, given.cold).all()
        assert np.isin(queries.targets, queries.candidates).all()
        assert np.isin(queries.nulls, queries.candidates).all()
