"""Buffered rounds over the stores: leases that outlive their round, staleness, one count each."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from app.coordinator.reducing import sum_name
from app.coordinator.sweeping import sweep
from app.rounds.uploads import blob_name
from app.settings import Settings
from app.store.blobs import digest_of
from app.store.tables import assignments, updates
from federation.plan import Plan
from federation.staleness import StaleSums
from tests.app.device_by_hand import HandDevice, put_items, update_body
from tests.app.round_world import RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    buffered = {"max_staleness": 1, "concurrency": 4, "cohort_target": 2, "cohort_min": 1}
    return small_rounds(settings, **buffered)


async def assigned(device: HandDevice) -> dict[str, Any]:
    found: dict[str, Any] = (await device.check_in())["assignment"]
    assert found is not None
    return found


async def turn_over(world: RoundWorld, *devices: HandDevice, first_seed: int = 0) -> None:
    """Fill the open buffer by these two devices, and publish it."""
    for seed, device in enumerate(devices, first_seed):
        _, answer = await world.deliver(device, seed)
        assert answer.status_code == 201, answer.text
    await world.tick()


async def counted(world: RoundWorld, round_id: int) -> list[tuple[int, int]]:
    """(position, staleness) of the updates in a round's sum."""
    columns = (updates.c.position, updates.c.staleness)
    query = select(*columns).where(updates.c.round_id == round_id).order_by(updates.c.position)
    async with world.state["database"].read() as connection:
        return [(row[0], row[1]) for row in await connection.execute(query)]


class TestRefusals:
    async def test_too_stale(self, world: RoundWorld) -> None:
        slow, *others = await world.enrol("slow", "ada", "bob", "cyd", "dan")
        assignment = await assigned(slow)
        body = update_body(assignment, 9)
        await turn_over(world, others[0], others[1])
        await turn_over(world, others[2], others[3])
        answer = await slow.put(assignment["upload_url"], body)
        assert (answer.status_code, answer.json()["reason"]) == (410, "stale_update")
        assert (await slow.check_in())["assignment"]["id"] != assignment["id"]

    async def test_another_block(self, world: RoundWorld) -> None:
        slow, ada, bob = await world.enrol("slow", "ada", "bob")
        assignment = await assigned(slow)
        await put_items(world.server, 2, first=12)
        await world.tick()
        await world.tick(after_s=1.0)
        await turn_over(world, ada, bob)
        answer = await slow.put(assignment["upload_url"], update_body(assignment, 9))
        assert (answer.status_code, answer.json()["reason"]) == (410, "stale_update")

    async def test_between_two_buffers_the_same_bytes_come_again(self, world: RoundWorld) -> None:
        slow, ada, bob = await world.enrol("slow", "ada", "bob")
        assignment = await assigned(slow)
        body = update_body(assignment, 9)
        for seed, device in enumerate((ada, bob)):
            await world.deliver(device, seed)
        answer = await slow.put(assignment["upload_url"], body)
        assert (answer.status_code, answer.json()["reason"]) == (503, "buffer_closed")
        assert answer.headers["retry-after"] == "1"
        await world.tick()
        assert (await slow.put(assignment["upload_url"], body)).status_code == 201

    async def test_an_account_that_still_trains_gets_no_second_lease(
        self, world: RoundWorld
    ) -> None:
        slow, ada, bob, other = await world.enrol("slow", "ada", "bob", "slow")
        first = await assigned(slow)
        await turn_over(world, ada, bob)
        assert (await assigned(slow))["id"] == first["id"]
        waiting = await other.check_in()
        assert waiting["assignment"] is None
        assert waiting["retry"]["reason"] == "took_part"

    async def test_an_expired_lease_is_not_taken_over(self, world: RoundWorld) -> None:
        slow, ada, bob = await world.enrol("slow", "ada", "bob")
        assignment = await assigned(slow)
        await world.tick(after_s=21.0)
        await turn_over(world, ada, bob)
        answer = await slow.put(assignment["upload_url"], update_body(assignment, 9))
        assert (answer.status_code, answer.json()["reason"]) == (410, "assignment_expired")


async def update_on_its_way(world: RoundWorld) -> tuple[HandDevice, str, bytes, str]:
    """A device with the address and the bytes of its update, whose blob of that name is stored, and
    which its round, near the deadline, has not taken yet."""
    (slow,) = await world.enrol("slow")
    await world.tick(after_s=55.0)
    assignment = await assigned(slow)
    body = update_body(assignment, 1)
    name = blob_name(assignment["id"], digest_of(body))
    world.state["blobs"].put("updates", name, body)
    return slow, assignment["upload_url"], body, name


