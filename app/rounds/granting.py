"""Granting: a round's answer to devices that check in, and the leases that it gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import live_devices
from app.crash_points import crash_point
from app.errors import Problem, device_revoked
from app.rounds import leases_repository as leases
from app.rounds import repository, request_count
from app.rounds.known_content import plan_of
from app.rounds.leases_repository import Assignment, Lease
from app.rounds.participation_repository import participations_among
from app.rounds.repository import Participant, StoredRound
from app.rounds.stepping import save_after
from app.wiring import State
from federation.plan import Plan
from federation.round_effects import ComeBack, Effect, Grant, SameAssignment
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
class Held:
    """The work that a device has. is_new: since this check-in."""

    work: Work
    is_new: bool


@dataclass(frozen=True)
class Asking:
    """A device that checks in at `now`; assignment_id: of its lease, should it be given one."""

    device_id: str
    who: Participant
    now: float
    assignment_id: str

    @property
    def is_long_unseen(self) -> bool:
        """Whether its presence is due to be noted."""
        return self.now - self.who.seen_at >= SEEN_EVERY_S


@dataclass(frozen=True)
class Invitation:
    """The round opened last, as one account stands to it. rests: by the plan."""

    stored: StoredRound
    plan: Plan
    lease: Lease | None
    rests: bool

    def event(self, device_id: str, now: float) -> CheckedIn:
        """What the engine is told of the account's device that checks in."""
        if self.lease is None:
            return CheckedIn(now, False, account_assigned=False, resting=self.rests)
        held = self.lease.assignment
        is_open = held.device_id == device_id and not held.expired and self.lease.accepted is None
        return CheckedIn(now, is_open, account_assigned=True)


async def answer_of(
    connection: AsyncConnection, device_id: str, invited: Invitation, now: float
) -> Effect | Held:
    """What the round says to the device: what it holds, a new lease (not recorded yet), or not."""
    effect = step(invited.stored.state, invited.event(device_id, now))[1][0]
    if not isinstance(effect, SameAssignment):
        return effect
    assert invited.lease is not None
    held = invited.lease.assignment
    # A lease that this round took over is for the plan of the round that granted it.
    carried = held.round_id != invited.stored.id
    plan = await _plan_of_round(connection, held.round_id) if carried else invited.plan
    return Held(Work(held, plan), is_new=False)


async def _plan_of_round(connection: AsyncConnection, round_id: int) -> Plan:
    stored = await repository.find_round(connection, round_id)
    assert stored is not None, "a lease names its round"
    return await plan_of(connection, stored.plan_digest)


async def grant(state: State, asking: Asking) -> Effect | Held:
    """A lease, unless the round has changed its mind since the device was told of it.

    Raises: Problem 403 `device_revoked`.
    """
    run = partial(_grant_all, state)
    held: Effect | Held
    try:
        held = await state["groups"].submit("grant_assignment", run, asking)
    except IntegrityError as error:  # the user was erased in between
        raise device_revoked() from error
    crash_point("grant_after_commit")
    if isinstance(held, Held) and held.is_new:
        await request_count.begin(state["cache"], asking.device_id)
    return held


async def _grant_all(
    state: State, connection: AsyncConnection, asked: Sequence[Asking]
) -> list[Effect | Held | Problem]:
    stored = await repository.newest_round(connection, lock=True)
    if stored is None:
        return [ComeBack("no_round") for _ in asked]
    # Nothing that was read before the lock still counts.
    group = await _Group.read(connection, stored, asked)
    answers = [await group.answer(connection, one) for one in asked]
    if group.granted:
        await group.save(connection, asked, state["settings"].reduce_job_updates)
        crash_point("grant_before_commit")
    return answers


class _Group:
    """Devices that ask one round at once: each sees the round as the one before it left it."""

    def __init__(
        self,
        stored: StoredRound,
        plan: Plan,
        held: dict[str, Lease],
        resting: set[str],
        live: set[str],
    ) -> None:
        self._before = self._stored = stored
        self._plan, self._held, self._resting, self._live = plan, held, resting, live
        self._effects: list[Effect] = []
        self.granted: list[Assignment] = []

    @classmethod
    async def read(
        cls, connection: AsyncConnection, stored: StoredRound, asked: Sequence[Asking]
    ) -> "_Group":
        """All that decides, in one query for each kind of record."""
        users = {one.who.user_id for one in asked}
        plan = await plan_of(connection, stored.plan_digest)
        return cls(
            stored,
            plan,
            held=await leases.leases_of_accounts(connection, stored.id, users),
            resting=await resting_among(connection, users, plan, stored.id),
            live=await live_devices(connection, {one.device_id for one in asked}),
        )

    async def answer(self, connection: AsyncConnection, one: Asking) -> Effect | Held | Problem:
        """What the round says to one device; a new lease is noted to be saved."""
        if one.device_id not in self._live:
            return device_revoked()
        lease, rests = self._held.get(one.who.user_id), one.who.user_id in self._resting
        invited = Invitation(self._stored, self._plan, lease, rests)
        answer = await answer_of(connection, one.device_id, invited, one.now)
        if not isinstance(answer, Grant):
            return answer
        after, effects = step(self._stored.state, invited.event(one.device_id, one.now))
        self._stored = replace(self._stored, state=after)
        self._effects.extend(effects)
        return Held(Work(self._lease(one, answer.expires_at), self._plan), is_new=True)

    def _lease(self, one: Asking, expires_at: float) -> Assignment:
        lease = Assignment(
            id=one.assignment_id,
            round_id=self._stored.id,
            counts_in=self._stored.id,
            device_id=one.device_id,
            user_id=one.who.user_id,
            expires_at=expires_at,
            expired=False,
        )
        self.granted.append(lease)
        self._held[one.who.user_id] = Lease(lease, None)
        return lease

    async def save(
        self, connection: AsyncConnection, asked: Sequence[Asking], job_updates: int
    ) -> None:
        """Record the leases that were given, with the round's state behind the last of them."""
        now = max(one.now for one in asked)
        after, effects = self._stored.state, self._effects
        await save_after(connection, self._before, after, effects, now, job_updates)
        await leases.add_assignments(connection, self.granted, now)
        seen = [one.device_id for one in asked if one.is_long_unseen]
        await repository.mark_seen(connection, seen, now)


async def resting_among(
    connection: AsyncConnection, user_ids: set[str], plan: Plan, round_id: int
) -> set[str]:
    """Which of these accounts may not be asked in this round of this plan."""
    if not (plan.min_separation or plan.participations_max):
        return set()
    counted = await participations_among(connection, user_ids)
    return {user_id for user_id, ledger in counted.items() if ledger.rests(plan, round_id)}
