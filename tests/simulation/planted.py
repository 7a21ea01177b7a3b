"""Known bugs, each a variant of the shell with one rule broken, to prove that the checkers see."""

from collections.abc import Generator
from dataclasses import replace
from functools import partial

from federation.canonical import digest
from federation.round_effects import Accept, Effect
from federation.round_state import CLOSED, ENDED, RoundState
from federation.sealed_noise import sealed_noise
from federation.staleness import StaleSums
from tests.simulation.coordinator import Coordinator, JobKey
from tests.simulation.disk import Transaction
from tests.simulation.opening import add_round
from tests.simulation.parts import Parts
from tests.simulation.profile import N_VALUES
from tests.simulation.publishing import Candidate, Noise, Publisher
from tests.simulation.records import Receipt, RoundRow, Update, UploadRequest
from tests.simulation.server import Handling, Offer, Server
from tests.simulation.shell import Shell, newest_version


class AcknowledgesBeforeCommit(Server):
    """The answer is on its way before the update is on the disk."""

    def record(
        self,
        transaction: Transaction,
        offer: Offer,
        request: UploadRequest,
        body_digest: str,
        after: RoundState,
        effects: tuple[Effect, ...],
    ) -> Handling:
        yield Receipt(request.assignment_id, offer.row.id, body_digest)
        recorded = super().record(transaction, offer, request, body_digest, after, effects)
        for _ in recorded:  # the second answer is not sent
            pass


class DedupesByDigestOnly(Server):
    """A repetition is known by its bytes, not by its assignment: other bytes are another update."""

    def find_offer(self, transaction: Transaction, request: UploadRequest) -> Offer | None:
        offer = super().find_offer(transaction, request)
        if offer is None or offer.accepted is None:
            return offer
        is_same = offer.accepted.body_digest == digest(request.body)
        return offer if is_same else replace(offer, accepted=None)


class AcceptsAfterClose(Server):
    """An update whose lease is open is written down even if the round has closed meanwhile."""

    def take(
        self, offer: Offer, request: UploadRequest, body_digest: str
    ) -> tuple[RoundState, tuple[Effect, ...]]:
        state = offer.row.state
        event = self.event(offer, request, body_digest)
        if event.assignment == "open" and state.phase in CLOSED:
            return state, (Accept(position=state.accepted),)
        return super().take(offer, request, body_digest)


class BelievesStaleness(Server):
    """The device says how far its update is behind."""

    def staleness(self, offer: Offer, request: UploadRequest) -> int:
        is_carried = offer.lease.round_id != offer.row.id
        if is_carried and request.claimed_staleness is not None:
            return request.claimed_staleness
        return offer.staleness


class PublishesTwice(Publisher):
    """Neither the round's phase nor the version's parent is looked at again before publishing."""

    def publish(
        self, candidate: Candidate, members: list[Update]
    ) -> Generator[None, None, str | None]:
        transaction = self.shell.disk.begin()
        row: RoundRow = transaction.get("rounds", candidate.round_id)
        newest = transaction.get("versions", newest_version(transaction))
        record = replace(
            candidate.record, version=newest.id + 1, parent=newest.id, parent_chain=newest.chain
        )
        again = replace(candidate, record=record)
        transaction.put("versions", record.version, again.row())
        if row.state.phase == "gating":
            after = replace(row.state, phase="published")
            self.shell.save(transaction, row, after, (), published_version=record.version)
            yield from self.commit(transaction, row.id, members)
        else:
            transaction.commit()
        return None


class RereadsMembers(Coordinator):
    """Whoever was revoked since the close is left out when the members are read again."""

    def members(self, transaction: Transaction, round_id: int) -> list[Update]:
        leases = transaction.rows("assignments")
        found = super().members(transaction, round_id)
        revoked = transaction.rows("revoked")
        return [member for member in found if leases[member.assignment_id].device not in revoked]


class _CountsNothing(Publisher):
    """The sum is taken as it is, whatever the number of members."""

    def is_whole(self, sums: StaleSums, members: list[Update]) -> bool:
        return bool(members)


class TrustsTheDisk(Publisher):
    """What is read is what was merged, as long as it can be read."""

    def is_sum_kept(self, row: RoundRow) -> bool:
        return ("sums", f"round-{row.id}") in self.shell.disk.blobs

    def stands(self, row: RoundRow, candidate: Candidate) -> bool:
        return self.is_sum_kept(row)


class RedrawsNoise(Publisher):
    """Every attempt draws its own noise, and the round's row names the last."""

    def noise(self, row: RoundRow) -> Noise:
        disk = self.shell.disk
        transaction = disk.begin()
        seed = self.shell.new_seed()
        transaction.put("rounds", row.id, replace(row, seed=seed))
        transaction.commit()
        return sealed_noise(seed, N_VALUES)


class CountsAfterwards(Publisher):
    """The ledger is written in a transaction of its own, after the version."""

    def commit(
        self, transaction: Transaction, round_id: int, members: list[Update]
    ) -> Generator[None, None, None]:
        if self.shell.profile.pause_s == 0:
            add_round(self.shell, transaction)
        self.shell.crash_point("publish_before_commit")
        transaction.commit()
        self.shell.crash_point("publish_after_commit")
        ledger = self.shell.disk.begin()
        self.count_members(ledger, round_id, members)
        ledger.commit()
        yield


class HoldsNoGate(Coordinator):
    """Two coordinators may work at one gate; alone, this is slow and not wrong."""

    def take_job(self, round_id: int, kind: str) -> JobKey | None:
        return (round_id, "gate", 0) if kind == "gate" else super().take_job(round_id, kind)


class SweepsWaitingUpdates(Coordinator):
    """Between two rounds the leases that the next one takes over look like nobody's."""

    def wanted(self) -> set[str]:
        rounds = self.shell.disk.tables["rounds"]
        leases = self.shell.disk.tables["assignments"].values()
        open_rounds = {key for key, row in rounds.items() if row.state.phase not in ENDED}
        found = {lease.id for lease in leases if lease.counts_in in open_rounds}
        return found | set(map(str, open_rounds))


def _publishing(
    publisher: type[Publisher], coordinator: type[Coordinator], shell: Shell, name: str
) -> Coordinator:
    return coordinator(shell, name, publisher(shell))


def _with(publisher: type[Publisher], coordinator: type[Coordinator] = Coordinator) -> Parts:
    return Parts(coordinator=partial(_publishing, publisher, coordinator))


PLANTED: dict[str, tuple[Parts, set[str]]] = {
    "acknowledge before commit": (Parts(server=AcknowledgesBeforeCommit), {"I1"}),
    "dedupe by digest only": (Parts(server=DedupesByDigestOnly), {"I1", "I2"}),
    "accept after close": (Parts(server=AcceptsAfterClose), {"I3"}),
    "double publish": (_with(PublishesTwice, HoldsNoGate), {"I4"}),
    "members re-read after close": (_with(_CountsNothing, RereadsMembers), {"I2", "I3"}),
    "noise re-drawn": (_with(RedrawsNoise), {"I5"}),
    "ledger outside the transaction": (_with(CountsAfterwards), {"I8"}),
    "client-supplied staleness": (Parts(server=BelievesStaleness), {"I2"}),
    "sum not compared with its digest": (_with(TrustsTheDisk), {"I2", "I5"}),
    "updates swept between rounds": (Parts(coordinator=SweepsWaitingUpdates), {"I1"}),
}
"""Bug -> the world's parts with it, and the invariants of which one must be seen broken."""
