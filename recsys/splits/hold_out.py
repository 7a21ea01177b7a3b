"""Which event of each user is held out, and what is left to learn from.

Leave-last-out by time. The split is strict, because most published federated numbers are not: the
held-out item must not be visible anywhere in what a user's device trains on, neither as an earlier
view or cart of the same item nor through anything that happened later.
"""

from dataclasses import dataclass

from recsys.datasets.interactions import Dataset, Event

# A shorter history holds nothing to personalise with; its user would only measure popularity.
MIN_HISTORY = 3


@dataclass(frozen=True)
class HoldOut:
    """`train`: every user's training history. `held_out`: item id for each user to evaluate."""

    train: dict[str, tuple[Event, ...]]
    held_out: dict[str, str]


def hold_out_last(
    dataset: Dataset, type: str | None = None, min_history: int = MIN_HISTORY
) -> HoldOut:
    """Hold out each user's last event, or the last of one event type ("purchase").

    Held out are that event, every event of that user with that item, and everything later in the
    history's order (so also events of the same second that come after it in the file). A user
    with no event of that type keeps the whole history in `train` and is not evaluated. A user
    with fewer than `min_history` training events left is not evaluated, but trains on the same
    reduced history, so that `train` does not depend on `min_history`.
    ValueError if the dataset has no such event type.
    """
    if type is not None and type not in dataset.event_types:
        raise ValueError(f"event type {type!r} is none of {dataset.event_types}")
    train: dict[str, tuple[Event, ...]] = {}
    held_out: dict[str, str] = {}
    for user, history in dataset.histories.items():
        cut = _last(history, type)
        train[user] = history if cut is None else _before(history, cut)
        if cut is not None and len(train[user]) >= min_history:
            held_out[user] = history[cut].item_id
    return HoldOut(train, held_out)


def _last(history: tuple[Event, ...], type: str | None) -> int | None:
    """Position of the last event of the type, None if there is none."""
    positions = (i for i in reversed(range(len(history))) if type in (None, history[i].type))
    return next(positions, None)


def _before(history: tuple[Event, ...], cut: int) -> tuple[Event, ...]:
    """What came before position `cut`, without any event of the item at `cut`."""
    item_id = history[cut].item_id
    return tuple(event for event in history[:cut] if event.item_id != item_id)
