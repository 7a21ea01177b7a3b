"""What every task keeps, whichever split made it."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Bools, Ints
from recsys.history import History
from recsys.task import UNSEEN, Queries, Task


def assert_nothing_leaks(task: Task) -> None:
    """No held-out row in training, in its own history or among what is excluded; no null anywhere.

    Cold rows are in no history at all.
    """
    n_people = max(task.people.max(), task.test.people.max(), task.validation.people.max()) + 1
    held_out = np.zeros((n_people, task.n_items), bool)
    is_cold = np.zeros(task.n_items, bool)
    is_cold[task.cold] = True
    for queries in (task.validation, task.test):
        _assert_each_is_clean(queries, is_cold)
        _assert_users_are_theirs(task, queries)
        held_out[queries.people, queries.targets] = True
        held_out[queries.people[:, None], queries.nulls] = True
    for history, person in zip(task.train, task.people.tolist(), strict=True):
        assert not held_out[person, history.rows].any()
        assert not is_cold[history.rows].any()


def _assert_each_is_clean(queries: Queries, is_cold: Bools) -> None:
    hidden = np.zeros(len(is_cold), bool)
    for i, history in enumerate(queries.histories):
        own = np.append(queries.nulls[i], queries.targets[i])
        hidden[own] = True
        assert not hidden[history.rows].any()
        assert not is_cold[history.rows].any()
        assert not hidden[queries.excluded[i]].any()
        assert (queries.excluded[i][1:] > queries.excluded[i][:-1]).all()
        hidden[own] = False


def _assert_users_are_theirs(task: Task, queries: Queries) -> None:
    seen = queries.users != UNSEEN
    assert np.array_equal(task.people[queries.users[seen]], queries.people[seen])
    assert not np.isin(queries.people[~seen], task.people).any()


def assert_same(first: Queries, second: Queries) -> None:
    """The same questions; nulls, candidates and users may differ."""
    assert same_histories(first.histories, second.histories)
    assert same_arrays(first.excluded, second.excluded)
    assert np.array_equal(first.targets, second.targets)
    assert np.array_equal(first.people, second.people)


def same_histories(first: tuple[History, ...], second: tuple[History, ...]) -> bool:
    """Whether both hold the same events."""
    return same_arrays([h.rows for h in first], [h.rows for h in second]) and same_arrays(
        [h.types for h in first], [h.types for h in second]
    )


def same_arrays(first: Sequence[Ints], second: Sequence[Ints]) -> bool:
    """Whether both are equal, array by array."""
    if list(map(len, first)) != list(map(len, second)):
        return False
    return not first or np.array_equal(np.concatenate(first), np.concatenate(second))
