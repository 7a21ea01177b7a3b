"""Queries about rounds, their assignments and updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import devices, plans, rounds, users, versions
from federation.plan import STALENESS_LIMIT
from federation.round_state import ENDED, RoundState

FAR = STALENESS_LIMIT + 1


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
class Participant:
    """A device at check-in, with what it is told of the model.

    is_virtual: it is the coordinator's, for a hosted user. newest_version: number and manifest
    digest of the version to rank with, the newest that serves; None before the first.
    """

    user_id: str
    mode: str
    is_virtual: bool
    seen_at: float
    revoked_at: float | None
    newest_version: tuple[int, str] | None


_ROUND = (
    rounds.c.id,
    rounds.c.plan_digest,
    rounds.c.model_version,
    rounds.c.state,
    rounds.c.revision,
)


# Statements of every request are written once: building one costs as much as running it.
_NEWEST_ROUND = select(*_ROUND).order_by(rounds.c.id.desc()).limit(1)
_ROUND_BY_ID = select(*_ROUND).where(rounds.c.id == bindparam("round_id"))
_LOCKED = {query: query.with_for_update() for query in (_NEWEST_ROUND, _ROUND_BY_ID)}


async def _one_round(
    connection: AsyncConnection, query: Select[Any], lock: bool, round_id: int | None = None
) -> StoredRound | None:
    given = {} if round_id is None else {"round_id": round_id}
    row = (await connection.execute(_LOCKED[query] if lock else query, given)).first()
    if row is None:
        return None
    state = RoundState.from_mapping(row.state)
    return StoredRound(row.id, row.plan_digest, row.model_version, state, row.revision)


async def newest_round(connection: AsyncConnection, lock: bool = False) -> StoredRound | None:
    """The round opened last; only it can be open. lock: hold the row until the end."""
    return await _one_round(connection, _NEWEST_ROUND, lock)


async def newest_round_id(connection: AsyncConnection) -> int:
    """Number of the round opened last; 0 before the first."""
    return int((await connection.execute(select(func.max(rounds.c.id)))).scalar_one() or 0)


async def find_round(
    connection: AsyncConnection, round_id: int, lock: bool = False
) -> StoredRound | None:
    """The round with this number. lock: hold the row until the end of the transaction."""
    return await _one_round(connection, _ROUND_BY_ID, lock, round_id)


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


_PARTICIPANT = (
    select(
        devices.c.user_id,
        users.c.mode,
        devices.c.public_key,
        devices.c.seen_at,
        devices.c.revoked_at,
        versions.c.id,
        versions.c.manifest_digest,
    )
    .join(users, users.c.id == devices.c.user_id)
    .outerjoin(versions, versions.c.standing == "live")
    .where(devices.c.id == bindparam("device_id"))
)


async def participant(connection: AsyncConnection, device_id: str) -> Participant | None:
    """The device with its user's mode and the model version that serves, in one query."""
    row = (await connection.execute(_PARTICIPANT, {"device_id": device_id})).first()
    if row is None:
        return None
    version = None if row[5] is None else (row[5], row[6])
    return Participant(row[0], row[1], not row[2], row[3], row[4], version)


async def mark_seen(connection: AsyncConnection, device_ids: Sequence[str], now: float) -> None:
    """Note that the devices checked in."""
    if device_ids:
        await connection.execute(
            update(devices).where(devices.c.id.in_(device_ids)).values(seen_at=now)
        )


async def manifest_body(connection: AsyncConnection, version: int) -> bytes | None:
    """The canonical manifest of a version."""
    query = select(versions.c.manifest).where(versions.c.id == version)
    body = (await connection.execute(query)).scalar_one_or_none()
    return None if body is None else bytes(body)


async def count_seen_since(connection: AsyncConnection, since: float) -> int:
    """How many devices checked in, or enrolled, since then."""
    seen = (devices.c.seen_at >= since) & devices.c.revoked_at.is_(None)
    return int((await connection.execute(select(func.count()).where(seen))).scalar_one())


async def steps_between(connection: AsyncConnection, base: int, version: int) -> int:
    """Model steps that were published after version `base`, up to `version`.

    A catalogue version moves no trained row and is no step. A rollback is further than any plan
    allows: what was made for a model that was taken back must not count in the one that stands.
    """
    weight = case((versions.c.kind == "round", 1), (versions.c.kind == "rollback", FAR), else_=0)
    query = select(func.sum(weight)).where(versions.c.id > base, versions.c.id <= version)
    return int((await connection.execute(query)).scalar_one() or 0)
