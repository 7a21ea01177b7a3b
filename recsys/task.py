"""What a model is trained on and what it is asked: a dataset after a split, in row numbers.

Every model of a comparison gets the same task. Held-out items appear in it only as targets, which
no model is shown, and in `touched`, which an honest model has no use for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys.arrays import Ints
from recsys.history import History

UNSEEN = -1


@dataclass(frozen=True)
class Queries:
    """n questions: what does this user, with this history, turn to next?

    histories: what is known at that moment, oldest first (ordered data)
    users: (n,) int64, index into the task's training histories; UNSEEN for who has none there
    targets: (n,) int64, the held-out row
    nulls: (n, m) int64, rows that the user never touched, given the status of the held-out row
        everywhere (m may be 0); see `recsys.splits.null_items`
    excluded: per question the rows that are no candidates, sorted; never the target or a null
    candidates: sorted rows that are ranked at all; None: every row
    people: (n,) int64, index into the dataset's users, the same in every split (groups, pairing)
    """

    histories: tuple[History, ...]
    users: Ints
    targets: Ints
    nulls: Ints
    excluded: tuple[Ints, ...]
    people: Ints
    candidates: Ints | None = None

    def __post_init__(self) -> None:
        n = len(self.histories)
        if not len(self.excluded) == n == self.targets.shape[0] == self.users.shape[0]:
            raise ValueError("histories, users, targets, excluded: one entry a question")
        if self.people.shape != (n,) or self.nulls.ndim != 2 or self.nulls.shape[0] != n:
            raise ValueError("people must be (n,), nulls (n, m)")

    def __len__(self) -> int:
        return len(self.histories)

    def take(self, places: Sequence[int] | Ints) -> "Queries":
        """The questions at these places, in that order."""
        at = np.asarray(places, np.int64)
        return Queries(
            tuple(self.histories[i] for i in at),
            self.users[at],
            self.targets[at],
            self.nulls[at],
            tuple(self.excluded[i] for i in at),
            self.people[at],
            self.candidates,
        )


@dataclass(frozen=True)
class Grouping:
    """A partition of people. names: of the groups; of: (n_people,) int64, -1 for nobody's group."""

    names: tuple[str, ...]
    of: Ints


@dataclass(frozen=True)
class Task:
    """A dataset after a split.

    train: one history per training device; people: (n_train,) whose each is
    validation: chooses rounds and settings; test: looked at once
    content: hashed public features per row (`recsys.content.features`), empty where none is known
    cold: sorted rows that no training history holds and that no model may train
    touched: per training device every row that its user's record names anywhere, held-out and null
        rows included. Only the deliberately leaky baseline reads it.
    groups: by name ("age"), over people
    asked_type: index of the event type that is asked for, None where any event may be the answer
    """

    name: str
    split: str
    item_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    ordered: bool
    train: tuple[History, ...]
    people: Ints
    validation: Queries
    test: Queries
    content: tuple[Ints, ...]
    touched: tuple[Ints, ...]
    cold: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    groups: Mapping[str, Grouping] = field(default_factory=dict)
    asked_type: int | None = None

    def __post_init__(self) -> None:
        if not len(self.train) == len(self.touched) == self.people.shape[0]:
            raise ValueError("train, people and touched must have one entry a device")
        if len(self.content) != self.n_items:
            raise ValueError("content must have one entry an item")

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @property
    def n_types(self) -> int:
        return len(self.event_types)
