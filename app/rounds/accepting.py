"""Accepting: rounds take the updates whose bytes are durable, and sign for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import live_devices
from app.clock import rfc3339
from app.crash_points import crash_point
from app.errors import Problem
from app.receipts.signing import ReceiptSigner
from app.rounds import leases_repository as leases
from app.rounds import repository
from app.rounds.leases_repository import Lease, Update
from app.rounds.offers import REVOKED, Offer, offer_of
from app.rounds.repository import StoredRound
from app.rounds.stepping import save_after
from app.rounds.update_body import problem_of
from app.wiring import State
from federation.receipt import ReceiptClaims
from federation.refusals import Refusal
from federation.round_effects import Accept, Effect
from federation.update_codec import update_bytes


@dataclass(frozen=True)
class Delivery:
    """A body that is stored. seen: the lease before it came; requests: that the device needed.

    signature_digest: of the envelope; None for virtual devices.
    """

    device_id: str
    seen: Lease
    body_digest: str
    requests: int | None
    signature_digest: str | None

    @property
    def assignment_id(self) -> str:
        """Of the lease."""
        return self.seen.assignment.id


@dataclass(frozen=True)
class Taken:
    """An update that its round has. is_new: this very call brought it."""

    update: Update
    stored: StoredRound
    is_new: bool


async def accept(state: State, delivery: Delivery) -> Taken:
    """Have the update's round take it; returns once that is committed.

    Raises: Problem with the reason of the refusal.
    """
    run = partial(_accept_all, state)
    taken: Taken = await state["groups"].submit("accept_update", run, delivery)
    crash_point("upload_after_commit")
    return taken


async def _accept_all(
    state: State, connection: AsyncConnection, delivered: Sequence[Delivery]
) -> list[Taken | Problem]:
    seen = {one.assignment_id: one.seen for one in delivered}
    answers: dict[int, Taken | Problem] = {}
    # A later round may have taken a lease over since it was seen; rounds only grow, so this ends.
    while left := [n for n in range(len(delivered)) if n not in answers]:
        # In order of their numbers: whoever locks several rounds cannot wait in a circle.
        first = min(seen[delivered[n].assignment_id].assignment.counts_in for n in left)
        stored = await repository.find_round(connection, first, lock=True)
        assert stored is not None, "rounds are never deleted"
        # What was seen before the lock may have changed since.
        ids = {delivered[n].assignment_id for n in left}
        seen |= await leases.leases_by_id(connection, ids)
        devices = await live_devices(connection, {delivered[n].device_id for n in left})
        group = _Group(stored, seen, devices, state["receipts"], state["clock"]())
        for n in left:
            if seen[delivered[n].assignment_id].assignment.counts_in == stored.id:
                answers[n] = await group.take(connection, delivered[n])
        if group.accepted:
            await group.save(connection, state["settings"].reduce_job_updates)
            crash_point("upload_before_commit")
    return [answers[n] for n in range(len(delivered))]


class _Group:
    """Deliveries to one round at once: each meets the round as the one before it left it.

    leases: of the deliveries, read behind the round's lock; an accepted one is noted there.
    """

    def __init__(
        self,
        stored: StoredRound,
        seen: dict[str, Lease],
        live: set[str],
        signer: ReceiptSigner,
        now: float,
    ) -> None:
        self._before = self._stored = stored
        self._leases, self._live, self._signer, self._now = seen, live, signer, now
        self._effects: list[Effect] = []
        self.accepted: list[tuple[Update, int | None]] = []

    async def take(self, connection: AsyncConnection, one: Delivery) -> Taken | Problem:
        """The round's answer to one delivery; an accepted update is noted to be saved."""
        if one.device_id not in self._live:
            return problem_of(REVOKED)
        offer = await offer_of(connection, self._leases[one.assignment_id], self._stored)
        stepped = offer.step(one.body_digest, self._now)
        if isinstance(stepped, Refusal):
            return problem_of(stepped)
        if offer.lease.accepted is not None:
            return Taken(offer.lease.accepted, offer.stored, is_new=False)
        after, effects = stepped
        update = self._update(offer, effects[0], one)
        self._stored = replace(self._stored, state=after)
        self._effects.extend(effects)
        self._leases[one.assignment_id] = replace(offer.lease, accepted=update)
        self.accepted.append((update, one.requests))
        return Taken(update, offer.stored, is_new=True)

    def _update(self, offer: Offer, effect: Effect, one: Delivery) -> Update:
        """The update's row with its receipt, which goes out only once the row is committed."""
        assert isinstance(effect, Accept)
        size_bytes = update_bytes(offer.plan.n_words)
        claims = ReceiptClaims(
            assignment=offer.lease.assignment.id,
            round=offer.stored.id,
            plan_digest=offer.plan.digest,
            body_digest=one.body_digest,
            size_bytes=size_bytes,
            staleness=offer.staleness,
            accepted_at=rfc3339(self._now),
            mode=offer.plan.mode,
        )
        return Update(
            assignment_id=offer.lease.assignment.id,
            round_id=offer.stored.id,
            position=effect.position,
            staleness=offer.staleness,
            body_digest=one.body_digest,
            size_bytes=size_bytes,
            accepted_at=self._now,
            receipt=self._signer.sign(claims),
            signature_digest=one.signature_digest,
        )

    async def save(self, connection: AsyncConnection, job_updates: int) -> None:
        """Record the updates that were accepted, with the round's state behind the last."""
        after, effects = self._stored.state, self._effects
        await save_after(connection, self._before, after, effects, self._now, job_updates)
        await leases.add_updates(connection, self.accepted)
