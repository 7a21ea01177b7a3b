"""The coordinator's tick: look at what is stored, do the next thing, until nothing is left to do.

It keeps nothing that it could not read again: killed at any point, another one goes on.
"""

import time

import numpy as np
import structlog
from sqlalchemy.exc import DBAPIError

from app.coordinator import repository
from app.coordinator.catalogue_follower import CatalogueFollower
from app.coordinator.hosted_rounds import HostedRounds
from app.coordinator.hosted_towers import HostedTowers
from app.coordinator.live_model import LiveModel
from app.coordinator.newest_model import NewestModel
from app.coordinator.publishing import SupersededError
from app.coordinator.round_driver import RoundDriver
from app.coordinator.sweeping import sweep
from app.coordinator.version_driver import VersionDriver
from app.store.outage import is_no_room
from app.users.expiry import expire
from app.wiring import State

# From the close of one round over its reduction and gate to the next one's opening, perhaps with a
# catalogue version in between. A tick ends after so many steps even if more is to be done.
STEPS_MAX = 8
SWEEP_PERIOD_S = 60.0

# Days are what counts here.
EXPIRY_PERIOD_S = 600.0

log = structlog.get_logger()


class Coordinator:
    """Drives versions and rounds over the stores of `state`.

    rng: draws the training and adaptation of hosted users. name: of a coordinator that is known to
    be dead, and whose jobs this one takes over at once.
    """

    def __init__(self, state: State, rng: np.random.Generator, name: str | None = None) -> None:
        self._state = state
        self._newest = NewestModel(state)
        self._live = LiveModel(state, self._newest)
        self._catalogue = CatalogueFollower(state, self._newest, self._live)
        self._versions = VersionDriver(state, self._newest, self._live)
        self._rounds = RoundDriver(state, self._newest, name)
        self._hosted_rounds = HostedRounds(state, rng)
        self._hosted_towers = HostedTowers(state)
        self._swept_at = float("-inf")
        self._expired_at = float("-inf")

    async def tick(self) -> None:
        """Do all that is due now, then a bounded share of the hosted users' work.

        A disk that has no room left is swept at once, so that the next tick finds some.
        """
        try:
            await self._work()
        except (OSError, DBAPIError) as error:
            if is_no_room(error):
                log.error("store_full", error=str(error))
                await sweep(self._state, time.time(), is_full=True)
            raise

    async def _work(self) -> None:
        for _ in range(STEPS_MAX):
            try:
                if not await self._advance():
                    break
            except SupersededError as error:
                log.info("superseded", reason=str(error))
                break
        await self._sweep()
        await self._expire()
        if self._newest.recent:
            await self._hosted_rounds.take_part()
            await self._adapt()

    async def _expire(self) -> None:
        """Now and then, and on as long as there is something."""
        now = self._state["clock"]()
        if now - self._expired_at < EXPIRY_PERIOD_S:
            return
        found = await expire(self._state)
        if found.events or found.codes:
            log.info("expired", events=found.events, codes=found.codes)
        if not found.more:
            self._expired_at = now

    async def _adapt(self) -> None:
        """Hosted users are ranked with the version that serves: their towers are fitted to that."""
        if self._versions.serving is not None:
            await self._hosted_towers.adapt_some(await self._live.get(self._versions.serving))

    async def _advance(self) -> bool:
        async with self._state["database"].read() as connection:
            heads = await repository.heads(connection)
        model = await self._newest.get(heads.version)
        # Before anything is made from the newest version: it may be about to be rejected.
        if model is not None and await self._versions.advance(model):
            self._rounds.ended = True
            return True
        if await self._catalogue.follow(model, heads.catalogue):
            return True
        return model is not None and await self._rounds.advance(model)

    async def _sweep(self) -> None:
        """At the start, when a round has ended, and now and then.

        A predecessor may have died over it, and what was too young to go grows old in silence.
        """
        now = self._state["clock"]()
        if now - self._swept_at < SWEEP_PERIOD_S and not self._rounds.ended:
            return
        await sweep(self._state, time.time())
        self._swept_at, self._rounds.ended = now, False
