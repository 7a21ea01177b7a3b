"""Queries about leases: assignments of devices, and the updates that were accepted for them."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, devices, updates


@dataclass(frozen=True)
class Assignment:
    """A device's lease on a round. counts_in: the round that takes its update, perhaps a later."""

    id: str
    round_id: int
    counts_in: int
    device_id: str
    user_id: str
    expires_at: float
    expired: bool


@dataclass(frozen=True)
class Update:
    """The record of an accepted update; its bytes lie in the blob store until the round ends.

    position: its place in the round's sum; staleness: model steps that it is behind; receipt: as
    signed when it was accepted, a compact JWS; signature_digest: of the device's envelope.
    """

    assignment_id: str
    round_id: int
    position: int
    staleness: int
    body_digest: str
    size_bytes: int
    accepted_at: float
    receipt: str
    signature_digest: str | None


@dataclass(frozen=True)
class Lease:
    """An assignment with the update that was accepted for it, if one was."""

    assignment: Assignment
    accepted: Update | None


@dataclass(frozen=True)
class Holder:
    """An enrolled device. public_key: bare JWK, empty if it is virtual; lease: if it is its own."""

    public_key: dict[str, str]
    lease: Lease | None


@dataclass(frozen=True)
class Overdue:
    """A lease that ran out. carried: an earlier round granted it."""

    assignment_id: str
    carried: bool


_ASSIGNMENT = (
    assignments.c.id,
    assignments.c.round_id,
    assignments.c.counts_in,
    assignments.c.device_id,
    assignments.c.user_id,
    assignments.c.expires_at,
    assignments.c.expired,
)
_UPDATE = (
    updates.c.assignment_id,
    updates.c.round_id,
    updates.c.position,
    updates.c.staleness,
    updates.c.body_digest,
    updates.c.size_bytes,
    updates.c.accepted_at,
    updates.c.receipt,
    updates.c.signature_digest,
)


# Statements of every request are written once: building one costs as much as running it.
_DELIVERED = updates.c.assignment_id == assignments.c.id
_LEASE: Select[Any] = select(*_ASSIGNMENT, *_UPDATE).outerjoin(updates, _DELIVERED)
_LEASE_OF_ACCOUNT = _LEASE.where(
    assignments.c.counts_in == bindparam("in_round"), assignments.c.user_id == bindparam("account")
)
_LEASE_OF_DEVICE: Select[Any] = (
    select(devices.c.revoked_at, devices.c.public_key, *_ASSIGNMENT, *_UPDATE)
    .outerjoin(
        assignments,
        (assignments.c.device_id == devices.c.id) & (assignments.c.id == bindparam("assignment")),
    )
    .outerjoin(updates, _DELIVERED)
    .where(devices.c.id == bindparam("device"))
)
_ADD_ASSIGNMENT, _ADD_UPDATE = insert(assignments), insert(updates)


async def account_lease(connection: AsyncConnection, round_id: int, user_id: str) -> Lease | None:
    """What the account holds, or held, that counts in this round."""
    mine = {"in_round": round_id, "account": user_id}
    row = (await connection.execute(_LEASE_OF_ACCOUNT, mine)).first()
    return None if row is None else _lease(row)


async def leases_of_accounts(
    connection: AsyncConnection, round_id: int, user_ids: Collection[str]
) -> dict[str, Lease]:
    """The same for many accounts; one that has none is left out."""
    theirs = (assignments.c.counts_in == round_id) & assignments.c.user_id.in_(user_ids)
    found = map(_lease, await connection.execute(_LEASE.where(theirs)))
    return {lease.assignment.user_id: lease for lease in found}


async def leases_by_id(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Lease]:
    """Leases by the ids of their assignments."""
    found = map(_lease, await connection.execute(_LEASE.where(assignments.c.id.in_(ids))))
    return {lease.assignment.id: lease for lease in found}


async def find_holder(
    connection: AsyncConnection, assignment_id: str, device_id: str
) -> Holder | None:
    """The device with its own assignment; a foreign one is none. None if it is not enrolled."""
    mine = {"assignment": assignment_id, "device": device_id}
    row = (await connection.execute(_LEASE_OF_DEVICE, mine)).first()
    if row is None or row[0] is not None:
        return None
    return Holder(row[1], None if row[2] is None else _lease(row[2:]))


def _lease(row: "Row[Any]") -> Lease:
    n = len(_ASSIGNMENT)
    accepted = None if row[n] is None else Update(*row[n:])
    return Lease(Assignment(*row[:n]), accepted)


async def add_assignments(
    connection: AsyncConnection, given: Sequence[Assignment], granted_at: float
) -> None:
    """Record leases, at least one."""
    rows = [asdict(assignment) | {"granted_at": granted_at} for assignment in given]
    await connection.execute(_ADD_ASSIGNMENT, rows)


async def find_update(connection: AsyncConnection, assignment_id: str) -> Update | None:
    """The accepted update of an assignment."""
    query = select(*_UPDATE).where(updates.c.assignment_id == assignment_id)
    row = (await connection.execute(query)).first()
    return Update(*row) if row else None


async def add_updates(
    connection: AsyncConnection, accepted: Sequence[tuple[Update, int | None]]
) -> None:
    """Record accepted updates, at least one, each with the number of requests that it took."""
    rows = [asdict(update) | {"requests": requests} for update, requests in accepted]
    await connection.execute(_ADD_UPDATE, rows)


async def overdue_leases(
    connection: AsyncConnection, round_id: int, now: float, limit: int
) -> list[Overdue]:
    """Leases that count in the round, ran out without an update, and are not recorded as such."""
    overdue = _open_in(round_id) & (assignments.c.expires_at <= now)
    query = select(assignments.c.id, assignments.c.round_id != round_id).where(overdue)
    rows = await connection.execute(query.order_by(assignments.c.id).limit(limit))
    return [Overdue(row[0], bool(row[1])) for row in rows]


async def mark_expired(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Record that these leases ran out."""
    query = update(assignments).where(assignments.c.id.in_(ids)).values(expired=True)
    await connection.execute(query)


async def open_leases_by_round(connection: AsyncConnection, counts_in: int) -> list[int]:
    """The rounds that granted the open leases which count in this one."""
    query = select(assignments.c.round_id).where(_open_in(counts_in)).distinct()
    return list((await connection.execute(query.order_by(assignments.c.round_id))).scalars())


async def count_open_leases(
    connection: AsyncConnection, granted_in: Sequence[int], counts_in: int
) -> int:
    """How many open leases of these rounds count in round `counts_in`."""
    ours = _open_in(counts_in) & assignments.c.round_id.in_(granted_in)
    query = select(func.count()).select_from(assignments).where(ours)
    return int((await connection.execute(query)).scalar_one())


async def take_over_leases(
    connection: AsyncConnection, granted_in: Sequence[int], counts_in: int, taker: int
) -> int:
    """Let them count in round `taker` instead; how many they are."""
    ours = _open_in(counts_in) & assignments.c.round_id.in_(granted_in)
    moved = await connection.execute(update(assignments).where(ours).values(counts_in=taker))
    return int(moved.rowcount)


def _open_in(round_id: int) -> ColumnElement[bool]:
    delivered = exists().where(updates.c.assignment_id == assignments.c.id)
    return (assignments.c.counts_in == round_id) & assignments.c.expired.is_(False) & ~delivered
