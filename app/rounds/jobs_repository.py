"""Jobs: work on closed rounds that any process may take, one at a time, under a lease.

Whoever takes a job writes its name into the row; a job that is not finished when its lease ends may
be taken by another. Only the holder can finish it, so that a process that was thought dead and was
not changes nothing. What a job makes depends on its round alone: done twice, it makes the same.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import jobs
from app.store.upsert import conflict_insert

JobKind = Literal["reduce", "gate"]


@dataclass(frozen=True)
class Job:
    """The updates at positions first .. last - 1 of a round, or all of them for a gate."""

    round_id: int
    kind: JobKind
    first: int
    last: int


@dataclass(frozen=True)
class Partial:
    """A finished part of a sum. digest: of its blob."""

    first: int
    digest: str


async def add_jobs(
    connection: AsyncConnection, round_id: int, kind: JobKind, count: int, size: int
) -> None:
    """Record jobs over `count` updates, at most `size` each; those that stand already stay."""
    values = [
        {
            "round_id": round_id,
            "kind": kind,
            "first": first,
            "last": min(first + size, count),
            "lease_expires_at": 0.0,
            "attempts": 0,
        }
        for first in range(0, count, size)
    ]
    await connection.execute(conflict_insert(connection, jobs).on_conflict_do_nothing(), values)


async def take_job(
    connection: AsyncConnection,
    kind: JobKind,
    holder: str,
    now: float,
    lease_s: float,
    round_id: int | None = None,
) -> Job | None:
    """The next job that nobody holds, now held by `holder` for `lease_s`; None if there is none.

    Rows that another transaction is just taking are passed over, not waited for.
    """
    free = (jobs.c.kind == kind) & jobs.c.done_at.is_(None) & (jobs.c.lease_expires_at <= now)
    if round_id is not None:
        free &= jobs.c.round_id == round_id
    query = select(jobs.c.round_id, jobs.c.kind, jobs.c.first, jobs.c.last).where(free)
    query = query.order_by(jobs.c.round_id, jobs.c.first).limit(1)
    row = (await connection.execute(query.with_for_update(skip_locked=True))).first()
    if row is None:
        return None
    job = Job(*row)
    taken = {
        "holder": holder,
        "lease_expires_at": now + lease_s,
        "attempts": jobs.c.attempts + 1,
    }
    await connection.execute(update(jobs).where(_is(job)).values(taken))
    return job


async def renew_job(connection: AsyncConnection, job: Job, holder: str, expires_at: float) -> bool:
    """Hold the job for longer; False when it is another's by now."""
    return await _update_held(connection, job, holder, lease_expires_at=expires_at)


async def finish_job(
    connection: AsyncConnection, job: Job, holder: str, now: float, digest: str
) -> bool:
    """Record what the job left in the blob store; False when it is another's by now."""
    return await _update_held(connection, job, holder, done_at=now, digest=digest)


async def release_job(connection: AsyncConnection, job: Job, holder: str) -> bool:
    """Let another take the job at once."""
    return await _update_held(connection, job, holder, lease_expires_at=0.0)


async def release_kind(connection: AsyncConnection, kind: JobKind, holder: str) -> None:
    """Let go of every job of a kind that `holder` holds: whoever bore that name before is dead."""
    held = (jobs.c.kind == kind) & (jobs.c.holder == holder) & jobs.c.done_at.is_(None)
    await connection.execute(update(jobs).where(held).values(lease_expires_at=0.0))


async def _update_held(
    connection: AsyncConnection, job: Job, holder: str, **values: float | str
) -> bool:
    held = _is(job) & (jobs.c.holder == holder) & jobs.c.done_at.is_(None)
    result = await connection.execute(update(jobs).where(held).values(values))
    return bool(result.rowcount == 1)


async def reopen_jobs(connection: AsyncConnection, round_id: int) -> None:
    """Have a round's parts summed again: a partial sum was lost or damaged."""
    mine = (jobs.c.round_id == round_id) & (jobs.c.kind == "reduce")
    again = {"done_at": None, "digest": None, "lease_expires_at": 0.0}
    await connection.execute(update(jobs).where(mine).values(again))


async def partials(connection: AsyncConnection, round_id: int) -> list[Partial] | None:
    """The finished parts of a round's sum, in order; None while one is not finished."""
    mine = (jobs.c.round_id == round_id) & (jobs.c.kind == "reduce")
    query = select(jobs.c.first, jobs.c.digest, jobs.c.done_at).where(mine)
    rows = (await connection.execute(query.order_by(jobs.c.first))).all()
    if not rows or any(row.done_at is None for row in rows):
        return None
    return [Partial(row.first, row.digest) for row in rows]


async def delete_jobs(connection: AsyncConnection, round_id: int) -> None:
    """Forget a round's jobs: it has ended."""
    await connection.execute(delete(jobs).where(jobs.c.round_id == round_id))


def _is(job: Job) -> ColumnElement[bool]:
    same = (jobs.c.round_id == job.round_id) & (jobs.c.kind == job.kind)
    return same & (jobs.c.first == job.first)