class TestLateUpdates:
    async def test_counts_in_the_next_buffer_as_stale_as_the_server_says(
        self, world: RoundWorld
    ) -> None:
        slow, ada, bob, cyd = await world.enrol("slow", "ada", "bob", "cyd")
        assignment = await assigned(slow)
        body = update_body(assignment, 9)
        await turn_over(world, ada, bob)
        state = (await world.round()).state
        assert (state.round_id, state.carried) == (2, 1)
        receipt = (await slow.put(assignment["upload_url"], body)).json()
        assert (receipt["round"], receipt["staleness"]) == (2, 1)
        assert receipt["plan_digest"] == assignment["plan_digest"]
        again = await slow.put(assignment["upload_url"], body)
        assert (again.status_code, again.json()) == (200, receipt)
        fresh = await assigned(cyd)
        await cyd.put(fresh["upload_url"], update_body(fresh, 3))
        await world.tick()
        assert await counted(world, 2) == [(0, 1), (1, 0)]
        plan = Plan.from_mapping(fresh["plan"])
        body = world.state["blobs"].get("sums", sum_name(2)) or b""
        assert StaleSums.from_bytes(body, plan.n_words).counts == {0: 1, 1: 1}
        assert (await slow.client.get(assignment["upload_url"])).json()["outcome"] == "counted"

    async def test_metrics_are_those_of_the_fresh(self, world: RoundWorld) -> None:
        slow, ada, bob, cyd = await world.enrol("slow", "ada", "bob", "cyd")
        assignment = await assigned(slow)
        await turn_over(world, ada, bob)
        await slow.put(assignment["upload_url"], update_body(assignment, 9))
        fresh = await assigned(cyd)
        await cyd.put(fresh["upload_url"], update_body(fresh, 3))
        await world.tick()
        shown = (await world.server.get("/v1/rounds/2")).json()
        assert (shown["phase"], shown["accepted"], shown["metrics"]["n"]) == ("published", 2, 1)

    async def test_leases_make_room_as_they_deliver(self, world: RoundWorld) -> None:
        devices = await world.enrol(*(f"user-{i}" for i in range(6)))
        held = [await assigned(device) for device in devices[:4]]
        assert (await devices[4].check_in())["retry"]["reason"] == "round_full"
        await devices[0].put(held[0]["upload_url"], update_body(held[0], 0))
        assert (await devices[4].check_in())["assignment"] is not None
        assert (await devices[5].check_in())["assignment"] is None

    async def test_leases_survive_an_abandoned_round(self, world: RoundWorld) -> None:
        (slow,) = await world.enrol("slow")
        await world.tick(after_s=55.0)
        assignment = await assigned(slow)
        await world.tick(after_s=6.0)
        stored = await world.round()
        assert (stored.id, stored.state.carried) == (2, 1)
        receipt = (await slow.put(assignment["upload_url"], update_body(assignment, 1))).json()
        assert (receipt["round"], receipt["staleness"]) == (2, 0)

    async def test_an_update_on_its_way_outlives_a_pause_between_rounds(
        self, world: RoundWorld
    ) -> None:
        slow, url, body, name = await update_on_its_way(world)
        answer = await world.server.put("/v1/rounds/schedule", json={"automatic": False})
        assert answer.status_code == 200, answer.text
        await world.tick(after_s=6.0)
        assert (await world.round()).state.phase == "abandoned"
        assert world.update_blobs() == [name]
        await world.server.put("/v1/rounds/schedule", json={"automatic": True})
        await world.tick()
        assert (await slow.put(url, body)).status_code == 201

    async def test_an_update_on_its_way_outlives_a_round_that_waits_to_be_started(
        self, world: RoundWorld
    ) -> None:
        """The next round is there, and has not taken the lease over yet."""
        *_, name = await update_on_its_way(world)
        await world.server.put("/v1/rounds/schedule", json={"automatic": False})
        await world.tick(after_s=6.0)
        ordered = await world.server.post("/v1/rounds", json={"start": False})
        assert ordered.status_code == 202, ordered.text
        await world.tick()
        assert (await world.round()).state.phase == "scheduled"
        await sweep(world.state, time.time())
        assert world.update_blobs() == [name]

    async def test_the_bundle_of_a_lease_stays(self, world: RoundWorld) -> None:
        slow, ada, bob = await world.enrol("slow", "ada", "bob")
        assignment = await assigned(slow)
        await turn_over(world, ada, bob)
        assert (await slow.client.get(assignment["bundle_url"])).status_code == 200

    async def test_every_lease_counts_in_one_round(self, world: RoundWorld) -> None:
        names = [f"user-{i}" for i in range(7)]
        slow, *others = await world.enrol(*names)
        await assigned(slow)
        for n in range(3):
            await turn_over(world, *others[2 * n : 2 * n + 2], first_seed=10 * n)
        async with world.state["database"].read() as connection:
            rows = (await connection.execute(select(assignments))).all()
        assert len({(row.counts_in, row.user_id) for row in rows}) == len(rows) == 7
