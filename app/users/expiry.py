"""What is only kept for so long: events of hosted users, and enrolment codes that nobody may use.

The coordinator calls it now and then. Each step is bounded, so that a first run over an old service
holds up no round, and each user's events go in a transaction of their own.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.recommendations.user_state import refresh_user_state
from app.users import expiry_repository as repository
from app.wiring import State

USERS_PER_STEP = 50
# A device that repeats a late enrolment is told for so long that its code has expired.
CODES_KEPT_S = 30 * 86400.0


@dataclass(frozen=True)
class Expired:
    """What one step deleted. more: there is more to delete now."""

    events: int
    codes: int
    more: bool


async def expire(state: State) -> Expired:
    """Delete events that were received too long ago, and old codes."""
    now, kept_s = state["clock"](), state["settings"].events_kept_s
    users: list[str] = []
    if kept_s > 0:
        async with state["database"].read() as connection:
            users = await repository.users_with_old_events(connection, now - kept_s, USERS_PER_STEP)
    events = 0
    for user_id in users:
        events += await _expire_events(state, user_id, now - kept_s)

    async def run(connection: AsyncConnection) -> int:
        return await repository.delete_old_codes(connection, now - CODES_KEPT_S)

    codes = await state["database"].transaction("expire_codes", run)
    return Expired(events, codes, more=len(users) == USERS_PER_STEP)


async def _expire_events(state: State, user_id: str, before: float) -> int:
    async def run(connection: AsyncConnection) -> int:
        return await repository.delete_old_events(connection, user_id, before)

    deleted = await state["database"].transaction("expire_events", run)
    # A list may no longer be explained by what is gone.
    await refresh_user_state(state, user_id)
    return deleted
