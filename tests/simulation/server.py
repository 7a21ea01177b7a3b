"""The service's side of check-ins and uploads. At every `yield` other requests may come between."""

from collections.abc import Generator
from dataclasses import dataclass

from federation.canonical import digest
from federation.refusals import Refusal
from federation.round_effects import Accept, ComeBack, Effect, Grant, Refuse, SameAssignment
from federation.round_events import AssignmentStanding, CheckedIn, UploadOffered
from federation.round_state import CLOSED, RoundState
from federation.update_checks import UpdateCheck
from tests.simulation.disk import Transaction
from tests.simulation.records import (
    Answer,
    Assignment,
    CheckInRequest,
    Participation,
    Receipt,
    Refused,
    Request,
    RoundRow,
    Update,
    UploadRequest,
    Wait,
    Work,
)
from tests.simulation.shell import Shell, newest_round, steps_between

Handling = Generator[Answer | None, None, None]
"""Yields None where others may come in between, and the answer where the answer is sent."""


@dataclass(frozen=True)
class Offer:
    """An assignment as the records have it, with the round that would take its update."""

    lease: Assignment
    accepted: Update | None
    row: RoundRow
    own: RoundRow
    newest_round: int
    staleness: int


class Server:
    """Answers requests; holds nothing between them."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def handle(self, request: Request) -> Handling:
        if isinstance(request, CheckInRequest):
            return self.check_in(request)
        return self.upload(request)

    def check_in(self, request: CheckInRequest) -> Handling:
        transaction = self.shell.disk.begin()
        row = newest_round(transaction)
        if transaction.get("revoked", request.device):
            yield self._refused("device_revoked")
            return
        if row is None:
            yield Wait("no_round")
            return
        held, event = self._asked(transaction, row, request.device)
        after, effects = self.shell.step(row.state, event)
        if isinstance(effects[0], Grant):
            held = self._grant(transaction, row, request.device, effects[0])
            self.shell.save(transaction, row, after, effects)
            self.shell.crash_point("grant_before_commit")
            transaction.commit()
            self.shell.crash_point("grant_after_commit")
        yield self._answer(transaction, effects[0], held)

    def _asked(
        self, transaction: Transaction, row: RoundRow, device: int
    ) -> tuple[Assignment | None, CheckedIn]:
        now, account = self.shell.clock(), self.shell.profile.accounts[device]
        for lease in transaction.rows("assignments").values():
            if lease.counts_in == row.id and lease.account == account:
                delivered = transaction.get("updates", lease.id) is not None
                is_open = lease.device == device and not lease.expired and not delivered
                return lease, CheckedIn(now, is_open, account_assigned=True)
        counted = transaction.get("participations", account)
        resting = counted is not None and self._rests(counted, row)
        return None, CheckedIn(now, False, False, resting)

    def _rests(self, counted: Participation, row: RoundRow) -> bool:
        if 0 < row.plan.participations_max <= counted.counted:
            return True
        return row.id - counted.last_round <= row.plan.min_separation

    def _grant(
        self, transaction: Transaction, row: RoundRow, device: int, grant: Grant
    ) -> Assignment:
        account = self.shell.profile.accounts[device]
        lease_id = self.shell.new_id()
        lease = Assignment(lease_id, row.id, row.id, device, account, grant.expires_at)
        transaction.put("assignments", lease_id, lease)
        return lease

    def _answer(
        self, transaction: Transaction, effect: Effect, held: Assignment | None
    ) -> Work | Wait:
        if isinstance(effect, ComeBack):
            return Wait(effect.reason)
        assert isinstance(effect, Grant | SameAssignment)
        assert held is not None
        own = transaction.get("rounds", held.round_id)
        return Work(held.id, held.round_id, own.plan, held.expires_at)

    def upload(self, request: UploadRequest) -> Handling:
        body_digest = digest(request.body)
        offer = self.find_offer(self.shell.disk.begin(), request)
        refused = self._early_refusal(offer, request, body_digest)
        if offer is None or refused is not None:
            yield refused
            return
        yield None
        if offer.accepted is not None:
            yield Receipt(request.assignment_id, offer.row.id, body_digest)
            return
        name = f"{request.assignment_id}.{body_digest}"
        self.shell.crash_point("upload_before_blob")
        self.shell.disk.put_blob("updates", name, request.body)
        self.shell.crash_point("upload_after_blob")
        yield None
        yield from self.accept(request, body_digest)

    def _early_refusal(
        self, offer: Offer | None, request: UploadRequest, body_digest: str
    ) -> Refused | None:
        """What can be said before anything is stored: of the lease, then of the bytes."""
        if offer is None:
            return self._not_assigned()
        _, effects = self.shell.step(offer.row.state, self.event(offer, request, body_digest))
        if isinstance(effects[0], Refuse):
            return Refused(self._conflict_or(offer, effects[0].refusal.reason))
        check = UpdateCheck(offer.own.plan)
        half = len(request.body) // 2
        found: Refusal | None = (
            check.feed(request.body[:half]) or check.feed(request.body[half:]) or check.finish()
        )
        return None if found is None else self._refused(found.reason)

    def _not_assigned(self) -> Refused:
        row = newest_round(self.shell.disk.begin())
        if row is None:
            return self._refused("not_assigned")
        _, effects = self.shell.step(row.state, UploadOffered(self.shell.clock(), "missing"))
        assert isinstance(effects[0], Refuse)
        return Refused(effects[0].refusal.reason)

    def accept(self, request: UploadRequest, body_digest: str) -> Handling:
        """Have the round take the stored body, in one transaction; then answer."""
        transaction = self.shell.disk.begin()
        offer = self.find_offer(transaction, request)
        assert offer is not None, "assignments are never deleted"
        if transaction.get("revoked", request.device):
            self._forget(transaction, request, body_digest)
            yield self._refused("device_revoked")
            return
        after, effects = self.take(offer, request, body_digest)
        if isinstance(effects[0], Refuse):
            reason = effects[0].refusal.reason
            if reason != "buffer_closed":  # the next buffer may take these very bytes from a copy
                self._forget(transaction, request, body_digest)
            yield Refused(self._conflict_or(offer, reason))
            return
        yield from self.record(transaction, offer, request, body_digest, after, effects)

    def take(
        self, offer: Offer, request: UploadRequest, body_digest: str
    ) -> tuple[RoundState, tuple[Effect, ...]]:
        return self.shell.step(offer.row.state, self.event(offer, request, body_digest))

    def record(
        self,
        transaction: Transaction,
        offer: Offer,
        request: UploadRequest,
        body_digest: str,
        after: RoundState,
        effects: tuple[Effect, ...],
    ) -> Handling:
        receipt = Receipt(request.assignment_id, offer.row.id, body_digest)
        if isinstance(effects[0], Accept):
            self.add_update(transaction, offer, request, body_digest, effects[0].position)
            self.shell.save(transaction, offer.row, after, effects)
            self.shell.crash_point("upload_before_commit")
            transaction.commit()
            self.shell.crash_point("upload_after_commit")
        yield receipt

    def add_update(
        self,
        transaction: Transaction,
        offer: Offer,
        request: UploadRequest,
        body_digest: str,
        position: int,
    ) -> None:
        staleness = self.staleness(offer, request)
        update = Update(offer.lease.id, offer.row.id, position, staleness, body_digest)
        transaction.put("updates", offer.lease.id, update)

    def find_offer(self, transaction: Transaction, request: UploadRequest) -> Offer | None:
        """The device's own assignment; a foreign one is none."""
        lease = transaction.get("assignments", request.assignment_id)
        if lease is None or lease.device != request.device:
            return None
        row = transaction.get("rounds", lease.counts_in)
        own = transaction.get("rounds", lease.round_id)
        base, version = own.plan.model_version, row.plan.model_version
        newest = max(transaction.rows("rounds"))
        staleness = steps_between(transaction, base, version)
        return Offer(lease, transaction.get("updates", lease.id), row, own, newest, staleness)

    def event(self, offer: Offer, request: UploadRequest, body_digest: str) -> UploadOffered:
        """What the engine is told of this upload."""
        now = self.shell.clock()
        if offer.accepted is not None:
            return UploadOffered(now, "accepted", offer.accepted.body_digest == body_digest)
        carried = offer.lease.round_id != offer.row.id
        staleness = self.staleness(offer, request)
        return UploadOffered(now, self._standing(offer, now), carried=carried, staleness=staleness)

    def staleness(self, offer: Offer, request: UploadRequest) -> int:
        """By the records alone."""
        return offer.staleness

    def _standing(self, offer: Offer, now: float) -> AssignmentStanding:
        if offer.lease.expired:
            return "expired"
        if offer.row.id < offer.newest_round:
            return "left_behind"
        ran_out = offer.row.state.effective_phase in CLOSED and offer.lease.expires_at <= now
        return "expired" if ran_out else "open"

    def _forget(self, transaction: Transaction, request: UploadRequest, body_digest: str) -> None:
        """Delete a refused body, unless the same bytes were accepted meanwhile."""
        accepted = transaction.get("updates", request.assignment_id)
        if accepted is None or accepted.body_digest != body_digest:
            name = f"{request.assignment_id}.{body_digest}"
            self.shell.disk.blobs.pop(("updates", name), None)

    def _conflict_or(self, offer: Offer, reason: str) -> str:
        is_conflict = offer.accepted is not None and reason == "round_closed"
        return "update_conflict" if is_conflict else reason

    def _refused(self, reason: str) -> Refused:
        self.shell.coverage.hit("refusal", reason)
        return Refused(reason)
