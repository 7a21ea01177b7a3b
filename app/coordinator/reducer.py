"""The reducer: takes parts of closed rounds' sums, from any process and any number of processes."""

import asyncio

import structlog

from app.coordinator import repository
from app.coordinator.reducing import UnreadableError, merge_parts, sum_part
from app.coordinator.worker import Worker
from app.rounds import jobs_repository
from app.rounds.jobs_repository import Job
from app.rounds.known_content import plan_of
from app.rounds.repository import find_round
from app.rounds.stepping import step_round
from app.wiring import State
from federation.plan import Plan
from federation.round_events import Event, SumFailed, SumReady

log = structlog.get_logger()


class Reducer:
    """Sums parts of rounds, and merges the parts of a round once all are there."""

    def __init__(self, state: State, name: str | None = None) -> None:
        self._state = state
        self._worker = Worker(state, name)

    async def sum_one(self, round_id: int | None = None) -> bool:
        """Sum one part of a round, of any round if None; whether there was one to sum."""
        job = await self._worker.take("reduce", round_id)
        if job is None:
            return False
        async with self._worker.holding(job):
            await self._sum(job)
        return True

    async def _sum(self, job: Job) -> None:
        async with self._state["database"].read() as connection:
            stored = await find_round(connection, job.round_id)
            assert stored is not None, "a job names its round"
            plan = await plan_of(connection, stored.plan_digest)
            members = await repository.members(connection, job.round_id, job.first, job.last)
        blobs = self._state["blobs"]
        try:
            digest = await asyncio.to_thread(sum_part, blobs, plan, job, members)
        except UnreadableError as error:
            failed = SumFailed(self._state["clock"](), error.reason)
            await step_round(self._state, job.round_id, failed)
            return
        await self._worker.finish(job, digest)

    async def merge(self, round_id: int, plan: Plan) -> Event | None:
        """Merge a round's parts if all are summed: what the round is told of it, else None."""
        async with self._state["database"].read() as connection:
            parts = await jobs_repository.partials(connection, round_id)
        if parts is None:
            return None
        digest = await asyncio.to_thread(merge_parts, self._state["blobs"], plan, round_id, parts)
        if digest is not None:
            return SumReady(self._state["clock"](), digest)
        log.error("partial_sum_lost", round=round_id)
        await self._state["database"].transaction(
            "reopen_jobs", lambda connection: jobs_repository.reopen_jobs(connection, round_id)
        )
        return None
