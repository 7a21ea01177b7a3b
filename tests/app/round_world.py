"""Tests with rounds: small cohorts, a catalogue, a coordinator that is ticked by hand."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import numpy as np
from sqlalchemy import select

from app.coordinator.tick import Coordinator
from app.rounds.repository import StoredRound, newest_round, plan_body
from app.settings import RoundSettings, Settings
from app.store.tables import updates
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, HandDevice, enrol, put_items, update_body

Snapshot = Callable[[], Awaitable[str]]
TARGET, QUORUM = 3, 2


def small_rounds(settings: Settings, **changes: object) -> Settings:
    """The settings with rounds that a handful of devices can fill."""
    rounds = RoundSettings(
        cohort_target=TARGET, cohort_min=QUORUM, deadline_s=60.0, lease_s=20.0, block_rows=64
    )
    return settings.model_copy(update={"rounds": rounds.model_copy(update=changes)})


class RoundWorld:
    """A service with a catalogue; its coordinator can be thrown away and started again."""

    def __init__(
        self, state: State, clock: FakeClock, server: httpx.AsyncClient, connect: Connect
    ) -> None:
        self.state, self.clock, self.server, self.connect = state, clock, server, connect
        self.restart()

    def restart(self) -> None:
        """Another coordinator: the one before has forgotten everything."""
        self.coordinator = Coordinator(self.state, np.random.default_rng(0))

    async def tick(self, after_s: float = 0.0) -> None:
        self.clock.now += after_s
        await self.coordinator.tick()

    async def begin(self, n_items: int = 12) -> None:
        """Put a catalogue, publish the genesis, open the first round."""
        await put_items(self.server, n_items)
        await self.tick()
        await self.tick(after_s=1.0)

    async def enrol(self, *names: str) -> list[HandDevice]:
        return [await enrol(self.server, self.connect, name) for name in names]

    async def deliver(self, device: HandDevice, seed: int) -> tuple[bytes, httpx.Response]:
        """Check in, and upload an update."""
        assignment = (await device.check_in())["assignment"]
        assert assignment is not None
        body = update_body(assignment, seed)
        return body, await device.put(assignment["upload_url"], body)

    async def round(self) -> StoredRound:
        async with self.state["database"].read() as connection:
            stored = await newest_round(connection)
        assert stored is not None
        return stored

    async def state_of(self, round_id: int) -> dict[str, Any]:
        """A round as operators see it, with its plan."""
        shown = (await self.server.get(f"/v1/rounds/{round_id}")).json()
        async with self.state["database"].read() as connection:
            body = await plan_body(connection, shown["plan_digest"])
        return shown | {"plan": json.loads(body)}

    async def counted(self) -> list[str]:
        """Body digests of accepted updates."""
        async with self.state["database"].read() as connection:
            return sorted((await connection.execute(select(updates.c.body_digest))).scalars())

    def update_blobs(self) -> list[str]:
        return self.state["blobs"].names("updates")
