"""What events must satisfy beyond their shape: pure functions that yield field errors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from app.clock import parse_rfc3339
from app.errors import ERRORS_MAX, Problem
from app.events.schemas import EventBody

FUTURE_S_MAX = 300.0
"""Devices' and servers' clocks disagree by minutes, not more."""


@dataclass(frozen=True)
class SentEvent:
    """An event and what stands before its field names, such as `events.3.`."""

    prefix: str
    body: EventBody

    @property
    def key(self) -> tuple[str, str]:
        """What makes it a duplicate: user id and event id."""
        return self.body.user_id, self.body.event_id

    def time(self, now: float) -> float:
        """When it happened, in Unix seconds."""
        return now if self.body.at is None else parse_rfc3339(self.body.at)


@dataclass(frozen=True)
class EventError:
    """One field that is wrong."""

    reason: str
    field: str
    message: str


def shape_errors(
    events: Iterable[SentEvent], types: Sequence[str], now: float
) -> Iterator[EventError]:
    """Types that the operator did not configure, and times that have not come yet."""
    for event in events:
        if event.body.type not in types:
            message = f"must be one of {', '.join(types)}"
            yield EventError("unknown_type", f"{event.prefix}type", message)
        if event.time(now) > now + FUTURE_S_MAX:
            yield EventError("in_the_future", f"{event.prefix}at", "lies in the future")


def user_errors(events: Iterable[SentEvent], modes: Mapping[str, str]) -> Iterator[EventError]:
    """Users who do not exist."""
    for event in events:
        if event.body.user_id not in modes:
            yield EventError("unknown_user", f"{event.prefix}user_id", "no such user")


def mode_errors(events: Iterable[SentEvent], modes: Mapping[str, str]) -> Iterator[EventError]:
    """Users whose history the service must not see."""
    for event in events:
        if (mode := modes[event.body.user_id]) != "hosted":
            message = f"the history of a user in mode {mode} stays on the device"
            field = f"{event.prefix}user_id"
            yield EventError("history_stays_on_device", field, message)


def item_errors(events: Iterable[SentEvent], rows: Mapping[str, int]) -> Iterator[EventError]:
    """Items that are not in the catalogue."""
    for event in events:
        if event.body.item_id not in rows:
            yield EventError("unknown_item", f"{event.prefix}item_id", "no such item")


def refuse_if_any(errors: Iterator[EventError], status: int = 422) -> None:
    """Refuse the whole call when there is an error; the first one gives the reason.

    Raises: Problem.
    """
    found = list(islice(errors, ERRORS_MAX))
    if found:
        named = [{"field": error.field, "message": error.message} for error in found]
        detail = f"{found[0].field}: {found[0].message}"
        raise Problem(status, found[0].reason, detail, errors=named)
