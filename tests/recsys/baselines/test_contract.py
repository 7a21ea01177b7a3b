"""What every baseline must do, on a checkerboard where the right answer is obvious."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pytest

from recsys.arrays import Floats, Ints
from recsys.baselines.named import NAMES, named
from recsys.history import History
from recsys.recommender import Fitted, target_ranks
from recsys.task import UNSEEN, Task

PERSONAL = [name for name in NAMES if name != "popular"]
# Their users are what they were in training; the others read the history they are given.
LEAKY = "pfedrec-leaky"
FIXED_USERS = {"popular", "pfedrec", LEAKY}


@dataclass(frozen=True)
class Trained:
    """told: what `on_progress` was told."""

    fitted: Fitted
    told: tuple[tuple[float, str], ...]

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        return self.fitted.scorer.scores(histories, users)


def train(name: str, task: Task) -> Trained:
    told: list[tuple[float, str]] = []
    fitted = named(name).fit(task, 1, lambda share, what: told.append((share, what)))
    return Trained(fitted, tuple(told))


@pytest.fixture(scope="module")
def trained(board: Task) -> Callable[[str], Trained]:
    """By name; each is trained once."""
    return cache(partial(train, task=board))


TrainedOf = Callable[[str], Trained]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError, match="popular"):
        named("populr")


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_by_its_name(name: str) -> None:
    assert named(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_scores_fit_the_questions(name: str, board: Task, trained: TrainedOf) -> None:
    scores = trained(name).scores(board.test.histories, board.test.users)
    assert scores.shape == (len(board.test), board.n_items)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_one_at_a_time(name: str, board: Task, trained: TrainedOf) -> None:
    model, asked = trained(name), board.test
    together = model.scores(asked.histories, asked.users)
    alone = [model.scores([asked.histories[i]], asked.users[[i]])[0] for i in range(len(asked))]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if n != LEAKY])
def test_equal_seeds_give_equal_models_whatever_else_is_touched(
    name: str, board: Task, trained: TrainedOf
) -> None:
    once, again = trained(name), train(name, replace(board, touched=rows_of(board)))
    assert again.fitted.chosen == once.fitted.chosen
    assert again.fitted.curve == once.fitted.curve
    asked = board.test.histories, board.test.users
    np.testing.assert_array_equal(again.scores(*asked), once.scores(*asked))


def test_only_what_is_touched_parts_the_leaky_one_from_the_honest(
    board: Task, trained: TrainedOf
) -> None:
    asked = board.test.histories, board.test.users
    honest, leaky = trained("pfedrec").scores(*asked), trained(LEAKY).scores(*asked)
    assert not np.array_equal(honest, leaky)
    blind = train(LEAKY, replace(board, touched=rows_of(board)))
    np.testing.assert_array_equal(blind.scores(*asked), honest)


def rows_of(task: Task) -> tuple[Ints, ...]:
    return tuple(history.rows for history in task.train)


@pytest.mark.parametrize("name", NAMES)
def test_unseen_users_and_empty_histories_get_scores(
    name: str, board: Task, trained: TrainedOf
) -> None:
    asked = [*board.test.histories[:3], History.of([]), History.of([0])]
    scores = trained(name).scores(asked, np.full(len(asked), UNSEEN))
    assert scores.shape == (len(asked), board.n_items)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", NAMES)
def test_nobody_asked_nothing_scored(name: str, board: Task, trained: TrainedOf) -> None:
    scores = trained(name).scores([], np.zeros(0, np.int64))
    assert scores.shape == (0, board.n_items)


@pytest.mark.parametrize("name", PERSONAL)
def test_the_obvious_answer_comes_first(name: str, board: Task, trained: TrainedOf) -> None:
    ranks = target_ranks(trained(name).fitted.scorer, board.test)
    assert (ranks == 1).mean() >= 0.9


@pytest.mark.parametrize("name", [n for n in NAMES if n not in FIXED_USERS])
def test_unseen_users_are_served_like_the_others(
    name: str, board: Task, trained: TrainedOf
) -> None:
    asked, model = board.test, trained(name)
    unseen = model.scores(asked.histories, np.full(len(asked), UNSEEN))
    np.testing.assert_array_equal(unseen, model.scores(asked.histories, asked.users))


@pytest.mark.parametrize("name", NAMES)
def test_progress_grows_to_the_end(name: str, trained: TrainedOf) -> None:
    shares = [share for share, _ in trained(name).told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(what for _, what in trained(name).told)
