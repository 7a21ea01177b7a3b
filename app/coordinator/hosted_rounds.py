"""Hosted users take part in rounds: the same check-in, training and upload as a device's.

The coordinator holds their histories, so it plays their devices: in process, a few per tick, so
that real devices get their share of every round.
"""

import asyncio

import numpy as np
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import hosted_repository as repository
from app.coordinator.hosted_history import EVENTS_MIN, history_of
from app.coordinator.update_words import update_words
from app.errors import Problem
from app.models.bundle import FOLDER as BUNDLES
from app.models.bundle import Bundle, decode_bundle
from app.rounds import offers, service, uploads
from app.rounds.granting import Work
from app.rounds.repository import newest_round
from app.wiring import State
from federation.canonical import digest
from federation.plan import Plan
from federation.update_codec import encode
from recsys.draws import draw_seeds
from recsys.history import History
from recsys.local_training import LocalSettings

TRAINED_PER_TICK = 16
# Users who got a history since are looked for at most this often within a round.
LIST_PERIOD_S = 5.0

log = structlog.get_logger()


class HostedRounds:
    """The virtual devices of hosted users. rng: draws their turns and their training."""

    def __init__(self, state: State, rng: np.random.Generator) -> None:
        self._state = state
        self._rng = rng
        self._bundles: dict[str, Bundle] = {}
        self._round_id: int | None = None
        self._waiting: list[str] = []
        self._listed_at = float("-inf")
        self._nobody = False

    async def take_part(self) -> None:
        """The next few users, if a round invites."""
        if self._nobody and self._state["clock"]() - self._listed_at < LIST_PERIOD_S:
            return
        async with self._state["database"].read() as connection:
            stored = await newest_round(connection)
        if stored is None or stored.state.phase != "selecting":
            return
        await self._list(stored.id)
        for _ in range(min(TRAINED_PER_TICK, len(self._waiting))):
            user_id = self._waiting.pop()
            try:
                await self._turn(user_id)
            except Problem as problem:
                # The user left `hosted`, or the round closed in between: neither is a mistake.
                log.info("hosted_turn_refused", reason=problem.reason)

    async def _list(self, round_id: int) -> None:
        """Draw the users' turns, anew for every round."""
        now = self._state["clock"]()
        is_new = round_id != self._round_id
        if not is_new and (self._waiting or now - self._listed_at < LIST_PERIOD_S):
            return
        async with self._state["database"].read() as connection:
            found = await repository.users_to_train(connection, round_id, EVENTS_MIN)
        self._waiting = [found[i] for i in self._rng.permutation(len(found))]
        self._round_id, self._listed_at = round_id, now
        # A new round and nobody to train in it: there are no hosted users with a history.
        self._nobody = is_new and not found

    async def _turn(self, user_id: str) -> None:
        device_id = await self._device(user_id)
        found = await service.check_in(self._state, device_id)
        if found.work is None:
            return
        body = await self._train(user_id, found.work)
        offer = await offers.find_offer(self._state, device_id, found.work.assignment.id)
        await uploads.accept_update(self._state, device_id, offer, body, digest(body))

    async def _device(self, user_id: str) -> str:
        async with self._state["database"].read() as connection:
            known = await repository.virtual_device(connection, user_id)
        if known is not None:
            return known
        device_id, now = self._state["new_id"](), self._state["clock"]()

        async def run(connection: AsyncConnection) -> str:
            return await repository.add_virtual_device(connection, device_id, user_id, now)

        return await self._state["database"].transaction("add_virtual_device", run)

    async def _train(self, user_id: str, work: Work) -> bytes:
        bundle = await self._bundle(work.plan)
        async with self._state["database"].read() as connection:
            stored = await repository.history(connection, user_id, bundle.scalars.history_length)
        known = history_of(stored, bundle.event_types, bundle.rows)
        return await asyncio.to_thread(train_update, bundle, known, work.plan, self._rng)

    async def _bundle(self, plan: Plan) -> Bundle:
        if plan.bundle not in self._bundles:
            body = await asyncio.to_thread(self._state["blobs"].get, BUNDLES, plan.bundle)
            assert body is not None, "an open round's bundle is never deleted"
            self._bundles = {plan.bundle: decode_bundle(body)}
        return self._bundles[plan.bundle]


def train_update(bundle: Bundle, known: History, plan: Plan, rng: np.random.Generator) -> bytes:
    """What a device with this history uploads. known: positions in the bundle's rows."""
    seeds = draw_seeds(rng, LocalSettings.from_mapping(plan.training).local_steps)
    return encode(plan.digest, update_words(plan, bundle, known, seeds))
