"""Splits as trainings: nobody's fold trained on them, and all are asked the same questions."""

import numpy as np
import pytest

from evaluation.offline.experiment import AMONG_ALL, SEEN, TEST, experiment_of
from recsys.datasets import formats
from recsys.datasets.interactions import Dataset
from recsys.splits import SPLITS, Settings
from recsys.task import UNSEEN
from tests.evaluation.offline.written_shop import write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return formats.load(write_shop(tmp_path_factory.mktemp("shop")), "events-csv")


def test_refuses_what_the_split_refuses(shop: Dataset) -> None:
    with pytest.raises(ValueError, match="split must be one of"):
        experiment_of(shop, "yesterday", 1)
    with pytest.raises(ValueError, match="event type 'rating'"):
        experiment_of(shop, "last", 1, Settings(target_type="rating"))


@pytest.mark.parametrize("split", SPLITS)
def test_every_question_of_the_task_is_asked_once(shop: Dataset, split: str) -> None:
    experiment = experiment_of(shop, split, 1, Settings(min_history=3))
    assert experiment.task.split == split
    assert experiment.task.test.nulls.shape[1] == 1
    for name in {asked.name for training in experiment.trainings for asked in training.asked}:
        parts = [a for t in experiment.trainings for a in t.asked if a.name == name]
        places = np.concatenate([part.places for part in parts])
        assert sorted(places.tolist()) == list(range(len(experiment.task.test)))
        for part in parts:
            whole = experiment.task.test.take(part.places)
            np.testing.assert_array_equal(part.queries.targets, whole.targets)
            np.testing.assert_array_equal(part.queries.nulls, whole.nulls)
            np.testing.assert_array_equal(part.queries.people, whole.people)
            assert part.sampled.shape[0] == len(part.queries)


def test_unseen_users_train_nothing_and_are_asked_as_if_seen(shop: Dataset) -> None:
    experiment = experiment_of(shop, "unseen-users", 1, Settings(n_test=2))
    first, *folds = experiment.trainings
    (seen,) = first.asked
    assert (seen.name, len(folds)) == (SEEN, 5)
    assert (experiment.task.test.users == UNSEEN).all()
    for fold in folds:
        (asked,) = fold.asked
        assert asked.name == TEST
        assert not np.isin(asked.queries.people, fold.task.people).any()
        np.testing.assert_array_equal(asked.sampled, seen.sampled[asked.places])
        for mine, theirs in zip(asked.places, asked.queries.histories, strict=True):
            np.testing.assert_array_equal(seen.queries.histories[mine].rows, theirs.rows)


def test_cold_items_are_asked_among_themselves_and_among_all(shop: Dataset) -> None:
    (training,) = experiment_of(shop, "cold-items", 1).trainings
    among_cold, among_all = training.asked
    assert (among_cold.name, among_all.name) == (TEST, AMONG_ALL)
    assert among_cold.queries.candidates is not None
    assert np.isin(among_cold.queries.candidates, training.task.cold).all()
    assert among_all.queries.candidates is None


def test_equal_seeds_give_equal_questions(shop: Dataset) -> None:
    one, same, other = (experiment_of(shop, "last", seed).task.test for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.nulls, same.nulls)
    assert not np.array_equal(one.nulls, other.nulls)
    np.testing.assert_array_equal(one.targets, other.targets)
