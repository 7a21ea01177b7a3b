"""Queries about rounds, their assignments and updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, devices, plans, rounds, updates, users, versions
from federation.round_state import ENDED, RoundState


class StaleRoundError(Exception):
    """The round was stepped by somebody else since it was read: read it again."""


@dataclass(frozen=True)
class StoredRound:
    """A round's row: the engine's state, and the revision that saving it must find."""

    id: int
    plan_digest: str
    model_version: int
    state: RoundState
    revision: int


@dataclass(frozen=True)
class Assignment:
    """A device's lease on a round."""

    id: str
    round_id: int
    device_id: str
    user_id: str
    expires_at: float
    expired: bool


@dataclass(frozen=True)
class Update:
    """The record of an accepted update; its bytes lie in the blob store until the round ends.

    receipt: as signed when it was accepted, a compact JWS.
    """

    assignment_id: str
    round_id: int
    body_digest: str
    size_bytes: int
    accepted_at: float
    receipt: str


@dataclass(frozen=True)
class Participant:
    """A device at check-in, with what it is told of the model.

    is_virtual: it is the coordinator's, for a hosted user. newest_version: number and manifest
    digest of the newest model version, None before the first.
    """

    user_id: str
    mode: str
    is_virtual: bool
    seen_at: float
    revoked_at: float | None
    newest_version: tuple[int, str] | None


@dataclass(frozen=True)
class Lease:
    """An assignment with the update that was accepted for it, if one was."""

    assignment: Assignment
    accepted: Update | None


_ROUND = (
    rounds.c.id,
    rounds.c.plan_digest,
    rounds.c.model_version,
    rounds.c.state,
    rounds.c.revision,
)
_ASSIGNMENT = (
    assignments.c.id,
    assignments.c.round_id,
    assignments.c.device_id,
    assignments.c.user_id,
    assignments.c.expires_at,
    assignments.c.expired,
)
_UPDATE = (
    updates.c.assignment_id,
    updates.c.round_id,
    updates.c.body_digest,
    updates.c.size_bytes,
    updates.c.accepted_at,
    updates.c.receipt,
)


async def _one_round(connection: AsyncConnection, query: Select[Any]) -> StoredRound | None:
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    state = RoundState.from_mapping(row.state)
    return StoredRound(row.id, row.plan_digest, row.model_version, state, row.revision)


async def newest_round(connection: AsyncConnection, lock: bool = False) -> StoredRound | None:
    """The round opened last; only it can be open. lock: hold the row until the end."""
    query = select(*_ROUND).order_by(rounds.c.id.desc()).limit(1)
    return await _one_round(connection, query.with_for_update() if lock else query)


async def find_round(
    connection: AsyncConnection, round_id: int, lock: bool = False
) -> StoredRound | None:
    """The round with this number. lock: hold the row until the end of the transaction."""
    query = select(*_ROUND).where(rounds.c.id == round_id)
    return await _one_round(connection, query.with_for_update() if lock else query)


async def save_round(
    connection: AsyncConnection, stored: StoredRound, state: RoundState, now: float, **extra: Any
) -> None:
    """Replace the round's state by compare-and-swap on its revision.

    Raises: StaleRoundError when the stored revision is not the one that was read.
    """
    values: dict[str, Any] = {
        "phase": state.phase,
        "state": state.to_mapping(),
        "revision": stored.revision + 1,
        "reason": state.reason,
        **extra,
    }
    if state.opened_at is not None:
        values["opened_at"] = state.opened_at
    if state.phase in ENDED:
        values["ended_at"] = now
    same = (rounds.c.id == stored.id) & (rounds.c.revision == stored.revision)
    result = await connection.execute(update(rounds).where(same).values(values))
    if result.rowcount != 1:
        raise StaleRoundError(f"round {stored.id} is not at revision {stored.revision}")


async def plan_body(connection: AsyncConnection, digest: str) -> bytes:
    """The canonical bytes of a stored plan."""
    query = select(plans.c.body).where(plans.c.digest == digest)
    return bytes((await connection.execute(query)).scalar_one())


