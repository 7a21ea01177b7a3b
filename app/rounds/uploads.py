"""Uploads: checked, stored durably, then accepted by the round in one transaction.

The blob's name holds the body's digest, and the row that the transaction writes names the digest
that counts. So two racing bodies for one assignment never overwrite each other: one row wins.
"""

from dataclasses import dataclass

import anyio.to_thread
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import is_device_live
from app.clock import rfc3339
from app.crash_points import crash_point
from app.errors import Problem
from app.rounds import repository, request_count
from app.rounds.known_content import plan_of
from app.rounds.repository import Lease, StoredRound, Update
from app.rounds.update_body import check_body, problem_of
from app.wiring import State
from federation.plan import Plan
from federation.receipt import ReceiptClaims
from federation.refusals import Refusal
from federation.round_effects import Refuse
from federation.round_engine import step
from federation.round_events import AssignmentStanding, UploadOffered

FOLDER = "updates"


@dataclass(frozen=True)
class Offer:
    """A lease as the records have it, with its round and its plan."""

    lease: Lease
    stored: StoredRound
    plan: Plan


def blob_name(assignment_id: str, body_digest: str) -> str:
    """Where the bytes of an update lie in FOLDER."""
    return f"{assignment_id}.{body_digest}"


async def find_offer(state: State, device_id: str, assignment_id: str) -> Offer:
    """The device's assignment.

    Raises: Problem 404 `not_assigned`; a foreign assignment looks like none.
    """
    async with state["database"].read() as connection:
        lease = await repository.find_lease(connection, assignment_id, device_id)
        if lease is None:
            detail = "No assignment of this device has this address."
            raise problem_of(Refusal("not_assigned", detail))
        return await _offer(connection, lease)


async def _offer(connection: AsyncConnection, lease: Lease) -> Offer:
    stored = await repository.find_round(connection, lease.assignment.round_id)
    assert stored is not None, "an assignment names its round"
    plan = await plan_of(connection, stored.plan_digest)
    return Offer(lease, stored, plan)


def check_open(offer: Offer, body_digest: str) -> None:
    """Refuse, before its body is read, an upload that cannot be accepted any more.

    Raises: Problem 409 `update_conflict`, 410 `round_closed` or `assignment_expired`.
    """
    _, effects = step(offer.stored.state, _event(offer.lease, body_digest, now=0.0))
    if isinstance(effects[0], Refuse):
        raise problem_of(_as_conflict(offer.lease, effects[0].refusal))


async def accept_update(
    state: State, device_id: str, offer: Offer, body: bytes, body_digest: str
) -> tuple[Update, StoredRound, bool]:
    """Store the update and have its round take it; True when this very call did.

    body_digest: `sha256:<hex>` that the device declared; checked here.
    Raises: Problem with the reason of the refusal.
    """
    await anyio.to_thread.run_sync(check_body, body, body_digest, offer.plan)
    requests = await request_count.add(state["cache"], device_id)
    if offer.lease.accepted is not None:
        check_open(offer, body_digest)
        return offer.lease.accepted, offer.stored, False
    name = blob_name(offer.lease.assignment.id, body_digest)
    crash_point("upload_before_blob")
    await anyio.to_thread.run_sync(state["blobs"].put, FOLDER, name, body)
    crash_point("upload_after_blob")
    accepted = _signed(state, offer, body_digest, len(body))
    try:
        return await _commit(state, device_id, accepted, requests)
    except Problem as problem:
        if problem.status < 500:
            await _forget(state, accepted, name)
        raise


def _signed(state: State, offer: Offer, body_digest: str, size_bytes: int) -> Update:
    """The update's row with its receipt, which goes out only once the row is committed."""
    now, assignment = state["clock"](), offer.lease.assignment.id
    claims = ReceiptClaims(
        assignment=assignment,
        round=offer.stored.id,
        plan_digest=offer.stored.plan_digest,
        body_digest=body_digest,
        size_bytes=size_bytes,
        staleness=0,  # rounds are synchronous
        accepted_at=rfc3339(now),
        mode=offer.plan.mode,
    )
    signed = state["receipts"].sign(claims)
    return Update(assignment, offer.stored.id, body_digest, size_bytes, now, signed)


async def _commit(
    state: State, device_id: str, accepted: Update, requests: int | None
) -> tuple[Update, StoredRound, bool]:
    async def run(connection: AsyncConnection) -> tuple[Update, StoredRound, bool]:
        stored = await repository.find_round(connection, accepted.round_id, lock=True)
        # Read behind the lock: what was read before it may have changed since.
        lease = await repository.find_lease(connection, accepted.assignment_id, device_id)
        assert stored is not None, "rounds are never deleted"
        assert lease is not None, "assignments are never deleted"
        if not await is_device_live(connection, device_id):
            raise problem_of(Refusal("device_revoked", "This device is not enrolled any more."))
        event = _event(lease, accepted.body_digest, accepted.accepted_at)
        after, effects = step(stored.state, event)
        if isinstance(effects[0], Refuse):
            raise problem_of(_as_conflict(lease, effects[0].refusal))
        if lease.accepted is not None:
            return lease.accepted, stored, False
        await repository.save_round(connection, stored, after, accepted.accepted_at)
        await repository.add_update(connection, accepted, requests)
        crash_point("upload_before_commit")
        return accepted, stored, True

    taken = await state["database"].transaction("accept_update", run)
    crash_point("upload_after_commit")
    return taken


def _event(lease: Lease, body_digest: str, now: float) -> UploadOffered:
    standing: AssignmentStanding = "expired" if lease.assignment.expired else "open"
    if lease.accepted is None:
        return UploadOffered(now, standing)
    return UploadOffered(now, "accepted", lease.accepted.body_digest == body_digest)


def _as_conflict(lease: Lease, refusal: Refusal) -> Refusal:
    # Once accepted, other bytes are a conflict for ever, whether the round is open or closed.
    if lease.accepted is not None and refusal.reason == "round_closed":
        return Refusal("update_conflict", "Another body was accepted before.")
    return refusal


async def _forget(state: State, refused: Update, name: str) -> None:
    """Delete a refused body, unless the same bytes were accepted by another request meanwhile."""
    async with state["database"].read() as connection:
        accepted = await repository.find_update(connection, refused.assignment_id)
    if accepted is None or accepted.body_digest != refused.body_digest:
        await anyio.to_thread.run_sync(state["blobs"].delete, FOLDER, name)


def receipt(accepted: Update, stored: StoredRound, plan: Plan) -> dict[str, str | int]:
    """The receipt of an accepted update."""
    outcomes = {"published": "counted", "abandoned": "discarded"}
    return {
        "assignment": accepted.assignment_id,
        "round": accepted.round_id,
        "plan_digest": stored.plan_digest,
        "body_digest": accepted.body_digest,
        "size_bytes": accepted.size_bytes,
        "accepted_at": rfc3339(accepted.accepted_at),
        "mode": plan.mode,
        "outcome": outcomes.get(stored.state.phase, "pending"),
        "signed": accepted.receipt,
    }
