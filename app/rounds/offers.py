"""An offer: an update that a device wants to hand in, as the records stand to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from app.rounds import leases_repository as leases
from app.rounds import repository
from app.rounds.known_content import plan_of
from app.rounds.leases_repository import Lease
from app.rounds.repository import StoredRound
from app.rounds.update_body import problem_of
from app.wiring import State
from federation.plan import Plan
from federation.refusals import Refusal
from federation.round_effects import Effect, Refuse
from federation.round_engine import step
from federation.round_events import AssignmentStanding, UploadOffered
from federation.round_state import CLOSED, RoundState

REVOKED = Refusal("device_revoked", "This device is not enrolled any more.")


@dataclass(frozen=True)
class Offer:
    """A lease as the records have it: the round that would take its update, and its own plan.

    newest_round: the round that was opened last; staleness: model steps behind `stored`.
    device_key: bare JWK of the device that asks; empty where none does.
    """

    lease: Lease
    stored: StoredRound
    plan: Plan
    newest_round: int
    staleness: int
    device_key: Mapping[str, str] = field(default_factory=dict)

    def event(self, body_digest: str, now: float) -> UploadOffered:
        """What the engine is told of an upload with this digest."""
        accepted = self.lease.accepted
        if accepted is not None:
            return UploadOffered(now, "accepted", accepted.body_digest == body_digest)
        is_carried = self.lease.assignment.round_id != self.stored.id
        return UploadOffered(now, self._standing(now), carried=is_carried, staleness=self.staleness)

    def _standing(self, now: float) -> AssignmentStanding:
        held = self.lease.assignment
        if held.expired:
            return "expired"
        if self.stored.id < self.newest_round:
            return "left_behind"
        # Nobody records what runs out after a close; a lease that waits for the next buffer ends.
        ran_out = self.stored.state.effective_phase in CLOSED and held.expires_at <= now
        return "expired" if ran_out else "open"

    def step(self, body_digest: str, now: float) -> tuple[RoundState, tuple[Effect, ...]] | Refusal:
        """What the round would make of it."""
        after, effects = step(self.stored.state, self.event(body_digest, now))
        if isinstance(effects[0], Refuse):
            return self._as_conflict(effects[0].refusal)
        return after, effects

    def _as_conflict(self, refusal: Refusal) -> Refusal:
        # Once accepted, other bytes are a conflict for ever, whether the round is open or closed.
        if self.lease.accepted is not None and refusal.reason == "round_closed":
            return Refusal("update_conflict", "Another body was accepted before.")
        return refusal


async def find_offer(state: State, device_id: str, assignment_id: str) -> Offer:
    """The device's assignment.

    Raises: Problem 403 `device_revoked`, 404 `not_assigned`; a foreign assignment looks like none.
    """
    async with state["database"].read() as connection:
        holder = await leases.find_holder(connection, assignment_id, device_id)
        if holder is None:
            raise problem_of(REVOKED)
        lease = holder.lease
        if lease is None:
            detail = "No assignment of this device has this address."
            raise problem_of(Refusal("not_assigned", detail))
        stored = await repository.find_round(connection, lease.assignment.counts_in)
        assert stored is not None, "an assignment names its round"
        offer = await offer_of(connection, lease, stored)
        return replace(offer, device_key=holder.public_key)


async def offer_of(connection: AsyncConnection, lease: Lease, stored: StoredRound) -> Offer:
    """The offer of a lease. stored: the round that it counts in."""
    own, staleness, newest_round = stored, 0, stored.id
    if lease.assignment.round_id != stored.id:
        found = await repository.find_round(connection, lease.assignment.round_id)
        assert found is not None, "an assignment names its round"
        own = found
        staleness = await repository.steps_between(
            connection, own.model_version, stored.model_version
        )
    if stored.state.effective_phase in CLOSED:
        newest_round = await repository.newest_round_id(connection)
    plan = await plan_of(connection, own.plan_digest)
    return Offer(lease, stored, plan, newest_round, staleness)


def check_open(offer: Offer, body_digest: str, now: float) -> None:
    """Refuse, before its body is read, an upload that cannot be accepted any more.

    Raises: Problem 409 `update_conflict`, 410 `round_closed`, `assignment_expired` or
    `stale_update`, 503 `buffer_closed`.
    """
    stepped = offer.step(body_digest, now)
    if isinstance(stepped, Refusal):
        raise problem_of(stepped)
