"""Drives rounds: opens them, lets leases and time run out, reduces, gates, publishes."""

import asyncio
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.secrets import signing_secret
from app.coordinator import repository
from app.coordinator.model import Model
from app.coordinator.newest_model import NewestModel
from app.coordinator.orders import wanted_round
from app.coordinator.planning import Planned, plan_round
from app.coordinator.publishing import open_round, publish_round
from app.coordinator.reducer import Reducer
from app.coordinator.reducing import is_sum_kept
from app.coordinator.round_version import ClosedRound, make_round_version
from app.coordinator.worker import Worker
from app.crash_points import crash_point
from app.rounds import views_repository
from app.rounds.known_content import plan_of
from app.rounds.leases_repository import mark_expired, overdue_leases
from app.rounds.repository import StoredRound, find_round, newest_round
from app.rounds.stepping import save_step, step_round
from app.wiring import State
from federation.round_engine import step
from federation.round_events import (
    Event,
    GateFailed,
    LeasesExpired,
    SumLost,
    TimePassed,
)
from federation.round_state import ENDED, GATHERING, SUM_LOST, RoundState

PAST_ROUNDS = 20
LEASES_PER_STEP = 500
# Leases last many seconds; looking for those that ran out costs a query.
LEASES_PERIOD_S = 1.0

log = structlog.get_logger()


