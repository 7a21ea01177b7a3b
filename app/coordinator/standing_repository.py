"""Queries about which versions serve, wait to be measured, or were shown to be worse."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import plans, rounds, versions

RECENT_ROUNDS = 20


class StaleStandingError(Exception):
    """Another version went live, or this one was decided, since it was read: read it again."""


@dataclass(frozen=True)
class Line:
    """The candidates that one training made, which are decided together.

    origin: see `versions`; first, newest: the lowest and the highest number of them; since: when
    the first was published.
    """

    origin: int
    first: int
    newest: int
    since: float


@dataclass(frozen=True)
class Standings:
    """live: number of the version that serves; lines: what waits to be decided, oldest first."""

    live: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Cohort:
    """What the devices of a published round measured of the version that they received.

    metrics: see `app.coordinator.round_version.cohort_metrics`; n_block: rows of the round's block.
    """

    metrics: dict[str, Any] | None
    n_block: int


_UNDECIDED = (
    select(versions.c.id, versions.c.origin, versions.c.standing, versions.c.published_at)
    .where(versions.c.standing.in_(("live", "candidate")))
    .order_by(versions.c.id)
)


async def standings(connection: AsyncConnection) -> Standings | None:
    """Who serves and who waits; None before the genesis."""
    rows = list(await connection.execute(_UNDECIDED))
    live = next((row.id for row in rows if row.standing == "live"), None)
    if live is None:
        return None
    candidates = [row for row in rows if row.standing == "candidate"]
    lines = []
    for origin in sorted({row.origin for row in candidates}):
        mine = [row for row in candidates if row.origin == origin]
        lines.append(Line(origin, mine[0].id, mine[-1].id, mine[0].published_at))
    return Standings(live, tuple(lines))


async def find_live(connection: AsyncConnection) -> int | None:
    """Number of the version that serves; None before the genesis."""
    query = select(versions.c.id).where(versions.c.standing == "live")
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def cohorts(connection: AsyncConnection, origin: int) -> list[Cohort]:
    """The rounds that trained from a version of this origin and published, newest first."""
    query = (
        select(rounds.c.metrics, plans.c.body)
        .join(versions, versions.c.id == rounds.c.model_version)
        .join(plans, plans.c.digest == rounds.c.plan_digest)
        .where(versions.c.origin == origin, rounds.c.published_version.is_not(None))
        .order_by(rounds.c.id.desc())
        .limit(RECENT_ROUNDS)
    )
    rows = await connection.execute(query)
    return [Cohort(metrics, json.loads(bytes(body))["n_block"]) for metrics, body in rows]


async def origin_of(connection: AsyncConnection, version: int) -> int:
    """The version whose training made this one's rows."""
    query = select(versions.c.origin).where(versions.c.id == version)
    return int((await connection.execute(query)).scalar_one())


async def make_live(
    connection: AsyncConnection,
    version: int,
    before: int | None,
    now: float,
    verdict: dict[str, Any],
) -> None:
    """Let a candidate serve instead of `before` (None: nothing served), by compare-and-swap.

    Raises: StaleStandingError.
    """
    if before is not None:
        served = (versions.c.id == before) & (versions.c.standing == "live")
        await _move_one(connection, served, standing="superseded")
    waiting = (versions.c.id == version) & (versions.c.standing == "candidate")
    await _move_one(
        connection, waiting, standing="live", verdict=verdict, decided_at=now, live_at=now
    )


async def supersede(connection: AsyncConnection, below: int, now: float, reason: str) -> None:
    """End the wait of all candidates with a number below this: a newer version serves."""
    older = (versions.c.standing == "candidate") & (versions.c.id < below)
    await _decide(connection, older, "superseded", now, {"reason": reason})


async def overtake(connection: AsyncConnection, line: Line, now: float, reason: str) -> None:
    """End the wait of one line without letting it serve.

    Raises: StaleStandingError when it was decided meanwhile.
    """
    mine = (versions.c.standing == "candidate") & (versions.c.origin == line.origin)
    if not await _decide(connection, mine, "superseded", now, {"reason": reason}):
        raise StaleStandingError(f"version {line.newest} was decided already")


async def reject(
    connection: AsyncConnection, line: Line, now: float, verdict: dict[str, Any], heirs_reason: str
) -> None:
    """Reject a line, and all candidates that were trained from it: those with higher numbers.

    Raises: StaleStandingError when the line was decided meanwhile.
    """
    waiting = versions.c.standing == "candidate"
    mine = waiting & (versions.c.origin == line.origin)
    if not await _decide(connection, mine, "rejected", now, verdict):
        raise StaleStandingError(f"version {line.newest} was decided already")
    heirs = waiting & (versions.c.id > line.first)
    await _decide(connection, heirs, "rejected", now, {"reason": heirs_reason})


async def _decide(
    connection: AsyncConnection,
    where: ColumnElement[bool],
    standing: str,
    now: float,
    verdict: dict[str, Any],
) -> int:
    values = {"standing": standing, "verdict": verdict, "decided_at": now}
    return (await connection.execute(update(versions).where(where).values(values))).rowcount


async def _move_one(connection: AsyncConnection, where: ColumnElement[bool], **values: Any) -> None:
    moved = await connection.execute(update(versions).where(where).values(values))
    if moved.rowcount != 1:
        raise StaleStandingError("another version serves already")
