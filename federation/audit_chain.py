"""Verification of the audit chain: anyone who has the records can run it."""

from collections.abc import Iterable
from dataclasses import dataclass

from federation.audit import GENESIS_CHAIN, AuditRecord


@dataclass(frozen=True)
class BrokenLink:
    """The first place where the chain does not hold. what: the field, and how it is wrong."""

    version: int
    what: str


@dataclass(frozen=True)
class StoredRecord:
    """A version's record as it lies in a store: its bytes and the chain digest beside them."""

    version: int
    record: bytes
    chain: str


def verify_chain(records: Iterable[AuditRecord], head: str | None = None) -> BrokenLink | None:
    """None if the records, oldest first, form one chain from a genesis; else its first break.

    A change of a record shows at its successor. Give `head`, the chain digest of the last record
    from a source of trust, so that the last one has a witness too, and nothing is cut off behind.
    """
    previous: AuditRecord | None = None
    for record in records:
        broken = check_link(previous, record)
        if broken is not None:
            return broken
        previous = record
    if head is not None and (previous is None or previous.chain != head):
        version = 0 if previous is None else previous.version
        return BrokenLink(version, "head: the chain does not end there")
    return None


def verify_stored(stored: Iterable[StoredRecord], head: str | None = None) -> BrokenLink | None:
    """Like `verify_chain`, from stored bytes: names the very record that was changed."""
    records = []
    for row in stored:
        record = read_stored(row)
        if isinstance(record, BrokenLink):
            return record
        records.append(record)
    return verify_chain(records, head)


def read_stored(row: StoredRecord) -> AuditRecord | BrokenLink:
    """The record in a store's bytes, if they are its canonical ones and belong to its digest."""
    try:
        record = AuditRecord.from_json(row.record)
    except ValueError as error:
        return BrokenLink(row.version, f"record: {error}")
    return _check_stored(row, record) or record


def _check_stored(row: StoredRecord, record: AuditRecord) -> BrokenLink | None:
    if record.version != row.version:
        return BrokenLink(row.version, "version: the record is another version's")
    if record.to_json() != row.record:
        return BrokenLink(row.version, "record: not in canonical form")
    if record.chain != row.chain:
        return BrokenLink(row.version, "chain: not the digest of parent chain and record")
    return None


def check_link(previous: AuditRecord | None, record: AuditRecord) -> BrokenLink | None:
    """None if `record` follows `previous`, or begins the chain when there is none."""
    if previous is None:
        if record.kind != "genesis":
            return BrokenLink(record.version, "kind: the chain must begin with a genesis")
        if record.parent_chain != GENESIS_CHAIN:
            return BrokenLink(record.version, "parent_chain: a genesis follows nothing")
        return None
    if record.version != previous.version + 1 or record.parent != previous.version:
        return BrokenLink(record.version, f"parent: version {previous.version} comes before")
    if record.parent_chain != previous.chain:
        return BrokenLink(record.version, "parent_chain: not the chain digest of the parent")
    return None
