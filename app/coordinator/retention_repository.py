"""Queries for what stays of old versions."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator.retention import CHECKPOINT_EVERY, NEWEST_STATES, Retention
from app.store.tables import plans, rounds, versions


@dataclass(frozen=True)
class WholeVersion:
    """A version some of whose blobs stay."""

    id: int
    kind: str
    manifest: bytes
    model_digest: str


async def find_retention(
    connection: AsyncConnection, n_audited: int, n_rankable: int
) -> Retention | None:
    """What stays, if the newest `n_audited` versions can be rebuilt; None before the genesis."""
    newest = (await connection.execute(select(func.max(versions.c.id)))).scalar_one()
    if newest is None:
        return None
    first = max(1, newest - n_audited + 1)
    query = select(func.max(versions.c.id)).where(_is_checkpoint(), versions.c.id <= first)
    return Retention((await connection.execute(query)).scalar_one() or 1, newest, n_rankable)


async def whole_versions(connection: AsyncConnection, retention: Retention) -> list[WholeVersion]:
    """Checkpoints from the base on, and the newest versions, oldest first."""
    n_newest = max(NEWEST_STATES, retention.n_rankable)
    columns = (versions.c.id, versions.c.kind, versions.c.manifest, versions.c.model_digest)
    query = select(*columns).where(
        or_(
            _is_checkpoint() & (versions.c.id >= retention.base),
            versions.c.id > retention.newest - n_newest,
        )
    )
    rows = await connection.execute(query.order_by(versions.c.id))
    return [WholeVersion(row[0], row[1], bytes(row[2]), row[3]) for row in rows]


async def evidence_plans(connection: AsyncConnection, base: int) -> list[bytes]:
    """Bodies of the plans whose rounds published after the base."""
    query = (
        select(plans.c.body)
        .join(rounds, rounds.c.plan_digest == plans.c.digest)
        .join(versions, versions.c.round_id == rounds.c.id)
        .where(versions.c.id > base)
    )
    return [bytes(body) for body in (await connection.execute(query)).scalars()]


async def first_round_kept(connection: AsyncConnection, base: int) -> int | None:
    """The oldest round that published after the base; the newest round, if none did."""
    published = select(func.min(versions.c.round_id)).where(versions.c.id > base).scalar_subquery()
    query = select(func.coalesce(published, func.max(rounds.c.id)))
    first: int | None = (await connection.execute(query)).scalar_one()
    return first


def _is_checkpoint() -> ColumnElement[bool]:
    """The same as `retention.is_checkpoint`, of a row."""
    return or_(versions.c.kind != "round", versions.c.id % CHECKPOINT_EVERY == 0)
