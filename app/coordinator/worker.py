"""A worker takes jobs on closed rounds, keeps its hold while it works, and finishes them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Problem
from app.rounds import jobs_repository as repository
from app.rounds.jobs_repository import Job, JobKind
from app.wiring import State

# A hold is renewed so many times within its length: one renewal may be lost without harm.
RENEWALS_PER_LEASE = 3

log = structlog.get_logger()


class Worker:
    """One name under which jobs are held. Any number of workers may share the jobs of a round.

    name: of a worker that is known to be dead, whose jobs this one need not wait for; or a new one.
    """

    def __init__(self, state: State, name: str | None = None) -> None:
        self._state = state
        self._name = name or state["new_id"]()
        self._inherits = name is not None

    async def take(self, kind: JobKind, round_id: int | None = None) -> Job | None:
        """A job that nobody holds; None if there is none."""
        now, lease_s = self._state["clock"](), self._state["settings"].job_lease_s

        async def run(connection: AsyncConnection) -> Job | None:
            if self._inherits:
                await repository.release_kind(connection, kind, self._name)
            return await repository.take_job(connection, kind, self._name, now, lease_s, round_id)

        job = await self._state["database"].transaction("take_job", run)
        self._inherits = False
        return job

    @asynccontextmanager
    async def holding(self, job: Job) -> AsyncIterator[None]:
        """Renew the hold until the work is done; let go at once if it fails or is called off."""
        renewing = asyncio.create_task(self._renew(job))
        try:
            yield
        except (Exception, asyncio.CancelledError):
            await self._end(renewing)
            await self.release(job)
            raise
        finally:
            await self._end(renewing)

    async def finish(self, job: Job, digest: str) -> bool:
        """Record the blob that the job left; False when another worker has taken the job since."""
        now = self._state["clock"]()

        async def run(connection: AsyncConnection) -> bool:
            return await repository.finish_job(connection, job, self._name, now, digest)

        return await self._state["database"].transaction("finish_job", run)

    async def _renew(self, job: Job) -> None:
        lease_s = self._state["settings"].job_lease_s
        while True:
            await asyncio.sleep(lease_s / RENEWALS_PER_LEASE)
            expires_at = self._state["clock"]() + lease_s

            async def run(connection: AsyncConnection, until: float = expires_at) -> bool:
                return await repository.renew_job(connection, job, self._name, until)

            try:
                if not await self._state["database"].transaction("renew_job", run):
                    log.info("job_lost", round=job.round_id, kind=job.kind, first=job.first)
                    return
            except Problem:  # the store is busy: the next renewal is soon
                continue

    async def release(self, job: Job) -> None:
        """Let others take the job at once; nothing if it is finished, or another's."""

        async def run(connection: AsyncConnection) -> bool:
            return await repository.release_job(connection, job, self._name)

        # If this fails as well, the hold ends by itself.
        with contextlib.suppress(Exception):
            await self._state["database"].transaction("release_job", run)

    async def _end(self, renewing: asyncio.Task[None]) -> None:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewing
