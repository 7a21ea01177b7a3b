"""The transactions that decide which version serves.

A version waits as a candidate until the next cohort has measured it. One version serves at a time,
and its number only grows: a unique index holds the first, comparing with the version that served
when the decision was made holds the second.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import standing_repository as repository
from app.coordinator.candidate import Candidate
from app.coordinator.publishing import SupersededError, add_version, guarded
from app.coordinator.repository import lock_newest_version
from app.coordinator.standing_repository import Line
from app.crash_points import crash_point
from app.models import orders_repository as orders
from app.rounds.repository import newest_round
from app.rounds.stepping import save_step
from app.store.database import Database
from federation.promotion import Verdict
from federation.round_events import AbandonAsked
from federation.round_state import ENDED

BASE_REJECTED = "base_rejected"
ROLLED_BACK = "rolled_back"
OVERTAKEN = "overtaken"
NEVER_MEASURED = "not_measured_in_time"


async def publish_live(
    database: Database,
    candidates: Sequence[Candidate],
    live: int | None,
    now: float,
    order_id: str | None = None,
) -> None:
    """Publish versions that no round made: the first serves at once, in place of `live`.

    candidates: with consecutive numbers. A second one is the same change made to what is trained
    while that waits to be measured; it goes on waiting. order_id: the order that asked for it.
    Raises: SupersededError.
    """
    first = candidates[0]

    async def run(connection: AsyncConnection) -> None:
        for candidate in candidates:
            await add_version(connection, candidate, now)
        verdict = {"reason": first.kind}
        await repository.make_live(connection, first.model.version, live, now, verdict)
        if order_id is not None:
            await orders.fulfil(connection, order_id, first.model.version, now)
            crash_point("rollback_before_commit")

    if order_id is not None:
        crash_point("rollback_after_candidate")
    await guarded(database, "publish_live", run)
    if order_id is not None:
        crash_point("rollback_after_commit")


async def promote(
    database: Database, line: Line, live: int, verdict: dict[str, Any], now: float
) -> None:
    """Let a line's newest version serve; all that waited below it have been overtaken.

    Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        if line.newest < live:  # the catalogue moved on without it
            await repository.overtake(connection, line, now, OVERTAKEN)
            return
        await repository.make_live(connection, line.newest, live, now, verdict)
        await repository.supersede(connection, line.newest, now, OVERTAKEN)
        crash_point("standing_before_commit")

    await guarded(database, "promote_version", run)
    crash_point("standing_after_commit")


async def publish_rejection(
    database: Database,
    line: Line,
    verdict: dict[str, Any],
    candidate: Candidate,
    live: int,
    now: float,
) -> None:
    """Reject a line with all that was trained from it, and go on from `candidate`.

    candidate: of kind `rollback`, made from the version `live`. Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        await _end_round_of_others(connection, candidate, BASE_REJECTED, now)
        await repository.reject(connection, line, now, verdict, BASE_REJECTED)
        await _add_rollback(connection, candidate, live, now)
        crash_point("standing_before_commit")

    await guarded(database, "reject_version", run)
    crash_point("standing_after_commit")


async def publish_rollback(
    database: Database, candidate: Candidate, live: int, order_id: str, now: float
) -> None:
    """Fulfil an order to go back: `candidate`, of kind `rollback`, serves and is trained from.

    Raises: SupersededError.
    """

    async def run(connection: AsyncConnection) -> None:
        await _end_round_of_others(connection, candidate, ROLLED_BACK, now)
        await _add_rollback(connection, candidate, live, now)
        await orders.fulfil(connection, order_id, candidate.model.version, now)
        crash_point("rollback_before_commit")

    crash_point("rollback_after_candidate")
    await guarded(database, "publish_rollback", run)
    crash_point("rollback_after_commit")


async def _add_rollback(
    connection: AsyncConnection, candidate: Candidate, live: int, now: float
) -> None:
    version, verdict = candidate.model.version, {"reason": candidate.kind}
    await add_version(connection, candidate, now)
    await repository.make_live(connection, version, live, now, verdict)
    await repository.supersede(connection, version, now, ROLLED_BACK)


async def _end_round_of_others(
    connection: AsyncConnection, candidate: Candidate, reason: str, now: float
) -> None:
    """Abandon the open round unless it trains the candidate's own rows.

    Its updates are differences to rows that are not trained from any more, so a round that has
    closed but has not published ends as well. The newest version is locked first, as by whoever
    opens a round on it, and the round before anything is published, as by whoever publishes one.
    """
    parent = candidate.record.parent
    assert parent is not None, "a genesis goes back to nothing"
    if not await lock_newest_version(connection, parent):
        raise SupersededError(f"version {parent} is not the newest")
    stored = await newest_round(connection, lock=True)
    if stored is None or stored.state.phase in ENDED:
        return
    if await repository.origin_of(connection, stored.model_version) != candidate.model.origin:
        await save_step(connection, stored, AbandonAsked(now, reason), job_updates=1)


def verdict_row(verdict: Verdict, n: int = 0, n_live: int = 0) -> dict[str, Any]:
    """A verdict as `versions` keeps it. n, n_live: devices that measured either version."""
    row: dict[str, Any] = {"reason": verdict.reason, "n": n, "n_live": n_live}
    if verdict.comparison is not None:
        row["difference"] = verdict.comparison.difference
        row["threshold"] = verdict.comparison.threshold
    return row
