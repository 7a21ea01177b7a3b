"""From a round's sum to its version, published in one transaction with the ledger."""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from federation.audit import GENESIS_CHAIN, AuditRecord, member_digest
from federation.canonical import digest
from federation.round_effects import Publish
from federation.round_events import GatePassed
from federation.sealed_noise import sealed_noise
from federation.staleness import StaleSums
from tests.simulation.disk import Disk, Transaction
from tests.simulation.opening import add_round
from tests.simulation.profile import N_VALUES
from tests.simulation.records import Participation, RoundRow, Update, VersionRow
from tests.simulation.shell import Shell, newest_version

Noise = np.ndarray[tuple[int], np.dtype[np.int64]]

SUM_LOST = "sum_lost"
BUNDLE_LOST = "bundle_lost"
SUPERSEDED = "superseded"
SALT_LABEL = b"simulated members of round "


@dataclass(frozen=True)
class Candidate:
    """What would be published, and on which parent."""

    round_id: int
    record: AuditRecord
    model: bytes

    def row(self) -> VersionRow:
        record = self.record
        return VersionRow(
            record.version, "round", self.round_id, record.to_json(), record.chain, self.model
        )


def put_genesis(disk: Disk) -> None:
    """Version 1, before any round."""
    model = np.zeros(N_VALUES, np.float32).tobytes()
    record = AuditRecord(1, None, "genesis", GENESIS_CHAIN, digest(model))
    transaction = disk.begin()
    transaction.put(
        "versions", 1, VersionRow(1, "genesis", None, record.to_json(), record.chain, model)
    )
    transaction.commit()


def publish_catalogue(disk: Disk) -> None:
    """A version that no round made: the model stays as it is."""
    transaction = disk.begin()
    parent = transaction.get("versions", newest_version(transaction))
    number = parent.id + 1
    record = AuditRecord(number, parent.id, "catalogue", parent.chain, digest(parent.model))
    row = VersionRow(number, "catalogue", None, record.to_json(), record.chain, parent.model)
    transaction.put("versions", number, row)
    transaction.commit()


class Publisher:
    """Makes candidates, which depend on the disk alone, and publishes them once."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def candidate(self, round_id: int, members: list[Update]) -> Candidate | str:
        """The candidate, or the reason why there is none."""
        disk = self.shell.disk
        row: RoundRow = disk.tables["rounds"][round_id]
        body = disk.blobs.get(("sums", f"round-{round_id}"))
        sums = _read(body, row)
        if body is None or sums is None or not self.is_whole(sums, members):
            return SUM_LOST
        if not self.is_sum_kept(row):
            return SUM_LOST
        if ("bundles", f"round-{round_id}") not in disk.blobs:
            return BUNDLE_LOST
        delta, _ = sums.mean(row.plan.grid)
        noised = delta + (self.noise(row) / sums.count).astype(np.float32)
        disk.put_blob("noised", f"round-{round_id}", noised.tobytes())
        parent = disk.tables["versions"][max(disk.tables["versions"])]
        model = (np.frombuffer(parent.model, np.float32) + noised).tobytes()
        record = AuditRecord(
            version=parent.id + 1,
            parent=parent.id,
            kind="round",
            parent_chain=parent.chain,
            model=digest(model),
            plan=row.plan.digest,
            sum=digest(body),
            count=sums.count,
            members=self._digests(round_id, members),
            gate="passed",
        )
        return Candidate(round_id, record, model)

    def is_whole(self, sums: StaleSums, members: list[Update]) -> bool:
        return sums.count == len(members)

    def is_sum_kept(self, row: RoundRow) -> bool:
        """Whether the stored sum is the one that was merged."""
        body = self.shell.disk.blobs.get(("sums", f"round-{row.id}"))
        return body is not None and digest(body) == row.state.sum

    def stands(self, row: RoundRow, candidate: Candidate) -> bool:
        """Whether the candidate was made from the round's sum, which is still there."""
        return self.is_sum_kept(row) and row.state.sum == candidate.record.sum

    def noise(self, row: RoundRow) -> Noise:
        """The round's noise, the same at every attempt."""
        return sealed_noise(row.seed, N_VALUES)

    def _digests(self, round_id: int, members: list[Update]) -> tuple[str, ...]:
        salt = hashlib.sha256(SALT_LABEL + str(round_id).encode()).digest()
        leases = self.shell.disk.tables["assignments"]
        accounts = {leases[member.assignment_id].account for member in members}
        return tuple(sorted(member_digest(salt, str(account)) for account in accounts))

    def publish(
        self, candidate: Candidate, members: list[Update]
    ) -> Generator[None, None, str | None]:
        """Version, round, ledger and the following round: all, or nothing and the reason."""
        transaction = self.shell.disk.begin()
        row: RoundRow = transaction.get("rounds", candidate.round_id)
        after, effects = self.shell.step(row.state, GatePassed(self.shell.clock()))
        if Publish() not in effects or newest_version(transaction) != candidate.record.parent:
            return SUPERSEDED
        if not self.stands(row, candidate):
            return SUM_LOST
        version = candidate.record.version
        transaction.put("versions", version, candidate.row())
        self.shell.save(transaction, row, after, effects, published_version=version)
        yield from self.commit(transaction, row.id, members)
        return None

    def commit(
        self, transaction: Transaction, round_id: int, members: list[Update]
    ) -> Generator[None, None, None]:
        self.count_members(transaction, round_id, members)
        if self.shell.profile.pause_s == 0:
            add_round(self.shell, transaction)
        self.shell.crash_point("publish_before_commit")
        transaction.commit()
        self.shell.crash_point("publish_after_commit")
        yield

    def count_members(self, transaction: Transaction, round_id: int, members: list[Update]) -> None:
        """Count every account in the sum once more."""
        for member in members:
            account = transaction.get("assignments", member.assignment_id).account
            found = transaction.get("participations", account)
            counted = found.counted + 1 if found else 1
            transaction.put("participations", account, Participation(counted, round_id))


def _read(body: bytes | None, row: RoundRow) -> StaleSums | None:
    if body is None:
        return None
    try:
        return StaleSums.from_bytes(body, row.plan.n_words, row.plan.cohort_limit)
    except ValueError:
        return None
