"""Check-in: one lease per account and round, or a window in which to come back."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import is_device_live
from app.crash_points import crash_point
from app.errors import Problem
from app.rounds import leases_repository as leases
from app.rounds import repository, request_count
from app.rounds.known_content import catalogue_of, plan_of
from app.rounds.leases_repository import Assignment
from app.rounds.pace import retry_window
from app.rounds.participation_repository import participations_of
from app.rounds.repository import Participant, StoredRound
from app.rounds.stepping import save_after
from app.wiring import State
from federation.plan import Plan
from federation.round_effects import ComeBack, Effect, Grant, SameAssignment, WaitReason
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
class Waiting:
    """Come back within window_s = (after, before), seconds from now; reason: why not now."""

    window_s: tuple[float, float]
    reason: WaitReason


@dataclass(frozen=True)
class CheckIn:
    """Either work or a window; the version to rank with and its catalogue, if there are any."""

    work: Work | None
    wait: Waiting | None
    model_version: int | None
    catalogue: str | None


@dataclass(frozen=True)
class _Asked:
    """What a check-in asks of the engine, as read from the records."""

    stored: StoredRound
    plan: Plan
    held: Work | None
    event: CheckedIn


@dataclass(frozen=True)
class _Held:
    """The work that a device has. is_new: since this check-in."""

    work: Work
    is_new: bool


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
    answer = _answer(asked)
    if isinstance(answer, Grant):
        answer = await _grant(state, device_id, who, now)
    elif now - who.seen_at >= SEEN_EVERY_S:
        await _mark_seen(state, device_id, now)
    version = newest[0] if newest else None
    if isinstance(answer, ComeBack):
        newest_round = asked.stored.state if asked else None
        window_s = await retry_window(state, newest_round, answer.reason)
        waiting = Waiting(window_s, answer.reason)
        return CheckIn(None, waiting, version, catalogue)
    assert isinstance(answer, _Held)
    if not answer.is_new:
        await request_count.add(state["cache"], device_id)
    return CheckIn(answer.work, None, version, catalogue)


def _answer(asked: _Asked | None) -> Effect | _Held:
    if asked is None:
        return ComeBack("no_round")
    effect = step(asked.stored.state, asked.event)[1][0]
    if not isinstance(effect, SameAssignment):
        return effect
    assert asked.held is not None
    return _Held(asked.held, is_new=False)


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
    plan = await plan_of(connection, stored.plan_digest)
    lease = await leases.account_lease(connection, stored.id, who.user_id)
    if lease is None:
        rests = await _rests(connection, who.user_id, plan, stored.id)
        event = CheckedIn(now, assignment_open=False, account_assigned=False, resting=rests)
        return _Asked(stored, plan, None, event)
    held = lease.assignment
    is_open = held.device_id == device_id and not held.expired and lease.accepted is None
    # A lease that this round took over is for the plan of the round that granted it.
    own = plan if held.round_id == stored.id else await _plan_of_round(connection, held.round_id)
    return _Asked(stored, plan, Work(held, own), CheckedIn(now, is_open, account_assigned=True))


async def _rests(connection: AsyncConnection, user_id: str, plan: Plan, round_id: int) -> bool:
    if not (plan.min_separation or plan.participations_max):
        return False
    counted = await participations_of(connection, user_id)
    return counted is not None and counted.rests(plan, round_id)


async def _grant(state: State, device_id: str, who: Participant, now: float) -> Effect | _Held:
    assignment_id = state["new_id"]()

    async def run(connection: AsyncConnection) -> Effect | _Held:
        # Nothing that was read before the lock still counts.
        asked = await _ask(connection, device_id, who, now, lock=True)
        if not await is_device_live(connection, device_id):
            raise _revoked()
        answer = _answer(asked)
        if asked is None or not isinstance(answer, Grant):
            return answer
        after, effects = step(asked.stored.state, asked.event)
        lease = Assignment(
            id=assignment_id,
            round_id=asked.stored.id,
            counts_in=asked.stored.id,
            device_id=device_id,
            user_id=who.user_id,
            expires_at=answer.expires_at,
            expired=False,
        )
        job_updates = state["settings"].reduce_job_updates
        await save_after(connection, asked.stored, after, effects, now, job_updates)
        await leases.add_assignment(connection, lease, now)
        if now - who.seen_at >= SEEN_EVERY_S:
            await repository.mark_seen(connection, device_id, now)
        crash_point("grant_before_commit")
        return _Held(Work(lease, asked.plan), is_new=True)

    try:
        held = await state["database"].transaction("grant_assignment", run)
    except IntegrityError as error:  # the user was erased in between
        raise _revoked() from error
    crash_point("grant_after_commit")
    if isinstance(held, _Held) and held.is_new:
        await request_count.begin(state["cache"], device_id)
    return held


async def _mark_seen(state: State, device_id: str, now: float) -> None:
    async def run(connection: AsyncConnection) -> None:
        await repository.mark_seen(connection, device_id, now)

    await state["database"].transaction("mark_seen", run)


async def _plan_of_round(connection: AsyncConnection, round_id: int) -> Plan:
    stored = await repository.find_round(connection, round_id)
    assert stored is not None, "a lease names its round"
    return await plan_of(connection, stored.plan_digest)
