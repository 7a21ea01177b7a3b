"""Storing events: all of a call or none."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.dependencies import Caller
from app.events import checks, repository
from app.events.checks import SentEvent, refuse_if_any
from app.events.repository import NewEvent
from app.events.schemas import Events, EventsBody, EventsReceipt
from app.recommendations.user_state import refresh_user_state
from app.wiring import State


async def post_events(state: State, who: Caller, body: Events) -> EventsReceipt:
    """Store the events that are new; the users' next recommendations see them.

    Raises: Problem 403 `foreign_user`; 422 `unknown_type`, `in_the_future`, `unknown_user`,
    `unknown_item`; 409 `history_stays_on_device`. Nothing is stored then.
    """
    events, now = _sent(body), state["clock"]()
    for event in events:
        who.require_user(event.body.user_id)
    refuse_if_any(checks.shape_errors(events, state["settings"].event_types, now))

    async def run(connection: AsyncConnection) -> list[NewEvent]:
        new = await _new_events(connection, events, now)
        if new:
            await repository.add_events(connection, new)
            await repository.move_revisions(connection, {event.user_id for event in new})
        return new

    stored = await state["database"].transaction("post_events", run)
    for user_id in dict.fromkeys(event.user_id for event in stored):
        await refresh_user_state(state, user_id)
    return EventsReceipt(accepted=len(stored), duplicates=len(events) - len(stored))


def _sent(body: Events) -> list[SentEvent]:
    if isinstance(body, EventsBody):
        return [SentEvent(f"events.{n}.", event) for n, event in enumerate(body.events)]
    return [SentEvent("", body)]


async def _new_events(
    connection: AsyncConnection, events: Sequence[SentEvent], now: float
) -> list[NewEvent]:
    """Lock the users, refuse what does not fit, leave duplicates out."""
    modes = await repository.lock_modes(connection, {event.body.user_id for event in events})
    refuse_if_any(checks.user_errors(events, modes))
    refuse_if_any(checks.mode_errors(events, modes), status=409)
    fresh = await _without_duplicates(connection, events)
    rows = await repository.live_rows(connection, {event.body.item_id for event in fresh})
    # Only new events need their item: a retry must not fail because the item went meanwhile.
    refuse_if_any(checks.item_errors(fresh, rows))
    return [_stored_form(event, rows[event.body.item_id], now) for event in fresh]


async def _without_duplicates(
    connection: AsyncConnection, events: Sequence[SentEvent]
) -> list[SentEvent]:
    known = await repository.known_keys(connection, [event.key for event in events])
    fresh = {event.key: event for event in reversed(events) if event.key not in known}
    return [event for event in events if fresh.get(event.key) is event]


def _stored_form(event: SentEvent, row: int, now: float) -> NewEvent:
    body = event.body
    return NewEvent(body.user_id, body.event_id, row, body.type, event.time(now), now)
