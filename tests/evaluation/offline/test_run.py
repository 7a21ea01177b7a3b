"""Running models: who is trained how often, and that folds are put together in their order."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from rich.console import Console

from evaluation.offline.experiment import AMONG_ALL, SEEN, TEST, Experiment, experiment_of
from evaluation.offline.measure import measure, sampled_for
from evaluation.offline.models import Model
from evaluation.offline.progress import Display
from evaluation.offline.results import ModelRuns
from evaluation.offline.run import n_trainings, run_models
from recsys.arrays import Floats, Ints
from recsys.datasets import formats
from recsys.datasets.interactions import Dataset
from recsys.history import History
from recsys.recommender import Fitted, OnProgress
from recsys.task import Task
from tests.evaluation.offline.written_shop import write_shop


@dataclass(frozen=True)
class Remembering:
    """Scores that the history and the seed alone decide, whatever the training."""

    n_items: int
    seed: int

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """A row a history."""
        streams = [np.random.default_rng([self.seed, *h.rows.tolist()]) for h in histories]
        return np.array([rng.normal(size=self.n_items) for rng in streams])


@dataclass
class Counting:
    """A model that counts its trainings and has a shared scorer beside."""

    name: str = "counting"
    trained: list[tuple[int, int]] = field(default_factory=list)

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        """Remember who trained."""
        self.trained.append((seed, len(task.train)))
        on_progress(0.5, "half")
        beside = {"shared": Remembering(task.n_items, seed + 100)}
        chosen = {"dim": 8, "devices": len(task.train)}
        return Fitted(Remembering(task.n_items, seed), chosen, ((1, 0.1), (2, 0.2)), beside)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return formats.load(write_shop(tmp_path_factory.mktemp("shop")), "events-csv")


def run_one(
    experiment: Experiment, model: Model, seeds: Sequence[int] = (1, 2)
) -> dict[str, ModelRuns]:
    display = Display(Console(file=io.StringIO()), n_trainings(experiment, [model], len(seeds)))
    with display:
        sets = run_models(experiment, [model], seeds, display)
    return {name: runs for name, (runs,) in sets.items()}


def test_every_seed_is_a_training(shop: Dataset) -> None:
    experiment, counting = experiment_of(shop, "last", 1), Counting()
    found = run_one(experiment, Model(counting, seeded=True))
    assert set(found) == {TEST}
    assert [seed for seed, _ in counting.trained] == [1, 2]
    first, second = found[TEST].runs
    assert (first.seed, second.seed) == (1, 2)
    assert not np.array_equal(first.test.ranks, second.test.ranks)
    assert first.curve == ((1, 0.1), (2, 0.2))
    assert first.cpu_s >= 0
    assert set(first.beside) == {"shared"}


def test_a_model_without_a_seed_is_trained_once_and_stands_for_all(shop: Dataset) -> None:
    experiment, counting = experiment_of(shop, "last", 1), Counting()
    found = run_one(experiment, Model(counting, seeded=False), seeds=(4, 5, 6))
    assert [seed for seed, _ in counting.trained] == [4]
    assert n_trainings(experiment, [Model(counting, seeded=False)], 3) == 1
    assert [run.seed for run in found[TEST].runs] == [4, 5, 6]
    assert len({run.test.ranks.tobytes() for run in found[TEST].runs}) == 1


def test_folds_are_put_together_in_the_order_of_the_questions(shop: Dataset) -> None:
    experiment, counting = experiment_of(shop, "unseen-users", 1), Counting()
    model = Model(counting, seeded=True)
    found = run_one(experiment, model, seeds=(3,))
    assert n_trainings(experiment, [model], 1) == len(counting.trained) == 6
    (seen,), (unseen,) = found[SEEN].runs, found[TEST].runs
    # The scores depend on the history alone, so whoever trained, the answers must be the same.
    task = experiment.task
    sampled = sampled_for(task.test, task.n_items, 1)
    directly = measure(Remembering(task.n_items, 3), task.test, sampled)
    for run in (seen, unseen):
        np.testing.assert_array_equal(run.test.ranks, directly.ranks)
        np.testing.assert_array_equal(run.test.null_percentiles, directly.null_percentiles)
        np.testing.assert_array_equal(run.test.lists, directly.lists)
    np.testing.assert_array_equal(unseen.beside["shared"].ranks, seen.beside["shared"].ranks)


def test_what_folds_chose_differently_is_told_one_by_one(shop: Dataset) -> None:
    experiment, counting = experiment_of(shop, "unseen-users", 1), Counting()
    found = run_one(experiment, Model(counting, seeded=True), seeds=(3,))
    (unseen,) = found[TEST].runs
    assert unseen.chosen["dim"] == 8
    devices = [n for _, n in counting.trained[1:]]
    assert len(set(devices)) > 1
    assert unseen.chosen["devices"] == ", ".join(map(str, devices))
    assert unseen.curve == ()


def test_cold_items_are_asked_in_one_training(shop: Dataset) -> None:
    experiment, counting = experiment_of(shop, "cold-items", 1), Counting()
    found = run_one(experiment, Model(counting, seeded=True), seeds=(1,))
    assert len(counting.trained) == 1
    (among_cold,), (among_all,) = found[TEST].runs, found[AMONG_ALL].runs
    assert (among_all.test.n_candidates > among_cold.test.n_candidates).all()
    assert (among_all.test.ranks >= among_cold.test.ranks).all()


def test_a_log_gets_a_line_a_run_and_no_bars(shop: Dataset) -> None:
    experiment, out = experiment_of(shop, "last", 1), io.StringIO()
    with Display(Console(file=out, width=20), 2) as display:
        run_models(experiment, [Model(Counting("a[bold]b"), seeded=True)], (1, 2), display)
    lines = out.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "✓ a[bold]b, seed 1",
        "✓ a[bold]b, seed 2",
    ]


def test_a_terminal_gets_bars(shop: Dataset) -> None:
    experiment, out = experiment_of(shop, "last", 1), io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Display(console, 1) as display:
        run_models(experiment, [Model(Counting(), seeded=True)], (1,), display)
    assert "everything" in out.getvalue()
    assert "training 1 of 1" in out.getvalue()