async def participant(connection: AsyncConnection, device_id: str) -> Participant | None:
    """The device with its user's mode and the newest model version, in one query."""
    newest = select(func.max(versions.c.id)).scalar_subquery()
    columns = (
        devices.c.user_id,
        users.c.mode,
        devices.c.public_key,
        devices.c.seen_at,
        devices.c.revoked_at,
        versions.c.id,
        versions.c.manifest_digest,
    )
    query = (
        select(*columns)
        .join(users, users.c.id == devices.c.user_id)
        .outerjoin(versions, versions.c.id == newest)
        .where(devices.c.id == device_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    version = None if row[5] is None else (row[5], row[6])
    return Participant(row[0], row[1], not row[2], row[3], row[4], version)


async def mark_seen(connection: AsyncConnection, device_id: str, now: float) -> None:
    """Note that the device checked in."""
    await connection.execute(update(devices).where(devices.c.id == device_id).values(seen_at=now))


async def account_lease(connection: AsyncConnection, round_id: int, user_id: str) -> Lease | None:
    """What the account holds, or held, on this round."""
    mine = (assignments.c.round_id == round_id) & (assignments.c.user_id == user_id)
    return await _lease(connection, mine)


async def find_lease(
    connection: AsyncConnection, assignment_id: str, device_id: str
) -> Lease | None:
    """The device's own assignment; a foreign one is none."""
    mine = (assignments.c.id == assignment_id) & (assignments.c.device_id == device_id)
    return await _lease(connection, mine)


async def _lease(connection: AsyncConnection, where: ColumnElement[bool]) -> Lease | None:
    joined = updates.c.assignment_id == assignments.c.id
    query = select(*_ASSIGNMENT, *_UPDATE).outerjoin(updates, joined).where(where)
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    n = len(_ASSIGNMENT)
    accepted = None if row[n] is None else Update(*row[n:])
    return Lease(Assignment(*row[:n]), accepted)


async def add_assignment(
    connection: AsyncConnection, assignment: Assignment, granted_at: float
) -> None:
    """Record a lease."""
    values = {
        "id": assignment.id,
        "round_id": assignment.round_id,
        "device_id": assignment.device_id,
        "user_id": assignment.user_id,
        "granted_at": granted_at,
        "expires_at": assignment.expires_at,
        "expired": False,
    }
    await connection.execute(insert(assignments).values(values))


async def find_update(connection: AsyncConnection, assignment_id: str) -> Update | None:
    """The accepted update of an assignment."""
    query = select(*_UPDATE).where(updates.c.assignment_id == assignment_id)
    row = (await connection.execute(query)).first()
    return Update(*row) if row else None


async def add_update(connection: AsyncConnection, accepted: Update, requests: int | None) -> None:
    """Record an accepted update."""
    values = {
        "assignment_id": accepted.assignment_id,
        "round_id": accepted.round_id,
        "body_digest": accepted.body_digest,
        "size_bytes": accepted.size_bytes,
        "requests": requests,
        "accepted_at": accepted.accepted_at,
        "receipt": accepted.receipt,
    }
    await connection.execute(insert(updates).values(values))


async def overdue_leases(connection: AsyncConnection, round_id: int, now: float) -> list[str]:
    """Assignments whose lease ran out without an update and is not yet recorded as such."""
    overdue = and_(
        assignments.c.round_id == round_id,
        assignments.c.expires_at <= now,
        assignments.c.expired.is_(False),
        updates.c.assignment_id.is_(None),
    )
    query = (
        select(assignments.c.id)
        .outerjoin(updates, updates.c.assignment_id == assignments.c.id)
        .where(overdue)
    )
    return list((await connection.execute(query)).scalars())


async def mark_expired(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Record that these leases ran out."""
    query = update(assignments).where(assignments.c.id.in_(ids)).values(expired=True)
    await connection.execute(query)


async def manifest_body(connection: AsyncConnection, version: int) -> bytes | None:
    """The canonical manifest of a version."""
    query = select(versions.c.manifest).where(versions.c.id == version)
    body = (await connection.execute(query)).scalar_one_or_none()
    return None if body is None else bytes(body)


async def count_seen_since(connection: AsyncConnection, since: float) -> int:
    """How many devices checked in, or enrolled, since then."""
    seen = (devices.c.seen_at >= since) & devices.c.revoked_at.is_(None)
    return int((await connection.execute(select(func.count()).where(seen))).scalar_one())
