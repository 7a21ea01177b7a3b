"""The books of a service: what it promised its devices against what its stores hold.

Written apart from the service's own code as far as it can be: plain SQL, the sums' own bytes, and
`federation.audit_chain`, which anyone may run.
"""

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.coordinator.reducing import SUMS
from app.coordinator.round_version import MEMBERS_LABEL
from app.store.blobs import BlobStore, digest_of
from app.store.database import Database
from federation.audit import member_digest
from federation.audit_chain import StoredRecord, verify_stored
from federation.plan import Plan
from federation.staleness import StaleSums
from tests.faults.fingerprint import members_of
from tests.faults.witnesses import Receipt, Witness

ENDED = {"published", "abandoned"}


@dataclass(frozen=True)
class UpdateRow:
    """An accepted update as stored, with its account."""

    assignment: str
    round: int
    body_digest: str
    user_id: str


@dataclass(frozen=True)
class Ledger:
    """One look at the database. rounds: phase by number. plans: plan by round."""

    updates: list[UpdateRow]
    rounds: dict[int, str]
    plans: dict[int, Plan]
    versions: list[tuple[int, int | None, bytes, str]]


class SumKeeper:
    """Keeps a copy of every round's sum before the service's own housekeeping deletes it."""

    def __init__(self, blobs: Path) -> None:
        self._blobs = BlobStore(blobs)
        self.bodies: dict[int, dict[str, bytes]] = defaultdict(dict)

    def look(self) -> None:
        """Copy what is there now."""
        for name in self._blobs.names(SUMS):
            body = self._blobs.get(SUMS, name)
            if body is not None:
                self.bodies[int(name.rsplit("-", 1)[1])][digest_of(body)] = body


async def read_ledger(database: Database) -> Ledger:
    """Everything that the books are checked against."""
    async with database.read() as connection:

        async def rows(query: str) -> list[Any]:
            return list(await connection.execute(text(query)))

        updates = await rows(
            "SELECT u.assignment_id, u.round_id, u.body_digest, a.user_id "
            "FROM updates u JOIN assignments a ON a.id = u.assignment_id"
        )
        rounds = await rows(
            "SELECT r.id, r.phase, p.body FROM rounds r JOIN plans p ON p.digest = r.plan_digest"
        )
        versions = await rows("SELECT id, round_id, record, chain FROM versions ORDER BY id")
    return Ledger(
        [UpdateRow(*row) for row in updates],
        {row[0]: row[1] for row in rounds},
        {row[0]: Plan.from_json(bytes(row[2])) for row in rounds},
        [(row[0], row[1], bytes(row[2]), row[3]) for row in versions],
    )


@dataclass(frozen=True)
class Checked:
    """What was found to be in order."""

    receipts: int
    published: int
    versions: int


def check_books(
    ledger: Ledger, receipts: list[tuple[Witness, Receipt]], sums: SumKeeper, secret: bytes
) -> Checked:
    """No acknowledged update is lost, none counts twice, and the chain holds.

    Raises: AssertionError that says what is wrong.
    """
    _check_receipts(ledger, receipts)
    _check_accounts(ledger)
    _check_chain(ledger)
    published = [n for n, phase in ledger.rounds.items() if phase == "published"]
    records = {r: json.loads(record) for _, r, record, _ in ledger.versions if r is not None}
    assert set(records) == set(published), "published rounds and rounds of versions differ"
    by_round: dict[int, set[str]] = defaultdict(set)
    for row in ledger.updates:
        by_round[row.round].add(row.user_id)
    for number in published:
        _check_round(number, records[number], by_round[number], ledger.plans[number], secret)
        _check_sum(number, records[number]["sum"], by_round[number], ledger.plans[number], sums)
    return Checked(len(receipts), len(published), len(ledger.versions))


def _check_receipts(ledger: Ledger, receipts: list[tuple[Witness, Receipt]]) -> None:
    stored = {row.assignment: row for row in ledger.updates}
    assert len(stored) == len(ledger.updates), "an assignment has two updates"
    for witness, receipt in receipts:
        row = stored.get(receipt.assignment)
        assert row is not None, f"an acknowledged update is gone: {receipt}"
        promised = (receipt.round, receipt.body_digest, witness.user_id)
        assert (row.round, row.body_digest, row.user_id) == promised, (row, receipt)
    twice = [n for n, k in Counter(r.assignment for _, r in receipts).items() if k > 1]
    assert not twice, f"two receipts for one update: {twice}"


def _check_accounts(ledger: Ledger) -> None:
    counts = Counter((row.round, row.user_id) for row in ledger.updates)
    twice = [key for key, n in counts.items() if n > 1]
    assert not twice, f"an account has two updates in one round: {twice}"
    unfinished = sorted(n for n, phase in ledger.rounds.items() if phase not in ENDED)
    assert unfinished in ([], [max(ledger.rounds, default=0)]), "a round before the newest is open"
    assert sorted(ledger.rounds) == list(range(1, len(ledger.rounds) + 1)), "rounds have gaps"


def _check_chain(ledger: Ledger) -> None:
    stored = [StoredRecord(number, record, chain) for number, _, record, chain in ledger.versions]
    broken = verify_stored(stored, stored[-1].chain if stored else None)
    assert broken is None, broken


def _check_round(
    number: int, record: dict[str, Any], users: set[str], plan: Plan, secret: bytes
) -> None:
    salt = hmac.new(secret, MEMBERS_LABEL + str(number).encode(), hashlib.sha256).digest()
    expected = sorted(member_digest(salt, user) for user in users)
    assert record["members"] == expected, f"round {number}: the member list is not its updates"
    assert record["count"] == len(users), f"round {number}: {record['count']} != {len(users)}"
    assert record["plan"] == plan.digest
    assert plan.cohort_min <= len(users) <= plan.cohort_target, f"round {number}: {len(users)}"


def _check_sum(number: int, sum_digest: str, users: set[str], plan: Plan, sums: SumKeeper) -> None:
    copies = sums.bodies.get(number)
    if copies is None:  # reduced and swept between two looks
        return
    assert list(copies) == [sum_digest], f"round {number} was summed to different bytes"
    whole = StaleSums.from_bytes(copies[sum_digest], plan.n_words)
    found = members_of(whole.fresh.result, number, plan)
    expected = {int(user.rsplit("-", 1)[1]) for user in users}
    assert found == expected, f"round {number}: the sum holds {found ^ expected} wrongly"
