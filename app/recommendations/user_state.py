"""Where a user's state comes from: the cache, else the database, else nowhere (a cold start)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.connection import CacheDown
from app.cache.user_codec import UserState, UserVector
from app.errors import not_found
from app.recommendations import repository
from app.recommendations.repository import DATABASE_AWAY
from app.settings import Settings
from app.wiring import State
from recsys.history import History

T = TypeVar("T")
DegradedReason = Literal["cache_down", "database_down"]

log = structlog.get_logger()


class DatabaseDownError(Exception):
    """The database did not answer in time; carry on without it."""


@dataclass(frozen=True)
class FoundUser:
    """What could be learnt of a user. state None: no store answered, treat them as a stranger."""

    state: UserState | None
    vector: UserVector | None = None
    degraded_reason: DegradedReason | None = None


async def find_user_state(state: State, user_id: str) -> FoundUser:
    """The user's state, from the cache if it has it.

    Raises: Problem 404 when the database knows no such user.
    """
    try:
        cached = await state["user_states"].get(user_id)
    except CacheDown:
        return await _from_database(state, user_id, "cache_down")
    if cached.state is not None:
        return FoundUser(cached.state, cached.vector)
    found = await _from_database(state, user_id, None)
    if found.state is None:
        return found
    try:
        await state["user_states"].put(user_id, found.state)
    except CacheDown:
        return FoundUser(found.state, cached.vector, "cache_down")
    return FoundUser(found.state, cached.vector)


async def refresh_user_state(state: State, user_id: str) -> None:
    """Bring the cached state up to date after a committed change; never fails.

    What cannot be written now is remembered, so that no worker serves the older state for long.
    """
    try:
        built = await read_briefly(state, _builder(state["settings"], user_id))
    except DatabaseDownError:
        state["user_states"].remember_dirty(user_id, None)
        return
    if built is None:
        return
    try:
        await state["user_states"].put(user_id, built)
    except CacheDown:
        state["user_states"].remember_dirty(user_id, built.stamp)


async def build_user_state(
    connection: AsyncConnection, settings: Settings, user_id: str
) -> UserState | None:
    """The state as the database has it; None for an unknown user.

    The stamp is read first: on a database without snapshots the rest may be newer than its stamp,
    never older, and a newer stamp follows.
    """
    head = await repository.find_user(connection, user_id)
    if head is None:
        return None
    events = await repository.last_events(connection, user_id, settings.history_length)
    seen = await repository.touched_rows(connection, user_id)
    tower = await repository.find_tower(connection, user_id)
    place = {name: index for index, name in enumerate(settings.event_types)}
    kept = [(row, place[kind], int(at)) for row, kind, at in events if kind in place]
    history = History(*np.asarray(kept, np.int64).reshape(-1, 3).T)
    return UserState(head.mode, head.stamp, history, np.asarray(seen, np.int64), tower)


async def read_briefly(state: State, run: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """A read that gives up after `database_timeout_s`.

    Raises: DatabaseDownError.
    """
    try:
        async with (
            asyncio.timeout(state["settings"].database_timeout_s),
            state["database"].read() as connection,
        ):
            return await run(connection)
    except DATABASE_AWAY as error:
        log.warning("database_away", error=type(error).__name__)
        raise DatabaseDownError from error


async def _from_database(state: State, user_id: str, reason: DegradedReason | None) -> FoundUser:
    try:
        built = await read_briefly(state, _builder(state["settings"], user_id))
    except DatabaseDownError:
        return FoundUser(None, None, "database_down")
    if built is None:
        raise not_found("user")
    return FoundUser(built, None, reason)


def _builder(
    settings: Settings, user_id: str
) -> Callable[[AsyncConnection], Awaitable[UserState | None]]:
    return lambda connection: build_user_state(connection, settings, user_id)
