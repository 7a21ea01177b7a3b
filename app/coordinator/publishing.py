"""The one short transaction that publishes a round, and those that open and step rounds.

Two coordinators may run: whoever commits first wins, and the other finds out here, by a unique key
or by the round's revision, and starts again from what is stored.
"""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.planning import Planned
from app.coordinator.standing_repository import StaleStandingError
from app.crash_points import crash_point
from app.rounds.repository import StaleRoundError, StoredRound, find_round, save_round
from app.store.database import Database
from federation.round_effects import Publish, Refuse
from federation.round_engine import step
from federation.round_events import Event, GatePassed
from federation.round_state import RoundState


class SupersededError(Exception):
    """Somebody else published or stepped first: nothing was written."""


async def publish_round(
    database: Database,
    candidate: Candidate,
    metrics: dict[str, int | float] | None,
    following: Planned | None,
    now: float,
) -> None:
    """Publish a round's version, end the round, and open the following one, all or nothing.

    Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        assert candidate.round_id is not None
        stored = await find_round(connection, candidate.round_id, lock=True)
        assert stored is not None, "rounds are never deleted"
        after, effects = step(stored.state, GatePassed(now))
        if Publish() not in effects:
            raise SupersededError(f"round {stored.id} is {stored.state.phase}")
        version = candidate.record.version
        extra: dict[str, Any] = {"published_version": version, "metrics": metrics}
        await add_version(connection, candidate, now)
        await save_round(connection, stored, after, now, **extra)
        if following is not None:
            opened = following.opened(now)
            await repository.add_round(connection, opened, following.plan, now)
        crash_point("publish_before_commit")

    await guarded(database, "publish_round", run)
    crash_point("publish_after_commit")


async def open_round(database: Database, planned: Planned, now: float) -> None:
    """Open a round.

    Raises: SupersededError when another round is open, or has its number, or its version is not the
    newest any more.
    """

    async def run(connection: AsyncConnection) -> None:
        version = planned.plan.model_version
        if not await repository.lock_newest_version(connection, version):
            raise SupersededError(f"version {version} is not the newest")
        ended = await repository.last_ended(connection)
        if (ended.id if ended else 0) != planned.round_id - 1:
            raise SupersededError(f"round {planned.round_id} does not come next")
        await repository.add_round(connection, planned.opened(now), planned.plan, now)
        crash_point("open_before_commit")

    await guarded(database, "open_round", run)
    crash_point("open_after_commit")


async def step_round(database: Database, round_id: int, event: Event, now: float) -> RoundState:
    """Step the round by one event and store what follows; a refused event changes nothing."""

    async def run(connection: AsyncConnection) -> RoundState:
        stored = await find_round(connection, round_id, lock=True)
        assert stored is not None, "rounds are never deleted"
        return await save_step(connection, stored, event, now)

    return await database.transaction(f"step_{type(event).__name__}", run)


async def save_step(
    connection: AsyncConnection, stored: StoredRound, event: Event, now: float
) -> RoundState:
    """The same within a transaction that holds the round."""
    after, effects = step(stored.state, event)
    if after == stored.state or any(isinstance(effect, Refuse) for effect in effects):
        return stored.state
    await save_round(connection, stored, after, now)
    return after


async def add_version(connection: AsyncConnection, candidate: Candidate, now: float) -> None:
    """Store a version, which waits to be measured, within a transaction.

    Raises: SupersededError when it does not follow the newest one.
    """
    newest = await repository.newest_version_id(connection)
    if newest != candidate.record.parent:
        raise SupersededError(f"version {newest} is published already")
    await repository.add_version(connection, candidate.row(now))


async def guarded(database: Database, name: str, run: Any) -> None:
    """Run a transaction that may find that somebody else was first.

    Raises: SupersededError.
    """
    try:
        await database.transaction(name, run)
    except (IntegrityError, StaleRoundError, StaleStandingError) as error:
        raise SupersededError(name) from error
