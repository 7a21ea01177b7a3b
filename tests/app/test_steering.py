"""Start, pause, resume, abandon: nothing is lost, and nothing waits for ever."""

from typing import Any

import pytest
from sqlalchemy import select

from app.clock import rfc3339
from app.coordinator.tick import Coordinator
from app.settings import Settings
from app.store.tables import assignments
from tests.app.device_by_hand import put_items, update_body
from tests.app.round_world import TARGET, RoundWorld, Snapshot, small_rounds

HOLD_S = 3600.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings, hold_s_max=HOLD_S)


async def steer(world: RoundWorld, number: int, verb: str, **body: str) -> dict[str, Any]:
    answer = await world.server.post(f"/v1/rounds/{number}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found == (await world.server.get(f"/v1/rounds/{number}")).json()
    return found


async def scheduled_round(world: RoundWorld, **order: Any) -> int:
    """Abandon the open round, and have the next one wait for its start."""
    await world.server.post("/v1/rounds", json={"start": False, **order})
    await steer(world, (await world.round()).id, "abandon")
    await world.tick()
    stored = await world.round()
    assert stored.state.phase == "scheduled"
    return stored.id


class TestPause:
    async def test_in_the_midst_of_uploads_loses_none(self, world: RoundWorld) -> None:
        ada, bob, cyd = await world.enrol("ada", "bob", "cyd")
        await world.deliver(ada, 0)
        leases = [(await device.check_in())["assignment"] for device in (bob, cyd)]
        paused = await steer(world, 1, "pause", reason="upgrade")
        assert (paused["phase"], paused["held_phase"]) == ("paused", "selecting")
        assert paused["paused_at"] == rfc3339(world.clock.now)
        assert paused["hold_ends_at"] == rfc3339(world.clock.now + HOLD_S)
        assert paused["hold_reason"] == "upgrade"
        await world.tick(after_s=10.0)
        body = update_body(leases[0], 1)
        assert (await bob.put(leases[0]["upload_url"], body)).status_code == 201
        world.restart()
        await world.tick(after_s=500.0)  # long past the deadline, and past every lease
        assert (await world.round()).state.phase == "paused"
        assert (
            await cyd.put(leases[1]["upload_url"], update_body(leases[1], 2))
        ).status_code == 201
        resumed = await steer(world, 1, "resume")
        assert (resumed["phase"], resumed["accepted"]) == ("reducing", TARGET)
        await world.tick()
        shown = (await world.server.get("/v1/rounds/1")).json()
        assert (shown["phase"], shown["published_version"]) == ("published", 2)
        for device, lease in zip((bob, cyd), leases, strict=True):
            receipt = (await device.client.get(lease["upload_url"])).json()
            assert receipt["outcome"] == "counted"
        assert len(await world.counted()) == TARGET

    async def test_resuming_gives_the_time_back(self, world: RoundWorld) -> None:
        before = (await world.server.get("/v1/rounds/1")).json()
        await steer(world, 1, "pause")
        await world.tick(after_s=300.0)
        after = await steer(world, 1, "resume")
        opened_at = world.clock.now - 300.0
        assert before["deadline_at"] == rfc3339(opened_at + 60.0)
        assert after["deadline_at"] == rfc3339(opened_at + 60.0 + 300.0)
        assert (after["phase"], after["held_phase"], after["paused_at"]) == (
            "selecting",
            None,
            None,
        )
        assert after["hold_ends_at"] is None
        (ada,) = await world.enrol("ada")
        _, answer = await world.deliver(ada, 0)
        assert answer.status_code == 201

    @pytest.mark.parametrize("phase", ["reducing", "gating"])
    async def test_holds_the_coordinator_s_work(self, world: RoundWorld, phase: str) -> None:
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            await world.deliver(device, seed)
        for _ in range(2 if phase == "gating" else 0):  # its one part is summed, then merged
            await world.coordinator._advance()
        assert (await steer(world, 1, "pause"))["held_phase"] == phase
        await world.tick(after_s=300.0)
        assert (await world.round()).state.phase == "paused"
        await steer(world, 1, "resume")
        await world.tick()
        assert (await world.server.get("/v1/rounds/1")).json()["phase"] == "published"

    async def test_twice_changes_nothing(self, world: RoundWorld, snapshot: Snapshot) -> None:
        for verb in ("pause", "resume", "abandon"):
            first = await steer(world, 1, verb)
            before = await snapshot()
            world.clock.now += 1.0
            assert await steer(world, 1, verb, reason="another") == first
            assert await snapshot() == before

    async def test_a_hold_that_nobody_ends(self, world: RoundWorld) -> None:
        (ada,) = await world.enrol("ada")
        await world.deliver(ada, 0)
        await steer(world, 1, "pause")
        await world.tick(after_s=HOLD_S - 1.0)
        assert (await world.round()).state.phase == "paused"
        await world.tick(after_s=1.0)
        shown = (await world.server.get("/v1/rounds/1")).json()
        assert (shown["phase"], shown["reason"]) == ("abandoned", "hold_expired")
        assert world.update_blobs() == []
        assert (await world.round()).id == 2


class TestAbandon:
    async def test_deletes_the_updates(self, world: RoundWorld) -> None:
        ada, bob = await world.enrol("ada", "bob")
        await world.deliver(ada, 0)
        lease = (await bob.check_in())["assignment"]
        assert len(world.update_blobs()) == 1
        shown = await steer(world, 1, "abandon", reason="wrong_settings")
        assert (shown["phase"], shown["reason"]) == ("abandoned", "wrong_settings")
        assert shown["ended_at"] == rfc3339(world.clock.now)
        await world.tick()
        assert world.update_blobs() == []
        receipt = await self.receipt(world, ada)
        assert receipt["outcome"] == "discarded"
        late = await bob.put(lease["upload_url"], update_body(lease, 1))
        assert (late.status_code, late.json()["reason"]) == (410, "round_closed")
        assert (await world.round()).id == 2

    async def test_another_coordinator_deletes_them_as_well(self, world: RoundWorld) -> None:
        (ada,) = await world.enrol("ada")
        other = Coordinator(world.state, world.coordinator._hosted_rounds._rng)
        await other.tick()
        await world.deliver(ada, 0)
        await steer(world, 1, "abandon")
        # Dies between opening the next round and its sweep.
        await world.coordinator._advance()
        assert (await world.round()).id == 2
        assert len(world.update_blobs()) == 1
        await other.tick()
        assert world.update_blobs() == []

    async def test_of_a_held_round(self, world: RoundWorld) -> None:
        await steer(world, 1, "pause", reason="upgrade")
        shown = await steer(world, 1, "abandon")
        assert (shown["phase"], shown["reason"], shown["held_phase"]) == (
            "abandoned",
            "operator",
            None,
        )
        assert shown["hold_reason"] == "upgrade"

    @staticmethod
    async def receipt(world: RoundWorld, device: Any) -> dict[str, Any]:
        async with world.state["database"].read() as connection:
            mine = select(assignments.c.id).where(assignments.c.device_id == device.id)
            lease = (await connection.execute(mine)).scalar_one()
        found: dict[str, Any] = (await device.client.get(f"/v1/updates/{lease}")).json()
        return found


class TestStart:
    async def test_opens_a_scheduled_round(self, world: RoundWorld) -> None:
        number = await scheduled_round(world, deadline_s=90.0)
        shown = (await world.server.get(f"/v1/rounds/{number}")).json()
        assert (shown["opened_at"], shown["deadline_at"]) == (None, None)
        assert shown["hold_ends_at"] == rfc3339(world.clock.now + HOLD_S)
        await world.tick(after_s=1000.0)
        started = await steer(world, number, "start")
        assert started["opened_at"] == rfc3339(world.clock.now)
        assert started["deadline_at"] == rfc3339(world.clock.now + 90.0)
        assert started["hold_ends_at"] is None
        assert await steer(world, number, "start") == started
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            assert (await world.deliver(device, seed))[1].status_code == 201
        await world.tick()
        assert (await world.server.get(f"/v1/rounds/{number}")).json()["phase"] == "published"

    async def test_after_the_catalogue_moved_on(self, world: RoundWorld) -> None:
        number = await scheduled_round(world)
        await put_items(world.server, 3, first=12)
        await world.tick(after_s=1.0)
        await world.tick(after_s=1.0)
        assert (await world.server.get("/v1/models/current")).json()["kind"] == "catalogue"
        await steer(world, number, "start")
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            assignment = (await device.check_in())["assignment"]
            await device.download(assignment)
            body = update_body(assignment, seed)
            assert (await device.put(assignment["upload_url"], body)).status_code == 201
        await world.tick()
        assert (await world.server.get(f"/v1/rounds/{number}")).json()["phase"] == "published"

    async def test_a_scheduled_round_that_nobody_starts(self, world: RoundWorld) -> None:
        number = await scheduled_round(world)
        await world.tick(after_s=HOLD_S)
        shown = (await world.server.get(f"/v1/rounds/{number}")).json()
        assert (shown["phase"], shown["reason"]) == ("abandoned", "hold_expired")
        assert (await world.round()).id == number + 1

    async def test_a_held_one_is_resumed_first(self, world: RoundWorld) -> None:
        number = await scheduled_round(world)
        assert (await steer(world, number, "pause"))["held_phase"] == "scheduled"
        assert (await steer(world, number, "resume"))["phase"] == "scheduled"
        assert (await steer(world, number, "start"))["phase"] == "selecting"
