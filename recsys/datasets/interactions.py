"""What every dataset is turned into: items with content, and one ordered history per user.

Order is the data here: a history is oldest first, and events of the same second stay in the order
of their file. That matters: 415 of MovieLens-100K's 943 users have several ratings at their last
second, so that "the last event" is decided by file order for almost half of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from recsys.content import ItemContent

DEFAULT_EVENT_TYPES = ("view", "cart", "purchase")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a user did with an item. `at` is in unix seconds."""

    item_id: str
    type: str
    at: float


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item of the catalogue: the shop's own id and the item's public content."""

    id: str
    content: ItemContent


@dataclass(frozen=True)
class Dataset:
    """Items and histories that fit each other.

    Checked on construction (ValueError): item ids are distinct; every event's item is in `items`
    and its type in `event_types`; every history is oldest first.

    ordered: False where the data keeps no order. Each user's last event is then the one that its
        publisher held out, and the order of all others says nothing.
    timed: False where `at` only numbers the events of a user and is no time that users share
    groups: by name ("age"), user id -> the group's name; users who are not listed have none
    """

    name: str
    items: tuple[ItemRecord, ...]
    histories: dict[str, tuple[Event, ...]]
    event_types: tuple[str, ...]
    ordered: bool = True
    timed: bool = True
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = set(self.item_ids)
        if len(known) != len(self.items):
            raise ValueError(f"{self.name}: two items have the same id")
        for user, history in self.histories.items():
            self._check_history(user, history, known)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Ids of `items`, in their order."""
        return tuple(item.id for item in self.items)

    @property
    def n_events(self) -> int:
        """Number of events of all users together."""
        return sum(len(history) for history in self.histories.values())

    def _check_history(self, user: str, history: tuple[Event, ...], known: set[str]) -> None:
        for event in history:
            if event.item_id not in known:
                raise ValueError(f"{self.name}: user {user!r} has unknown item {event.item_id!r}")
            if event.type not in self.event_types:
                raise ValueError(f"{self.name}: user {user!r} has unknown type {event.type!r}")
        if any(later.at < earlier.at for earlier, later in pairwise(history)):
            raise ValueError(f"{self.name}: the history of user {user!r} is not oldest first")


def histories_of(events: Iterable[tuple[str, Event]]) -> dict[str, tuple[Event, ...]]:
    """Group (user id, event) pairs by user, oldest first; ties keep the order of the input.

    Users come in the order of their first pair.
    """
    grouped: dict[str, list[Event]] = {}
    for user, event in events:
        grouped.setdefault(user, []).append(event)
    # list.sort is stable, which is what keeps ties in file order.
    return {user: tuple(sorted(own, key=lambda event: event.at)) for user, own in grouped.items()}
