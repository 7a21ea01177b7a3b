"""The coordinator's tick: rounds from opening to publication."""

from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from app.coordinator.reducing import sum_name
from app.models.tower_bytes import decode_tower
from app.settings import Settings
from app.store.tables import assignments, devices, rounds, user_towers, users
from app.wiring import State
from federation.plan import Plan
from federation.staleness import StaleSums
from federation.update_codec import decode
from tests.app.conftest import FakeClock
from tests.app.coordinated import check_chain, count, current, fill_round, stored_versions
from tests.app.device_by_hand import Connect, put_items, put_user
from tests.app.round_world import QUORUM, TARGET, RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
def world(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> RoundWorld:
    return RoundWorld(state, clock, client, connect)


class TestRound:
    async def test_published_sum_is_the_sum_of_the_members(self, world: RoundWorld) -> None:
        await world.begin()
        before = await current(world)
        bodies = await fill_round(world)
        stored = await world.round()
        await world.tick()
        plan = Plan.from_json(await plan_bytes(world, stored.plan_digest))
        words = [decode(body, plan.digest, plan.n_words) for body in bodies]
        body = world.state["blobs"].get("sums", sum_name(stored.id))
        assert body is not None
        expected = sum(np.asarray(one, np.int64) for one in words)
        assert np.array_equal(StaleSums.from_bytes(body, plan.n_words).fresh.result, expected)
        after = await current(world)
        assert after.version == before.version + 1
        assert not np.array_equal(after.table.target, before.table.target)
        shown = (await world.server.get(f"/v1/rounds/{stored.id}")).json()
        assert (shown["phase"], shown["published_version"]) == ("published", after.version)
        measured = {"n": 3, "loss": 2.5, "hits_at_10": 1.0, "loss_squared": 6.25}
        assert shown["metrics"] == pytest.approx(measured, rel=1e-4)
        assert world.update_blobs() == []
        assert (await world.round()).id == stored.id + 1
        await check_chain(world)

    async def test_receipt_says_what_became_of_it(self, world: RoundWorld) -> None:
        await world.begin()
        ada, bob, cyd = await world.enrol("ada", "bob", "cyd")
        for seed, device in enumerate((ada, bob)):
            await world.deliver(device, seed)
        url = (await cyd.check_in())["assignment"]["upload_url"]
        await world.tick(after_s=61.0)
        assert (await cyd.client.get(url)).status_code == 404
        assert (await stored_versions(world))[-1].kind == "round"
        (outcome,) = {await outcome_of(world, device) for device in (ada, bob)}
        assert outcome == "counted"

    async def test_quorum_at_the_deadline(self, world: RoundWorld) -> None:
        await world.begin()
        for seed, device in enumerate(await world.enrol("ada", "bob")):
            await world.deliver(device, seed)
        await world.tick(after_s=59.0 - 1.0)
        assert (await world.round()).id == 1
        await world.tick(after_s=2.0)
        assert [version.kind for version in await stored_versions(world)] == ["genesis", "round"]
        assert QUORUM == 2

    async def test_below_quorum_is_abandoned_and_the_next_one_opens(
        self, world: RoundWorld
    ) -> None:
        await world.begin()
        (ada,) = await world.enrol("ada")
        await world.deliver(ada, 0)
        await world.tick(after_s=61.0)
        assert len(await stored_versions(world)) == 1
        assert world.update_blobs() == []
        stored = await world.round()
        assert (stored.id, stored.state.phase, stored.state.accepted) == (2, "selecting", 0)
        assert await outcome_of(world, ada) == "discarded"

    async def test_expired_leases_are_given_to_others(self, world: RoundWorld) -> None:
        await world.begin()
        n = (await world.round()).state.invitations
        silent = await world.enrol(*(f"silent-{i}" for i in range(n)))
        for device in silent:
            assert (await device.check_in())["assignment"]
        (late,) = await world.enrol("late")
        assert (await late.check_in())["assignment"] is None
        await world.tick(after_s=21.0)
        assert (await world.round()).state.expired == n
        assert (await late.check_in())["assignment"]
        assert (await silent[0].check_in())["assignment"] is None

    async def test_drop_outs_make_the_next_round_invite_more(self, world: RoundWorld) -> None:
        await world.begin()
        n = (await world.round()).state.invitations
        for device in await world.enrol(*(f"silent-{i}" for i in range(n))):
            await device.check_in()
        await world.tick(after_s=21.0)
        await world.tick(after_s=60.0)
        assert (await world.round()).state.invitations > n

    async def test_rounds_can_be_switched_off(self, world: RoundWorld) -> None:
        world.state = {  # type: ignore[typeddict-item]
            **world.state,
            "settings": small_rounds(world.state["settings"], enabled=False),
        }
        world.restart()
        await put_items(world.server, 3)
        await world.tick()
        await world.tick(after_s=1.0)
        assert len(await stored_versions(world)) == 1
        assert await count(world, rounds) == 0

    async def test_pause_between_rounds(self, world: RoundWorld) -> None:
        world.state = {  # type: ignore[typeddict-item]
            **world.state,
            "settings": small_rounds(world.state["settings"], pause_s=30.0),
        }
        world.restart()
        await world.begin()
        await fill_round(world)
        await world.tick()
        await world.tick(after_s=29.0)
        assert (await world.round()).state.phase == "published"
        await world.tick(after_s=2.0)
        assert (await world.round()).state.phase == "selecting"


async def plan_bytes(world: RoundWorld, digest: str) -> bytes:
    from app.rounds.repository import plan_body

    async with world.state["database"].read() as connection:
        return await plan_body(connection, digest)


async def outcome_of(world: RoundWorld, device: Any) -> str:
    async with world.state["database"].read() as connection:
        mine = assignments.c.device_id == device.id
        ids = (await connection.execute(select(assignments.c.id).where(mine))).scalars().all()
    return str((await device.client.get(f"/v1/updates/{ids[0]}")).json()["outcome"])


class TestHostedUsers:
    async def test_take_part_and_get_a_tower(self, world: RoundWorld) -> None:
        await world.begin()
        for n in range(TARGET):
            await put_user(world.server, f"hosted-{n}", "hosted")
            for i in range(6):
                event = {"event_id": f"e{i}", "type": "view", "item_id": f"item-{(n + i) % 12}"}
                answer = await world.server.post(
                    "/v1/events", json=event | {"user_id": f"hosted-{n}"}
                )
                assert answer.status_code < 300, answer.text
        for _ in range(4):
            await world.tick(after_s=6.0)
        kinds = [version.kind for version in await stored_versions(world)]
        assert kinds[:2] == ["genesis", "round"]
        assert await count(world, devices) == TARGET
        metrics = (await world.server.get("/v1/rounds/1")).json()["metrics"]
        assert metrics["n"] == TARGET
        async with world.state["database"].read() as connection:
            towers = list(await connection.execute(select(user_towers)))
            revisions = dict(
                tuple(row)
                for row in await connection.execute(select(users.c.id, users.c.state_revision))
            )
        assert len(towers) == TARGET
        for row in towers:
            assert decode_tower(row.tower).residual.shape == (8,)
            assert row.state_revision == revisions[row.user_id]
        before = [(row.user_id, row.model_version) for row in towers]
        assert {version for _, version in before} <= set(range(1, len(kinds) + 1))

    async def test_virtual_devices_have_no_token(self, world: RoundWorld) -> None:
        await self.test_take_part_and_get_a_tower(world)
        async with world.state["database"].read() as connection:
            device_id = (await connection.execute(select(devices.c.id))).scalars().first()
        answer = await world.connect(None).post(
            f"/v1/devices/{device_id}/tokens", json={"proof": "a.b.c"}
        )
        assert answer.status_code == 401
