"""Decides which version serves: promotes or rejects those that wait, fulfils orders to go back."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import standing_repository as repository
from app.coordinator.candidate import Candidate
from app.coordinator.catalogue_follower import read_today
from app.coordinator.catalogue_versions import make_version_today
from app.coordinator.live_model import LiveModel, read_version
from app.coordinator.model import Model, ModelLostError
from app.coordinator.newest_model import NewestModel
from app.coordinator.rollback_versions import make_row_rollback
from app.coordinator.standing import (
    NEVER_MEASURED,
    promote,
    publish_live,
    publish_rejection,
    publish_rollback,
    verdict_row,
)
from app.coordinator.standing_repository import Cohort, Line
from app.models import orders_repository as orders
from app.models.orders_repository import Order
from app.models.served_model import ModelUnreadableError
from app.wiring import State
from federation.promotion import Measurement, Verdict, judge

VERSION_RETIRED = "version_retired"
ITEM_NOT_IN_VERSION = "item_not_in_version"
ITEM_GONE = "item_gone"

log = structlog.get_logger()


class VersionDriver:
    """One decision per call; `serving` is the version that served at the last look."""

    def __init__(self, state: State, newest: NewestModel, live: LiveModel) -> None:
        self._state = state
        self._database = state["database"]
        self._newest = newest
        self._live = live
        self.serving: int | None = None

    async def advance(self, newest: Model) -> bool:
        """One decision; False when there is none to make now. newest: the newest version."""
        async with self._database.read() as connection:
            found = await repository.standings(connection)
            order = await orders.oldest_open_order(connection)
        if found is None:
            return False
        self.serving = found.live
        for line in found.lines:
            if await self._decide(line, found.live, newest):
                return True
        if order is not None:
            await self._fulfil(order, found.live, newest)
        return order is not None

    async def _decide(self, line: Line, live: int, newest: Model) -> bool:
        """Promote or reject one line, if its cohort has come or its time has passed."""
        now = self._state["clock"]()
        async with self._database.read() as connection:
            measured = await repository.cohorts(connection, line.origin)
            if measured:
                origin = await repository.origin_of(connection, live)
                reference = await repository.cohorts(connection, origin)
        if measured:
            ours, theirs = _measurement(measured), _measurement(reference)
            verdict = judge(ours, theirs)
            row = verdict_row(verdict, ours.n if ours else 0, theirs.n if theirs else 0)
        elif now - line.since >= self._state["settings"].live_after_s:
            verdict = Verdict(NEVER_MEASURED)
            row = verdict_row(verdict)
        else:
            return False
        log.info("version_decided", version=line.newest, **row)
        if not verdict.is_worse:
            await promote(self._database, line, live, row, now)
            return True
        candidate = await self._rollback(await self._live.get(live), newest)
        await publish_rejection(self._database, line, row, candidate, live, now)
        self._newest.published(candidate)
        return True

    async def _rollback(self, target: Model, newest: Model) -> Candidate:
        """A version with all that `target` had, over today's catalogue."""
        today = await read_today(self._database, target.catalogue.revision, newest.event_types)
        return await asyncio.to_thread(
            make_version_today, self._state["blobs"], "rollback", newest, target, today
        )

    async def _fulfil(self, order: Order, live: int, newest: Model) -> None:
        """Publish what the order asks for, or note why that cannot be."""
        keep = self._state["settings"].rankable_versions
        async with self._database.read() as connection:
            reachable = await orders.is_reachable(connection, order.version, keep)
        try:
            target = await read_version(self._state, order.version)
        except (ModelLostError, ModelUnreadableError):
            target = None
        if target is None or not reachable:
            await self._refuse(order, VERSION_RETIRED)
        elif order.row is None:
            candidate = await self._rollback(target, newest)
            now = self._state["clock"]()
            await publish_rollback(self._database, candidate, live, order.id, now)
            self._newest.published(candidate)
        else:
            await self._restore_row(order, order.row, target, live, newest)

    async def _restore_row(
        self, order: Order, row: int, source: Model, live: int, newest: Model
    ) -> None:
        """Take one row back where it is served and, if that is another version, where trained."""
        reason = _why_not(order, row, source, newest)
        if reason is not None:
            await self._refuse(order, reason)
            return
        bases = [await self._live.get(live)]
        if live != newest.version:
            bases.append(newest)
        candidates: list[Candidate] = []
        for base in bases:
            parent = candidates[-1].model if candidates else newest
            candidates.append(
                await asyncio.to_thread(
                    make_row_rollback, self._state["blobs"], parent, base, source, row
                )
            )
        now = self._state["clock"]()
        await publish_live(self._database, candidates, live, now, order.id)
        for candidate in candidates:
            self._newest.published(candidate)

    async def _refuse(self, order: Order, reason: str) -> None:
        now = self._state["clock"]()

        async def run(connection: AsyncConnection) -> None:
            await orders.refuse(connection, order.id, reason, now)

        await self._database.transaction("refuse_order", run)
        log.info("order_refused", order=order.id, reason=reason)


def _why_not(order: Order, row: int, source: Model, newest: Model) -> str | None:
    """Why the order's row cannot be taken from `source`; None if it can."""
    if (row, order.item_id) not in source.catalogue.rows:
        return ITEM_NOT_IN_VERSION
    return None if (row, order.item_id) in newest.catalogue.rows else ITEM_GONE


def _measurement(cohorts: list[Cohort]) -> Measurement | None:
    """The newest of the measurements of one origin; None if nobody measured."""
    for cohort in cohorts:
        if cohort.metrics is not None:
            found = cohort.metrics
            return Measurement(
                found["n"], found["loss"], found["loss_squared"], max(1, cohort.n_block)
            )
    return None
