"""The one short transaction that publishes a round, and the one that opens one.

Two coordinators may run: whoever commits first wins, and the other finds out here, by a unique key
or by the round's revision, and starts again from what is stored.
"""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.orders import begin_round
from app.coordinator.planning import Planned
from app.coordinator.standing_repository import StaleStandingError
from app.crash_points import crash_point
from app.rounds.participation_repository import count_members
from app.rounds.repository import StaleRoundError, find_round
from app.rounds.stepping import save_after
from app.store.database import Database
from federation.round_effects import Publish
from federation.round_engine import step
from federation.round_events import GatePassed


class SupersededError(Exception):
    """Somebody else published or stepped first: nothing was written."""


async def publish_round(
    database: Database,
    candidate: Candidate,
    metrics: dict[str, int | float] | None,
    following: Planned | None,
    now: float,
) -> None:
    """Publish a round's version, end the round, count its members, and open the following round.

    All or nothing. Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        assert candidate.round_id is not None
        stored = await find_round(connection, candidate.round_id, lock=True)
        assert stored is not None, "rounds are never deleted"
        after, effects = step(stored.state, GatePassed(now))
        if Publish() not in effects:
            raise SupersededError(f"round {stored.id} is {stored.state.phase}")
        if stored.state.sum != candidate.record.sum:
            raise SupersededError(f"round {stored.id} was summed again")
        version = candidate.record.version
        extra: dict[str, Any] = {"published_version": version, "metrics": metrics}
        await add_version(connection, candidate, now)
        # Published rounds have no work left, so the size of jobs does not matter.
        await save_after(connection, stored, after, effects, now, job_updates=1, **extra)
        await count_members(connection, stored.id)
        if following is not None:
            await begin_round(connection, following, now)
        crash_point("publish_before_commit")

    await guarded(database, "publish_round", run)
    crash_point("publish_after_commit")


async def open_round(database: Database, planned: Planned, now: float) -> None:
    """Open a round.

    Raises: SupersededError when another round is open, or has its number, or its version is not the
    newest any more, or when it is not wanted any more.
    """

    async def run(connection: AsyncConnection) -> None:
        version = planned.plan.model_version
        if not await repository.lock_newest_version(connection, version):
            raise SupersededError(f"version {version} is not the newest")
        ended = await repository.last_ended(connection)
        if (ended.id if ended else 0) != planned.round_id - 1:
            raise SupersededError(f"round {planned.round_id} does not come next")
        if not await begin_round(connection, planned, now):
            raise SupersededError(f"round {planned.round_id} is not wanted any more")
        crash_point("open_before_commit")

    await guarded(database, "open_round", run)
    crash_point("open_after_commit")


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
