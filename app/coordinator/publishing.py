"""The one short transaction that publishes a version, and the one that opens a round.

Two coordinators may run: whoever commits first wins, and the other finds out here, by a unique key
or by the round's revision, and starts again from what is stored.
"""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.planning import Planned
from app.crash_points import crash_point
from app.rounds import leases_repository as leases
from app.rounds.known_content import plan_of
from app.rounds.participation_repository import count_members
from app.rounds.repository import StaleRoundError, find_round, steps_between
from app.rounds.stepping import save_after
from app.store.database import Database
from federation.plan import Plan
from federation.round_effects import Publish
from federation.round_engine import step
from federation.round_events import GatePassed


class SupersededError(Exception):
    """Somebody else published or stepped first: nothing was written."""


async def publish_version(database: Database, candidate: Candidate, now: float) -> None:
    """Publish a version that no round made.

    Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        await _add_version(connection, candidate, now)

    await _guarded(database, "publish_version", run)


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
        version = candidate.record.version
        extra: dict[str, Any] = {"published_version": version, "metrics": metrics}
        await _add_version(connection, candidate, now)
        # Published rounds have no work left, so the size of jobs does not matter.
        await save_after(connection, stored, after, effects, now, job_updates=1, **extra)
        await count_members(connection, stored.id)
        if following is not None:
            await _add_round(connection, following, now)
        crash_point("publish_before_commit")

    await _guarded(database, "publish_round", run)
    crash_point("publish_after_commit")


async def open_round(database: Database, planned: Planned, now: float) -> None:
    """Open a round.

    Raises: SupersededError when another round is open, or has its number.
    """

    async def run(connection: AsyncConnection) -> None:
        ended = await repository.last_ended(connection)
        if (ended.id if ended else 0) != planned.round_id - 1:
            raise SupersededError(f"round {planned.round_id} does not come next")
        await _add_round(connection, planned, now)
        crash_point("open_before_commit")

    await _guarded(database, "open_round", run)
    crash_point("open_after_commit")


async def _add_round(connection: AsyncConnection, planned: Planned, now: float) -> None:
    """Store the opened round, with the open leases of the one before that may count in it."""
    before = planned.round_id - 1
    granted_in = await _rounds_to_take_over(connection, planned.plan, before)
    carried = await leases.count_open_leases(connection, granted_in, before)
    opened = planned.opened(now, carried)
    await repository.add_round(connection, opened, planned.plan, now)
    moved = await leases.take_over_leases(connection, granted_in, before, planned.round_id)
    assert moved == carried, "the leases of a closed round stand still"


async def _rounds_to_take_over(connection: AsyncConnection, plan: Plan, before: int) -> list[int]:
    """Rounds whose open leases, now counted in `before`, may deliver to a round of `plan`."""
    if plan.max_staleness == 0:
        return []
    found = []
    for round_id in await leases.open_leases_by_round(connection, before):
        granting = await find_round(connection, round_id)
        assert granting is not None, "a lease names its round"
        steps = await steps_between(connection, granting.model_version, plan.model_version)
        own = await plan_of(connection, granting.plan_digest)
        if steps <= plan.max_staleness and plan.shares_buffer(own):
            found.append(round_id)
    return found


async def _add_version(connection: AsyncConnection, candidate: Candidate, now: float) -> None:
    newest = await repository.newest_version_id(connection)
    if newest != candidate.record.parent:
        raise SupersededError(f"version {newest} is published already")
    await repository.add_version(connection, candidate.row(now))


async def _guarded(database: Database, name: str, run: Any) -> None:
    try:
        await database.transaction(name, run)
    except (IntegrityError, StaleRoundError) as error:
        raise SupersededError(name) from error
