"""Uploads: checked as they stream in, stored durably, then accepted in one transaction.

The blob's name holds the body's digest, and the row that the transaction writes names the digest
that counts. So two racing bodies for one assignment never overwrite each other: one row wins.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio.to_thread
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import is_device_live
from app.clock import rfc3339
from app.crash_points import crash_point
from app.errors import Problem
from app.rounds import leases_repository as leases
from app.rounds import repository, request_count
from app.rounds.known_content import plan_of
from app.rounds.leases_repository import Lease, Update
from app.rounds.repository import StoredRound
from app.rounds.stepping import save_after
from app.rounds.update_body import BodyCheck, problem_of
from app.store.blobs import Draft
from app.wiring import State
from federation.plan import Plan
from federation.receipt import ReceiptClaims
from federation.refusals import Refusal
from federation.round_effects import Accept, Effect, Refuse
from federation.round_engine import step
from federation.round_events import AssignmentStanding, UploadOffered
from federation.round_state import CLOSED, RoundState
from federation.update_codec import update_bytes

FOLDER = "updates"


@dataclass(frozen=True)
class Offer:
    """A lease as the records have it: the round that would take its update, and its own plan.

    newest_round: the round that was opened last; staleness: model steps behind `stored`.
    """

    lease: Lease
    stored: StoredRound
    plan: Plan
    newest_round: int
    staleness: int

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


@dataclass(frozen=True)
class Taken:
    """An update that its round has. is_new: this very call brought it."""

    update: Update
    stored: StoredRound
    is_new: bool


def blob_name(assignment_id: str, body_digest: str) -> str:
    """Where the bytes of an update lie in FOLDER."""
    return f"{assignment_id}.{body_digest}"


async def find_offer(state: State, device_id: str, assignment_id: str) -> Offer:
    """The device's assignment.

    Raises: Problem 404 `not_assigned`; a foreign assignment looks like none.
    """
    async with state["database"].read() as connection:
        lease = await leases.find_lease(connection, assignment_id, device_id)
        if lease is None:
            detail = "No assignment of this device has this address."
            raise problem_of(Refusal("not_assigned", detail))
        stored = await repository.find_round(connection, lease.assignment.counts_in)
        assert stored is not None, "an assignment names its round"
        return await _offer(connection, lease, stored)


async def _offer(connection: AsyncConnection, lease: Lease, stored: StoredRound) -> Offer:
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
    _step(offer, body_digest, now)


async def receive_update(
    state: State,
    device_id: str,
    offer: Offer,
    pieces: AsyncIterator[bytes],
    body_digest: str,
) -> Taken:
    """Check and store the update as it comes in, and have its round take it.

    body_digest: `sha256:<hex>` that the device declared; checked here.
    Raises: Problem with the reason of the refusal.
    """
    check = BodyCheck(body_digest, offer.plan)
    if offer.lease.accepted is not None:
        await _read(pieces, check, None)
        check_open(offer, body_digest, state["clock"]())
        await request_count.add(state["cache"], device_id)
        return Taken(offer.lease.accepted, offer.stored, is_new=False)
    name = blob_name(offer.lease.assignment.id, body_digest)
    draft = await anyio.to_thread.run_sync(state["blobs"].draft, FOLDER)
    try:
        await _read(pieces, check, draft)
        crash_point("upload_before_blob")
        await anyio.to_thread.run_sync(draft.keep, name)
    finally:
        await anyio.to_thread.run_sync(draft.close)
    crash_point("upload_after_blob")
    return await _accept(state, device_id, offer, body_digest)


async def accept_update(
    state: State, device_id: str, offer: Offer, body: bytes, body_digest: str
) -> Taken:
    """The same for a body that is at hand."""

    async def whole() -> AsyncIterator[bytes]:
        yield body

    return await receive_update(state, device_id, offer, whole(), body_digest)


async def _read(pieces: AsyncIterator[bytes], check: BodyCheck, draft: Draft | None) -> None:
    def take(piece: bytes) -> None:
        check.feed(piece)
        if draft is not None:
            draft.write(piece)

    async for piece in pieces:
        await anyio.to_thread.run_sync(take, piece)
    check.finish()


async def _accept(state: State, device_id: str, offer: Offer, body_digest: str) -> Taken:
    requests = await request_count.add(state["cache"], device_id)
    try:
        return await _commit(state, device_id, offer.lease, body_digest, requests)
    except Problem as problem:
        # 503: the next buffer may take these very bytes, perhaps from another request right now.
        if problem.status < 500:
            await _forget(state, offer.lease.assignment.id, body_digest)
        raise


async def _commit(
    state: State, device_id: str, seen: Lease, body_digest: str, requests: int | None
) -> Taken:
    async def run(connection: AsyncConnection) -> Taken:
        offer = await _locked_offer(connection, device_id, seen)
        if not await is_device_live(connection, device_id):
            raise problem_of(Refusal("device_revoked", "This device is not enrolled any more."))
        now = state["clock"]()
        after, effects = _step(offer, body_digest, now)
        if offer.lease.accepted is not None:
            return Taken(offer.lease.accepted, offer.stored, is_new=False)
        accepted = _update(state, offer, effects[0], body_digest, now)
        job_updates = state["settings"].reduce_job_updates
        await save_after(connection, offer.stored, after, effects, now, job_updates)
        await leases.add_update(connection, accepted, requests)
        crash_point("upload_before_commit")
        return Taken(accepted, offer.stored, is_new=True)

    taken = await state["database"].transaction("accept_update", run)
    crash_point("upload_after_commit")
    return taken


async def _locked_offer(connection: AsyncConnection, device_id: str, seen: Lease) -> Offer:
    """The offer behind the lock of its round: what was seen before it may have changed since."""
    lease: Lease | None = seen
    while True:
        assert lease is not None, "assignments are never deleted"
        stored = await repository.find_round(connection, lease.assignment.counts_in, lock=True)
        assert stored is not None, "rounds are never deleted"
        lease = await leases.find_lease(connection, seen.assignment.id, device_id)
        # A later round may have taken the lease over meanwhile; rounds only grow, so this ends.
        if lease is not None and lease.assignment.counts_in == stored.id:
            return await _offer(connection, lease, stored)


def _step(offer: Offer, body_digest: str, now: float) -> tuple[RoundState, tuple[Effect, ...]]:
    after, effects = step(offer.stored.state, offer.event(body_digest, now))
    if isinstance(effects[0], Refuse):
        raise problem_of(_as_conflict(offer.lease, effects[0].refusal))
    return after, effects


def _update(state: State, offer: Offer, effect: Effect, body_digest: str, now: float) -> Update:
    """The update's row with its receipt, which goes out only once the row is committed."""
    assert isinstance(effect, Accept)
    assignment_id, size_bytes = offer.lease.assignment.id, update_bytes(offer.plan.n_words)
    claims = ReceiptClaims(
        assignment=assignment_id,
        round=offer.stored.id,
        plan_digest=offer.plan.digest,
        body_digest=body_digest,
        size_bytes=size_bytes,
        staleness=offer.staleness,
        accepted_at=rfc3339(now),
        mode=offer.plan.mode,
    )
    return Update(
        assignment_id=assignment_id,
        round_id=offer.stored.id,
        position=effect.position,
        staleness=offer.staleness,
        body_digest=body_digest,
        size_bytes=size_bytes,
        accepted_at=now,
        receipt=state["receipts"].sign(claims),
    )


