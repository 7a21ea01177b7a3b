"""Adapts the towers of hosted users when their history or the model has moved."""

import asyncio

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.connection import CacheDown
from app.cache.user_codec import Stamp
from app.coordinator import hosted_repository as repository
from app.coordinator.hosted_history import EVENTS_MIN, history_of
from app.coordinator.hosted_repository import StaleTower
from app.coordinator.model import Model
from app.models.tower_bytes import encode_tower
from app.wiring import State
from recsys.adaptation import AdaptationSettings, adapt

ADAPTED_PER_TICK = 8
LOOK_PERIOD_S = 1.0


class HostedTowers:
    """Writes `user_towers`; API workers only read them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._looked_at = float("-inf")

    async def adapt_some(self, model: Model) -> None:
        """Adapt the next few users whose tower is out of date."""
        now = self._state["clock"]()
        if now - self._looked_at < LOOK_PERIOD_S:
            return
        async with self._state["database"].read() as connection:
            stale = await repository.stale_towers(
                connection, model.version, EVENTS_MIN, ADAPTED_PER_TICK
            )
        # While there are more, the next tick goes on; else a while may pass before the next look.
        self._looked_at = now if len(stale) < ADAPTED_PER_TICK else float("-inf")
        for user in stale:
            await self._adapt(model, user)

    async def _adapt(self, model: Model, user: StaleTower) -> None:
        scalars = model.state.scalars
        async with self._state["database"].read() as connection:
            stored = await repository.history(connection, user.user_id, scalars.history_length)
        live = np.zeros(model.table.n_rows, bool)
        live[model.live] = True
        known = history_of(stored, model.event_types, np.arange(model.table.n_rows))
        settings = AdaptationSettings()
        tower = await asyncio.to_thread(adapt, model.table, scalars, known, live, settings)
        body, now = encode_tower(tower), self._state["clock"]()

        async def run(connection: AsyncConnection) -> bool:
            return await repository.store_tower(connection, user, model.version, body, now)

        if await self._state["database"].transaction("store_tower", run):
            await self._outdate(user)

    async def _outdate(self, user: StaleTower) -> None:
        """Keep the state that the cache holds, with the tower before, from being read again."""
        states = self._state["user_states"]
        states.remember_dirty(user.user_id, Stamp(user.created_at, user.state_revision + 1))
        try:
            await states.get(user.user_id)
        except CacheDown:
            return  # settled when the cache is back
