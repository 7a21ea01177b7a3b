"""A hosted user's history: pages of it, and the export that is handed over before erasure."""

import math

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import rfc3339
from app.errors import invalid_field, not_found
from app.pagination import encode_cursor
from app.users import repository
from app.users.repository import StoredEvent
from app.users.schemas import EventPage, EventView, History
from app.wiring import State
from federation.canonical import canonical_json, digest

NUMBER_MAX = 2**63 - 1


def _view(event: StoredEvent) -> EventView:
    return EventView(
        event_id=event.event_id, item_id=event.item_id, type=event.type, at=rfc3339(event.at)
    )


async def export(connection: AsyncConnection, user_id: str) -> History:
    """The user's whole history with its digest; empty unless the mode is `hosted`."""
    events = [_view(event) for event in await repository.all_events(connection, user_id)]
    content = {"user_id": user_id, "events": [event.model_dump() for event in events]}
    return History(user_id=user_id, events=events, digest=digest(canonical_json(content)))


async def get_history(state: State, user_id: str) -> History:
    """The export.

    Raises: Problem 404.
    """
    async with state["database"].read() as connection:
        if await repository.find_user(connection, user_id) is None:
            raise not_found("user")
        return await export(connection, user_id)


async def list_events(state: State, user_id: str, cursor: str | None, limit: int) -> EventPage:
    """One page of events, newest first.

    Raises: Problem 404; 422 for a cursor that no page held.
    """
    before = None if cursor is None else _read_place(cursor)
    async with state["database"].read() as connection:
        if await repository.find_user(connection, user_id) is None:
            raise not_found("user")
        found = await repository.list_events(connection, user_id, before, limit + 1)
    page = found[:limit]
    following = encode_cursor(_place(page[-1])) if len(found) > limit else None
    return EventPage(data=[_view(event) for event in page], next_cursor=following)


def _place(event: StoredEvent) -> str:
    return f"{event.at!r}/{event.number}"


def _read_place(place: str) -> tuple[float, int]:
    at_text, _, number_text = place.partition("/")
    try:
        at, number = float(at_text), int(number_text)
    except ValueError as error:
        raise invalid_field("cursor", "is not a cursor of an earlier answer") from error
    if not math.isfinite(at) or not 0 <= number <= NUMBER_MAX:
        raise invalid_field("cursor", "is not a cursor of an earlier answer")
    return at, number
