"""Queries for what stays of old versions."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator.retention import CHECKPOINT_EVERY, Retention
from app.store.tables import plans, rounds, versions


@dataclass(frozen=True)
class Checkpoint:
    """A version that stays whole."""

    manifest: bytes
    model_digest: str


async def find_retention(connection: AsyncConnection, n_audited: int) -> Retention | None:
    """What stays, if the newest `n_audited` versions can be rebuilt; None before the genesis."""
    newest = (await connection.execute(select(func.max(versions.c.id)))).scalar_one()
    if newest is None:
        return None
    first = max(1, newest - n_audited + 1)
    query = select(versions.c.id).where(_is_checkpoint(), versions.c.id <= first)
    # By the order, so that the database looks at no more than the rows down to the checkpoint.
    query = query.order_by(versions.c.id.desc()).limit(1)
    return Retention((await connection.execute(query)).scalar() or 1, newest)


async def checkpoints(connection: AsyncConnection, base: int) -> list[Checkpoint]:
    """The base and the checkpoints after it."""
    query = select(versions.c.manifest, versions.c.model_digest)
    rows = await connection.execute(query.where(_is_checkpoint(), versions.c.id >= base))
    return [Checkpoint(bytes(row[0]), row[1]) for row in rows]


async def evidence_plans(connection: AsyncConnection, base: int) -> list[bytes]:
    """Bodies of the plans whose rounds published after the base."""
    query = (
        select(plans.c.body)
        .join(rounds, rounds.c.plan_digest == plans.c.digest)
        .join(versions, versions.c.round_id == rounds.c.id)
        .where(versions.c.id > base)
    )
    return [bytes(body) for body in (await connection.execute(query)).scalars()]


async def first_round_kept(connection: AsyncConnection, base: int) -> int:
    """The oldest round that published after the base; the newest round, if none did."""
    published = select(func.min(versions.c.round_id)).where(versions.c.id > base).scalar_subquery()
    newest = select(func.max(rounds.c.id)).scalar_subquery()
    query = select(func.coalesce(published, newest, 0))
    return int((await connection.execute(query)).scalar_one())


def _is_checkpoint() -> ColumnElement[bool]:
    """The same as `retention.is_checkpoint`, of a row."""
    return or_(versions.c.kind != "round", versions.c.id % CHECKPOINT_EVERY == 0)
