"""Check-in: one lease per account and round, or a window in which to come back."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import is_device_live
from app.crash_points import crash_point
from app.errors import Problem
from app.rounds import repository, request_count
from app.rounds.known_content import catalogue_of, plan_of
from app.rounds.pace import retry_window
from app.rounds.repository import Assignment, Participant, StoredRound
from app.wiring import State
from federation.plan import Plan
from federation.round_effects import Grant, SameAssignment
from federation.round_engine import step
from federation.round_events import CheckedIn

# Presence only steers the pace: a write a minute and device is enough, and no more than that.
SEEN_EVERY_S = 60.0


@dataclass(frozen=True)
class Work:
    """A lease with the plan that it is for."""

    assignment: Assignment
    plan: Plan


@dataclass(frozen=True)
class CheckIn:
    """Either work or a window; the version to rank with and its catalogue, if there are any."""

    work: Work | None
    retry: tuple[float, float] | None
    model_version: int | None
    catalogue: str | None


@dataclass(frozen=True)
class _Asked:
    """What a check-in asks of the engine, as read from the records."""

    stored: StoredRound
    held: Assignment | None
    event: CheckedIn


async def check_in(state: State, device_id: str) -> CheckIn:
    """Answer a device that asks for work; asking again gives the same answer.

    Only a new lease, or a presence that was noted long ago, costs a write.
    Raises: Problem 403 `device_revoked`, 409 `history_is_hosted`.
    """
    now = state["clock"]()
    async with state["database"].read() as connection:
        who = _admit(await repository.participant(connection, device_id))
        newest = who.newest_version
        catalogue = await catalogue_of(connection, *newest) if newest else None
        asked = await _ask(connection, device_id, who, now)
        effect = step(asked.stored.state, asked.event)[1][0] if asked else None
        plan = await plan_of(connection, asked.stored.plan_digest) if asked else None
    held = asked.held if asked and isinstance(effect, SameAssignment) else None
    if isinstance(effect, Grant):
        held = await _grant(state, device_id, who, now)
    elif now - who.seen_at >= SEEN_EVERY_S:
        await _mark_seen(state, device_id, now)
    version = newest[0] if newest else None
    if held is None or plan is None:
        return CheckIn(None, await retry_window(state), version, catalogue)
    if not isinstance(effect, Grant):
        await request_count.add(state["cache"], device_id)
    if asked and held.round_id != asked.stored.id:
        plan = await _plan_of_round(state, held.round_id)
    return CheckIn(Work(held, plan), None, version, catalogue)


def _admit(who: Participant | None) -> Participant:
    if who is None or who.revoked_at is not None:
        raise _revoked()
    if (who.mode == "hosted") != who.is_virtual:
        detail = "The history of a hosted user is on the server, which takes part for its devices."
        raise Problem(409, "history_is_hosted", detail)
    return who


def _revoked() -> Problem:
    return Problem(403, "device_revoked", "This device is not enrolled any more.")


async def _ask(
    connection: AsyncConnection, device_id: str, who: Participant, now: float, lock: bool = False
) -> _Asked | None:
    stored = await repository.newest_round(connection, lock)
    if stored is None:
        return None
    lease = await repository.account_lease(connection, stored.id, who.user_id)
    if lease is None:
        return _Asked(stored, None, CheckedIn(now, assignment_open=False, account_assigned=False))
    held = lease.assignment
    is_open = held.device_id == device_id and not held.expired and lease.accepted is None
    return _Asked(stored, held, CheckedIn(now, is_open, account_assigned=True))


async def _grant(state: State, device_id: str, who: Participant, now: float) -> Assignment | None:
    assignment_id = state["new_id"]()

    async def run(connection: AsyncConnection) -> Assignment | None:
        # Nothing that was read before the lock still counts.
        asked = await _ask(connection, device_id, who, now, lock=True)
        if asked is None:
            return None
        if not await is_device_live(connection, device_id):
            raise _revoked()
        after, (effect,) = step(asked.stored.state, asked.event)
        if not isinstance(effect, Grant):
            return asked.held if isinstance(effect, SameAssignment) else None
        round_id = asked.stored.id
        lease = Assignment(
            assignment_id, round_id, device_id, who.user_id, effect.expires_at, expired=False
        )
        await repository.save_round(connection, asked.stored, after, now)
        await repository.add_assignment(connection, lease, now)
        if now - who.seen_at >= SEEN_EVERY_S:
            await repository.mark_seen(connection, device_id, now)
        crash_point("grant_before_commit")
        return lease

    try:
        held = await state["database"].transaction("grant_assignment", run)
    except IntegrityError as error:  # the user was erased in between
        raise _revoked() from error
    crash_point("grant_after_commit")
    if held is not None:
        await request_count.begin(state["cache"], device_id)
    return held


async def _mark_seen(state: State, device_id: str, now: float) -> None:
    async def run(connection: AsyncConnection) -> None:
        await repository.mark_seen(connection, device_id, now)

    await state["database"].transaction("mark_seen", run)


async def _plan_of_round(state: State, round_id: int) -> Plan:
    async with state["database"].read() as connection:
        stored = await repository.find_round(connection, round_id)
        assert stored is not None, "a lease names its round"
        return await plan_of(connection, stored.plan_digest)