def _as_conflict(lease: Lease, refusal: Refusal) -> Refusal:
    # Once accepted, other bytes are a conflict for ever, whether the round is open or closed.
    if lease.accepted is not None and refusal.reason == "round_closed":
        return Refusal("update_conflict", "Another body was accepted before.")
    return refusal


async def _forget(state: State, assignment_id: str, body_digest: str) -> None:
    """Delete a refused body, unless the same bytes were accepted by another request meanwhile."""
    async with state["database"].read() as connection:
        accepted = await leases.find_update(connection, assignment_id)
    if accepted is None or accepted.body_digest != body_digest:
        name = blob_name(assignment_id, body_digest)
        await anyio.to_thread.run_sync(state["blobs"].delete, FOLDER, name)


def receipt(accepted: Update, stored: StoredRound, plan: Plan) -> dict[str, str | int]:
    """The receipt of an accepted update."""
    outcomes = {"published": "counted", "abandoned": "discarded"}
    return {
        "assignment": accepted.assignment_id,
        "round": accepted.round_id,
        "plan_digest": plan.digest,
        "body_digest": accepted.body_digest,
        "size_bytes": accepted.size_bytes,
        "staleness": accepted.staleness,
        "accepted_at": rfc3339(accepted.accepted_at),
        "mode": plan.mode,
        "outcome": outcomes.get(stored.state.phase, "pending"),
        "signed": accepted.receipt,
    }
