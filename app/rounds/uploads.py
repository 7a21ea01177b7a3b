"""Uploads: checked as they stream in, stored durably, then accepted by their round.

The blob's name holds the body's digest, and the row that the transaction writes names the digest
that counts. So two racing bodies for one assignment never overwrite each other: one row wins.
"""

from collections.abc import AsyncIterator

import anyio.to_thread

from app.clock import rfc3339
from app.crash_points import crash_point
from app.errors import Problem
from app.rounds import leases_repository as leases
from app.rounds import request_count
from app.rounds.accepting import Delivery, Taken, accept
from app.rounds.leases_repository import Update
from app.rounds.offers import Offer, check_open
from app.rounds.repository import StoredRound
from app.rounds.update_body import BodyCheck
from app.store.blobs import BlobStore, Draft
from app.wiring import State
from federation.plan import Plan

FOLDER = "updates"


def blob_name(assignment_id: str, body_digest: str) -> str:
    """Where the bytes of an update lie in FOLDER."""
    return f"{assignment_id}.{body_digest}"


async def receive_update(
    state: State,
    device_id: str,
    offer: Offer,
    pieces: AsyncIterator[bytes],
    body_digest: str,
    signature_digest: str | None,
) -> Taken:
    """Check and store the update as it comes in, and have its round take it.

    body_digest: `sha256:<hex>` that the device declared; checked here. signature_digest: of the
    envelope, which was checked; None for virtual devices, which have no key.
    Raises: Problem with the reason of the refusal.
    """
    check = BodyCheck(body_digest, offer.plan)
    if offer.lease.accepted is not None:
        await _read(pieces, Inflow(check))
        check_open(offer, body_digest, state["clock"]())
        await request_count.add(state["cache"], device_id)
        return Taken(offer.lease.accepted, offer.stored, is_new=False)
    name = blob_name(offer.lease.assignment.id, body_digest)
    await _read(pieces, StoredInflow(check, state["blobs"], name))
    crash_point("upload_after_blob")
    requests = await request_count.add(state["cache"], device_id)
    delivery = Delivery(device_id, offer.lease, body_digest, requests, signature_digest)
    return await _accept(state, delivery)


async def accept_update(
    state: State, device_id: str, offer: Offer, body: bytes, body_digest: str
) -> Taken:
    """The same for a virtual device, whose body is at hand."""

    async def whole() -> AsyncIterator[bytes]:
        yield body

    return await receive_update(state, device_id, offer, whole(), body_digest, None)


async def _read(pieces: AsyncIterator[bytes], inflow: "Inflow") -> None:
    """Feed the body to `inflow` on threads: its digest, its words and the disk take their time."""
    last = b""
    try:
        async for piece in pieces:
            if last:
                await anyio.to_thread.run_sync(inflow.take, last)
            last = piece
        # What is left to do needs no thread of its own each.
        await anyio.to_thread.run_sync(inflow.finish, last)
    finally:
        if inflow.is_open:
            await anyio.to_thread.run_sync(inflow.close)


class Inflow:
    """A body on its way in that is checked and not kept."""

    def __init__(self, check: BodyCheck) -> None:
        self._check = check

    @property
    def is_open(self) -> bool:
        """Whether there is a file to let go of."""
        return False

    def take(self, piece: bytes) -> None:
        """The next bytes, in order."""
        self._check.feed(piece)

    def finish(self, last: bytes) -> None:
        """The last bytes, and judgement. Raises: Problem 422."""
        self.take(last)
        self._check.finish()

    def close(self) -> None:
        """Let go of what was not finished."""


class StoredInflow(Inflow):
    """One that is durable, under its name, once finished; one that is not leaves nothing."""

    def __init__(self, check: BodyCheck, blobs: BlobStore, name: str) -> None:
        super().__init__(check)
        self._blobs, self._name = blobs, name
        self._draft: Draft | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a file to let go of."""
        return self._draft is not None

    def take(self, piece: bytes) -> None:
        """Check and write."""
        super().take(piece)
        if self._draft is None:
            self._draft = self._blobs.draft(FOLDER)
        self._draft.write(piece)

    def finish(self, last: bytes) -> None:
        """Check, write and keep. Raises: Problem 422."""
        super().finish(last)
        crash_point("upload_before_blob")
        assert self._draft is not None, "the last piece is written, too"
        self._draft.keep(self._name)
        self.close()

    def close(self) -> None:
        """Delete what was written, unless it was kept."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.close()


async def _accept(state: State, delivery: Delivery) -> Taken:
    try:
        return await accept(state, delivery)
    except Problem as problem:
        # 503: the next buffer may take these very bytes, perhaps from another request right now.
        if problem.status < 500:
            await _forget(state, delivery.assignment_id, delivery.body_digest)
        raise


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