class RoundDriver:
    """One step of the newest round per call; `ended` says that a round has ended since."""

    def __init__(self, state: State, newest: NewestModel, name: str | None = None) -> None:
        self._state = state
        self._database = state["database"]
        self._newest = newest
        self._secret = signing_secret(state["settings"])
        self._reducer = Reducer(state, name)
        self._worker = Worker(state, name)
        self._leases_looked_at = float("-inf")
        self._n_ended = 0
        self.ended = False

    async def advance(self, model: Model) -> bool:
        """One step; False when there is nothing to do now."""
        async with self._database.read() as connection:
            stored = await newest_round(connection)
        self._note_ended(stored)
        if stored is None or stored.state.phase in ENDED:
            return await self._open_next(model)
        if stored.state.phase in GATHERING and await self._expire_leases(stored):
            return True
        now = self._state["clock"]()
        # Asked of the engine first: a look that changes nothing costs no write.
        if step(stored.state, TimePassed(now))[0] != stored.state:
            crash_point("close_before_commit")
            await self._step(stored, TimePassed(now))
            crash_point("close_after_commit")
            return True
        if stored.state.phase == "reducing":
            return await self._reduce(stored)
        if stored.state.phase == "gating":
            return await self._gate(model, stored)
        return False

    def _note_ended(self, newest: StoredRound | None) -> None:
        """Rounds end elsewhere too: by an operator's hand, or another coordinator's."""
        n_ended = newest.id - (newest.state.phase not in ENDED) if newest else 0
        self.ended = self.ended or n_ended != self._n_ended
        self._n_ended = n_ended

    async def _open_next(self, model: Model) -> bool:
        rounds, now = self._state["settings"].rounds, self._state["clock"]()
        async with self._database.read() as connection:
            ended = await repository.last_ended(connection)
        rested = ended is None or now >= ended.ended_at + rounds.pause_s
        planned = await self._plan(model, (ended.id if ended else 0) + 1, rested)
        if planned is None:
            return False
        await open_round(self._database, planned, now)
        log.info("round_opened", round=planned.round_id, plan=planned.plan.digest)
        return True

    async def _plan(
        self, model: Model, round_id: int, rested: bool, closing: RoundState | None = None
    ) -> Planned | None:
        """The next round on `model`; None while none is wanted, or there is nothing to train."""
        async with self._database.read() as connection:
            wanted = await wanted_round(connection, self._state["settings"].rounds, rested)
            if wanted is None:
                return None
            head = await repository.catalogue_head(connection)
            past = [
                state for state, _ in await views_repository.recent_rounds(connection, PAST_ROUNDS)
            ]
        if head is None or model.live.size == 0:
            return None
        past = [closing, *past] if closing else past
        planned = await asyncio.to_thread(
            plan_round, self._state["blobs"], model, wanted.settings, round_id, head.row_key, past
        )
        return replace(planned, order=wanted.order)

    async def _expire_leases(self, stored: StoredRound) -> bool:
        now = self._state["clock"]()
        if now - self._leases_looked_at < LEASES_PERIOD_S:
            return False
        self._leases_looked_at = now
        async with self._database.read() as connection:
            if not await overdue_leases(connection, stored.id, now, limit=1):
                return False

        async def run(connection: AsyncConnection) -> None:
            held = await find_round(connection, stored.id, lock=True)
            assert held is not None, "rounds are never deleted"
            overdue = await overdue_leases(connection, stored.id, now, LEASES_PER_STEP)
            if held.state.phase in GATHERING and overdue:
                await mark_expired(connection, [lease.assignment_id for lease in overdue])
                carried = sum(lease.carried for lease in overdue)
                event = LeasesExpired(now, len(overdue) - carried, carried)
                job_updates = self._state["settings"].reduce_job_updates
                await save_step(connection, held, event, job_updates)

        await self._database.transaction("expire_leases", run)
        return True

    async def _reduce(self, stored: StoredRound) -> bool:
        """Sum one part, or merge them all; False while other workers hold what is left."""
        if await self._reducer.sum_one(stored.id):
            return True
        async with self._database.read() as connection:
            plan = await plan_of(connection, stored.plan_digest)
        event = await self._reducer.merge(stored.id, plan)
        if event is None:
            return False
        await self._step(stored, event)
        crash_point("reduce_after_commit")
        return True

    async def _gate(self, model: Model, stored: StoredRound) -> bool:
        """Make the candidate and publish it; False while another coordinator is at it."""
        job = await self._worker.take("gate", stored.id)
        if job is None:
            return False
        async with self._worker.holding(job):
            await self._make_version(model, stored)
        if not self.ended:  # its gate comes again, and need not wait for the end of this hold
            await self._worker.release(job)
        return True

    async def _make_version(self, model: Model, stored: StoredRound) -> None:
        closed = await self._closed(stored)
        crash_point("gate_before_candidate")
        found = await asyncio.to_thread(
            make_round_version, self._state["blobs"], model, closed, self._secret
        )
        crash_point("gate_after_candidate")
        if isinstance(found, str):
            await self._refuse(stored, found)
            return
        # Making it took a while, and a version without its evidence could never be rebuilt.
        if not await asyncio.to_thread(is_sum_kept, self._state["blobs"], closed.id, closed.sum):
            await self._refuse(stored, SUM_LOST)
            return
        rested = self._state["settings"].rounds.pause_s == 0
        following = await self._plan(found.candidate.model, stored.id + 1, rested, stored.state)
        now = self._state["clock"]()
        await publish_round(self._database, found.candidate, found.metrics, following, now)
        self._newest.published(found.candidate)
        self.ended = True

    async def _refuse(self, stored: StoredRound, reason: str) -> None:
        """There is no candidate: the round ends, unless its sum can be made once more."""
        now = self._state["clock"]()
        if reason == SUM_LOST:
            log.error("sum_lost", round=stored.id, times=stored.state.summed)
        event = SumLost(now) if reason == SUM_LOST else GateFailed(now, reason)
        await self._step(stored, event)

    async def _closed(self, stored: StoredRound) -> ClosedRound:
        assert stored.state.sum is not None, "a round in its gate has a sum"
        async with self._database.read() as connection:
            members = await repository.members(connection, stored.id)
            plan = await plan_of(connection, stored.plan_digest)
        return ClosedRound(stored.id, plan, members, stored.state.sum)

    async def _step(self, before: StoredRound, event: Event) -> None:
        after = await step_round(self._state, before.id, event)
        if after.phase != before.state.phase:
            log.info("round_moved", round=before.id, phase=after.phase, reason=after.reason)
        self.ended = self.ended or after.phase in ENDED
