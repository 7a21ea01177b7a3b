"""Read-only queries for operators: rounds with what they granted, accepted and learnt."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, rounds, updates
from federation.round_state import RoundState


@dataclass(frozen=True)
class RoundRow:
    """A round for display.

    hold_reason: why an operator held it last. requests_per_update: mean, None while nothing was
    counted.
    """

    id: int
    plan_digest: str
    model_version: int
    published_version: int | None
    state: RoundState
    ended_at: float | None
    metrics: dict[str, Any] | None
    retry_of: int | None
    hold_reason: str | None
    requests_per_update: float | None


def _query() -> Select[Any]:
    counted = func.avg(updates.c.requests)
    mean = select(counted).where(updates.c.round_id == rounds.c.id).scalar_subquery()
    return select(
        rounds.c.id,
        rounds.c.plan_digest,
        rounds.c.model_version,
        rounds.c.published_version,
        rounds.c.state,
        rounds.c.ended_at,
        rounds.c.metrics,
        rounds.c.retry_of,
        rounds.c.hold_reason,
        mean.label("requests_per_update"),
    )


def _row(row: Any) -> RoundRow:
    mean = row.requests_per_update
    return RoundRow(
        id=row.id,
        plan_digest=row.plan_digest,
        model_version=row.model_version,
        published_version=row.published_version,
        state=RoundState.from_mapping(row.state),
        ended_at=row.ended_at,
        metrics=row.metrics,
        retry_of=row.retry_of,
        hold_reason=row.hold_reason,
        requests_per_update=None if mean is None else float(mean),
    )


async def list_rounds(
    connection: AsyncConnection, before: int | None, limit: int
) -> list[RoundRow]:
    """Rounds numbered below `before` (all, if None), newest first."""
    query = _query().order_by(rounds.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(rounds.c.id < before)
    return [_row(row) for row in await connection.execute(query)]


async def show_round(connection: AsyncConnection, round_id: int) -> RoundRow | None:
    """One round."""
    row = (await connection.execute(_query().where(rounds.c.id == round_id))).first()
    return _row(row) if row else None


async def first_granted_at(connection: AsyncConnection, round_id: int) -> float | None:
    """When the round's first lease was granted; None while none was."""
    query = select(func.min(assignments.c.granted_at)).where(assignments.c.round_id == round_id)
    first: float | None = (await connection.execute(query)).scalar_one()
    return first


async def recent_rounds(connection: AsyncConnection, limit: int) -> list[tuple[RoundState, float]]:
    """States of the last ended rounds with the second each ended, newest first."""
    query = select(rounds.c.state, rounds.c.ended_at).where(rounds.c.ended_at.is_not(None))
    rows = await connection.execute(query.order_by(rounds.c.id.desc()).limit(limit))
    return [(RoundState.from_mapping(state), float(ended_at)) for state, ended_at in rows]
