"""Items and events in batches that fit the service's body limits."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NotRequired, TypedDict

from recsys.datasets.interactions import Event

IMPORT_BYTES = 8 << 20  # the service takes 64 MiB; smaller bodies lose less when one fails
EVENTS_PER_CALL = 500  # the service takes 1,000; ids of escaped characters are six times as long


class EventBody(TypedDict):
    """An event as it is posted. event_id: a repeat counts once; at: RFC 3339, now if left out."""

    event_id: str
    user_id: str
    item_id: str
    type: str
    at: NotRequired[str]


def import_bodies(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[bytes, int]]:
    """NDJSON bodies with the number of lines in each. items: content with its `id`."""
    lines: list[bytes] = []
    size = 0
    for item in items:
        line = json.dumps(dict(item), allow_nan=False).encode() + b"\n"
        if lines and size + len(line) > IMPORT_BYTES:
            yield b"".join(lines), len(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines), len(lines)


def event_bodies(events: Iterable[EventBody]) -> Iterator[dict[str, list[EventBody]]]:
    """Bodies of `POST /v1/events`."""
    left = iter(events)
    while batch := list(islice(left, EVENTS_PER_CALL)):
        yield {"events": batch}


def hosted_events(user_id: str, events: Iterable[Event]) -> Iterator[EventBody]:
    """A history as it is posted for a hosted user.

    An event's id follows from the event (and from how often the same one came before), so that
    posting a history again counts nothing twice.
    """
    seen: Counter[Event] = Counter()
    for event in events:
        key = json.dumps([event.item_id, event.type, event.at, seen[event]]).encode()
        seen[event] += 1
        yield EventBody(
            event_id=hashlib.sha256(key).hexdigest()[:32],
            user_id=user_id,
            item_id=event.item_id,
            type=event.type,
            at=rfc3339(event.at),
        )


def rfc3339(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
