"""The invariants, looked at after every step, on the disk and the list of acknowledgements.

Nothing here is shared with the system: bytes are read, chains hashed and noise derived anew, so
that an error has to be made twice to go unseen. Rows are compared as they lie on the disk.
"""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np

from tests.simulation import second_reading as again
from tests.simulation.disk import Disk
from tests.simulation.fingerprints import coordinate
from tests.simulation.profile import Profile
from tests.simulation.records import Receipt, Update

CLOSED = {"reducing", "gating", "published", "abandoned"}
ENDED = {"published", "abandoned"}


class Violation(AssertionError):
    """An invariant does not hold. invariant: its number in the list of them."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


class Checkers:
    """Remembers what was seen once, since most invariants say that something stays."""

    def __init__(self, disk: Disk, profile: Profile) -> None:
        self.disk, self.profile = disk, profile
        self.receipts: set[Receipt] = set()
        self.damaged: set[tuple[str, str]] = set()
        self._members: dict[int, tuple[Update, ...]] = {}
        self._versions: dict[int, Any] = {}
        self._counted: dict[int, list[int]] = defaultdict(list)
        self._looked_at: tuple[int, int] | None = None

    def acknowledged(self, receipt: Receipt) -> None:
        self.receipts.add(receipt)

    def look(self) -> None:
        """Check everything, unless nothing has changed. Raises: Violation."""
        seen = (self.disk.commits, len(self.receipts))
        if seen == self._looked_at:
            return
        self._looked_at = seen
        self._check_receipts()
        self._check_members()
        self._check_versions()
        self._check_ledger()

    def at_the_end(self, is_live: bool) -> None:
        """What must hold once all faults have stopped. Raises: Violation."""
        _require(is_live, "I12", "a round did not end, or nobody gets work")
        self._check_receipts()
        rounds = self.disk.tables["rounds"]
        for receipt in self.receipts:
            if rounds[receipt.round_id].state.phase == "published":
                members = {update.assignment_id for update in self._members[receipt.round_id]}
                _require(receipt.assignment_id in members, "I1", f"{receipt} is in no sum")

    def _check_receipts(self) -> None:
        updates, rounds = self.disk.tables["updates"], self.disk.tables["rounds"]
        for receipt in self.receipts:
            stored = updates.get(receipt.assignment_id)
            is_kept = stored is not None and (stored.round_id, stored.body_digest) == (
                receipt.round_id,
                receipt.body_digest,
            )
            _require(is_kept, "I1", f"{receipt} was sent, and {stored} is stored")
            is_ended = rounds[receipt.round_id].state.phase in ENDED
            place = ("updates", f"{receipt.assignment_id}.{receipt.body_digest}")
            has_bytes = place in self.disk.blobs or place in self.damaged
            _require(is_ended or has_bytes, "I1", f"the bytes of {receipt} are gone")

    def _check_members(self) -> None:
        by_round: dict[int, list[Update]] = defaultdict(list)
        for update in self.disk.tables["updates"].values():
            by_round[update.round_id].append(update)
        for round_id, row in self.disk.tables["rounds"].items():
            found = tuple(sorted(by_round[round_id], key=lambda update: update.position))
            if round_id not in self._members:
                positions = [update.position for update in found]
                _require(positions == list(range(len(found))), "I2", f"positions {positions}")
                self._check_accounts(round_id, found)
            if (row.state.held_phase or row.state.phase) in CLOSED:
                kept = self._members.setdefault(round_id, found)
                _require(kept == found, "I3", f"members of round {round_id} changed")

    def _check_accounts(self, round_id: int, members: tuple[Update, ...]) -> None:
        accounts = self._accounts(members)
        is_once = len(set(accounts)) == len(accounts)
        _require(is_once, "I2", f"an account is in round {round_id} twice: {accounts}")

    def _accounts(self, members: tuple[Update, ...]) -> list[int]:
        leases = self.disk.tables["assignments"]
        return [leases[update.assignment_id].account for update in members]

    def _check_versions(self) -> None:
        stored = self.disk.tables["versions"]
        _require(sorted(stored) == list(range(1, len(stored) + 1)), "I4", "versions have gaps")
        for number, row in sorted(stored.items()):
            if number not in self._versions:
                self._check_new(number, row)
                self._versions[number] = row
            _require(self._versions[number] is row, "I4", f"version {number} was overwritten")
        for (folder, name), digests in self.disk.written.items():
            is_one = folder != "noised" or len(digests) == 1
            _require(is_one, "I5", f"{name} was noised in {len(digests)} ways")

    def _check_new(self, number: int, row: Any) -> None:
        record = again.read_record(row.record)
        parent = self._versions.get(number - 1)
        expected = None if parent is None else parent.id
        _require(record["parent"] == expected, "I4", f"the parent of {number}")
        parent_chain = again.NO_CHAIN if parent is None else parent.chain
        is_linked = record["parent_chain"] == parent_chain
        is_linked &= row.chain == again.chain(parent_chain, row.record)
        _require(is_linked, "I4", f"the chain breaks at {number}")
        _require(record["model"] == again.sha256(row.model), "I5", f"the model of {number}")
        if row.kind == "round":
            self._check_round_version(row, record, parent)

    def _check_round_version(self, row: Any, record: dict[str, Any], parent: Any) -> None:
        round_row = self.disk.tables["rounds"][row.round_id]
        is_only = round_row.published_version == row.id
        is_only &= all(seen.round_id != row.round_id for seen in self._versions.values())
        _require(is_only, "I4", f"round {row.round_id} published more than version {row.id}")
        members = self._members[row.round_id]
        accounts = self._accounts(members)
        is_enough = len(set(accounts)) >= self.profile.cohort_min
        _require(is_enough, "I6", f"version {row.id} has {len(set(accounts))} accounts")
        names = again.member_names(row.round_id, accounts)
        _require(record["members"] == names, "I3", f"the record of {row.id} names other members")
        body = self.disk.blobs.get(("sums", f"round-{row.round_id}"))
        is_kept = body is not None and record["sum"] == again.sha256(body)
        _require(is_kept, "I5", f"the sum of version {row.id}")
        assert body is not None
        sums = again.read_sums(body)
        self._check_fingerprints(row.id, members, sums)
        self._check_model(row, parent, sums, round_row.seed)
        for account in accounts:
            self._counted[account].append(row.round_id)

    def _check_fingerprints(
        self, version: int, members: tuple[Update, ...], sums: dict[int, Any]
    ) -> None:
        expected: dict[int, Counter[int]] = defaultdict(Counter)
        for update in members:
            lease = self.disk.tables["assignments"][update.assignment_id]
            expected[self._staleness(lease)][self._place(update, lease)] += 1
        found = {}
        for staleness, words in sums.items():
            found[staleness] = Counter({int(i): int(words[i]) for i in np.flatnonzero(words)})
        _require(found == dict(expected), "I2", f"version {version}: {found}, not {dict(expected)}")
        is_once = all(count == 1 for group in found.values() for count in group.values())
        _require(is_once, "I2", f"version {version} has something twice: {found}")

    def _staleness(self, lease: Any) -> int:
        rounds, versions = self.disk.tables["rounds"], self.disk.tables["versions"]
        base = rounds[lease.round_id].plan.model_version
        newest = rounds[lease.counts_in].plan.model_version
        return sum(base < v.id <= newest and v.kind == "round" for v in versions.values())

    def _place(self, update: Update, lease: Any) -> int:
        """Where the accepted body has its one word: of two faces, the digest tells which."""
        faces = [coordinate(lease.device, lease.round_id, face) for face in (0, 1)]
        plan = self.disk.tables["rounds"][lease.round_id].plan
        for place in faces:
            if again.one_hot_digest(plan.digest, plan.n_words, place) == update.body_digest:
                return place
        return -1

    def _check_model(self, row: Any, parent: Any, sums: dict[int, Any], seed: bytes) -> None:
        before = np.frombuffer(parent.model, np.float32)
        moved = np.frombuffer(row.model, np.float32) - before
        n_values = before.shape[0]
        count = sum(len(np.flatnonzero(words)) for words in sums.values())
        weights = {staleness: (1 + staleness) ** -0.5 for staleness in sums}
        total = sum(int(words.sum()) * weights[staleness] for staleness, words in sums.items())
        mean = sum(words[:n_values] * (weights[s] / total) for s, words in sums.items())
        expected = mean + again.noise(seed, n_values) / count
        is_rebuilt = np.allclose(moved, expected, rtol=1e-4, atol=1e-3)
        _require(is_rebuilt, "I5", f"version {row.id} is not parent, mean and the round's noise")

    def _check_ledger(self) -> None:
        stored = {
            account: (row.counted, row.last_round)
            for account, row in self.disk.tables["participations"].items()
        }
        expected = {account: (len(r), r[-1]) for account, r in self._counted.items()}
        _require(stored == expected, "I8", f"the ledger says {stored}, the versions {expected}")
        cap, apart = self.profile.participations_max, self.profile.min_separation
        for account, rounds in self._counted.items():
            _require(not cap or len(rounds) <= cap, "I8", f"{account} is in {rounds}, over {cap}")
            gaps = [after - before for before, after in pairwise(rounds)]
            _require(all(gap > apart for gap in gaps), "I8", f"{account} rested too little")


def _require(holds: bool, invariant: str, what: str) -> None:
    if not holds:
        raise Violation(invariant, what)
