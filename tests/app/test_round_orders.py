"""Orders and retries: the coordinator fulfils each once, in turn, with its own settings."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from app.coordinator import publishing
from app.coordinator.tick import Coordinator
from app.errors import Problem
from app.rounds.operator_schemas import OrderSettings, RoundOrderBody
from app.rounds.order_settings import OF_THE_SCHEDULE
from app.rounds.orders import Wish, place_order
from app.settings import RoundSettings, Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, put_items
from tests.app.operator_by_hand import abandon, count, order, shown
from tests.app.round_world import RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No round opens by itself."""
    return small_rounds(settings, enabled=False)


def test_an_order_may_set_all_that_is_a_round_s_own() -> None:
    own = RoundSettings.model_fields.keys() - OF_THE_SCHEDULE
    assert RoundOrderBody.model_fields.keys() - {"start"} == own
    assert OrderSettings.model_fields.keys() == own


@pytest.mark.parametrize("name", sorted(OrderSettings.model_fields))
def test_bounds_are_those_of_the_settings(name: str) -> None:
    def bounds(schema: dict[str, Any]) -> dict[str, Any]:
        typed = schema["anyOf"][0] if "anyOf" in schema else schema
        return {key: typed[key] for key in typed if "imum" in key or key == "type"}

    ordered = RoundOrderBody.model_json_schema()["properties"][name]
    of_service = RoundSettings.model_json_schema()["properties"][name]
    assert bounds(ordered) == bounds(of_service)
    assert len(bounds(ordered)) == 3


class TestOrders:
    async def test_wait_for_something_to_train(
        self, state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        world = RoundWorld(state, clock, client, connect)
        await order(world)
        await world.tick()
        assert await count(world) == 0
        await put_items(client, 3)
        await world.tick()
        await world.tick(after_s=1.0)
        assert await count(world) == 1

    async def test_settings_of_its_own(self, world: RoundWorld) -> None:
        own = {
            "cohort_target": 2,
            "cohort_min": 1,
            "deadline_s": 30.0,
            "lease_s": 10.0,
            "hold_s_max": 50.0,
            "max_staleness": 2,
            "concurrency": 5,
            "refill": 2,
            "min_separation": 1,
            "participations_max": 3,
            "clip_l2": 0.5,
            "block_rows": 4,
        }
        placed = await order(world, **own)
        assert placed["settings"] == own
        assert (placed["status"], placed["round"], placed["retry_of"]) == ("waiting", None, None)
        await world.tick()
        fulfilled = await shown(world, f"round-orders/{placed['id']}")
        assert (fulfilled["status"], fulfilled["round"]) == ("fulfilled", 1)
        (ada,) = await world.enrol("ada")
        plan = (await ada.check_in())["assignment"]["plan"]
        for name in ("cohort_target", "cohort_min", "deadline_s", "lease_s"):
            assert plan[name] == own[name]
        assert (plan["grid"]["clip_l2"], plan["n_block"]) == (0.5, 4)
        await world.tick(after_s=31.0)
        assert (await shown(world, "rounds/1"))["reason"] == "below_quorum"
        assert await count(world) == 1  # none opens by itself

    async def test_are_fulfilled_in_turn(self, world: RoundWorld) -> None:
        placed = [await order(world, deadline_s=10.0 + i) for i in range(3)]
        for i in range(3):
            await world.tick()
            assert (await world.round()).id == i + 1
            assert (await world.round()).state.deadline_s == 10.0 + i
            await abandon(world)
        listed = (await shown(world, "round-orders"))["data"]
        assert [one["id"] for one in listed] == [one["id"] for one in reversed(placed)]
        assert [one["round"] for one in listed] == [3, 2, 1]
        first = await shown(world, "round-orders?limit=2")
        rest = await shown(world, f"round-orders?cursor={first['next_cursor']}")
        assert [*first["data"], *rest["data"]] == listed

    async def test_follow_a_published_round_at_once(self, world: RoundWorld) -> None:
        await order(world)
        await world.tick()
        await order(world, deadline_s=11.0)
        await order(world, deadline_s=12.0)
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            await world.deliver(device, seed)
        await world.tick()
        assert (await shown(world, "rounds/1"))["phase"] == "published"
        assert (await world.round()).state.deadline_s == 11.0
        assert (await world.round()).id == 2

    async def test_an_idempotency_key_makes_one(self, world: RoundWorld) -> None:
        headers = {"Idempotency-Key": "nightly"}
        body = {"deadline_s": 33.0}
        sending = [world.server.post("/v1/rounds", json=body, headers=headers) for _ in range(5)]
        answers = await asyncio.gather(*sending)
        assert [answer.status_code for answer in answers] == [202] * 5
        assert len({answer.json()["id"] for answer in answers}) == 1
        await world.tick()
        again = await world.server.post("/v1/rounds", json=body | {"start": True}, headers=headers)
        assert (again.json()["status"], again.json()["round"]) == ("fulfilled", 1)
        made = await world.server.post("/v1/keys", json={"kind": "server"})
        other = world.connect(made.json()["key"])
        theirs = await other.post("/v1/rounds", json={}, headers=headers)
        assert theirs.json()["id"] != again.json()["id"]

    async def test_placed_at_once_are_numbered_apart(self, world: RoundWorld) -> None:
        placed = await asyncio.gather(*(order(world) for _ in range(5)))
        assert sorted(one["id"] for one in placed) == [1, 2, 3, 4, 5]

    async def test_survive_another_configuration(self, world: RoundWorld) -> None:
        await order(world, cohort_min=3)
        changed = small_rounds(world.state["settings"], enabled=False, cohort_target=2)
        world.state = {**world.state, "settings": changed}  # type: ignore[typeddict-item]
        world.restart()
        await world.tick()
        stored = await world.round()
        assert (stored.state.cohort_target, stored.state.cohort_min) == (3, 3)

    async def test_repeat_although_they_could_not_be_placed_any_more(
        self, world: RoundWorld
    ) -> None:
        wish = Wish({"cohort_target": 2}, start=True)
        first = await place_order(world.state, "ops", wish, "nightly")
        changed = small_rounds(world.state["settings"], cohort_min=3)
        state: Any = {**world.state, "settings": changed}
        assert await place_order(state, "ops", wish, "nightly") == first
        with pytest.raises(Problem, match="cohort_min"):
            await place_order(state, "ops", wish, "weekly")


class DiedError(Exception):
    """The process ended here."""


class TestTwoCoordinators:
    async def test_fulfil_an_order_once(self, world: RoundWorld) -> None:
        both = [Coordinator(world.state, np.random.default_rng(i)) for i in range(2)]
        placed = [await order(world) for _ in range(2)]
        for _ in range(3):
            await asyncio.gather(*(one.tick() for one in both))
        assert await count(world) == 1
        await abandon(world)
        for _ in range(3):
            await asyncio.gather(*(one.tick() for one in both))
        assert await count(world) == 2
        by_round = {(await shown(world, f"round-orders/{one['id']}"))["round"] for one in placed}
        assert by_round == {1, 2}

    async def test_a_death_before_the_commit_leaves_the_order(
        self, world: RoundWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        placed = await order(world)

        def die(name: str) -> None:
            monkeypatch.undo()
            assert name == "open_before_commit"
            raise DiedError

        monkeypatch.setattr(publishing, "crash_point", die)
        with pytest.raises(DiedError):
            await world.tick()
        assert await count(world) == 0
        assert (await shown(world, f"round-orders/{placed['id']}"))["status"] == "waiting"
        world.restart()
        await world.tick()
        assert (await shown(world, f"round-orders/{placed['id']}"))["round"] == 1


class TestRetry:
    async def test_repeats_the_settings(self, world: RoundWorld) -> None:
        await order(world, deadline_s=40.0, clip_l2=0.25, block_rows=5)
        await world.tick()
        await abandon(world)
        answer = await world.server.post("/v1/rounds/1/retry")
        assert answer.status_code == 202
        placed = answer.json()
        assert answer.headers["location"] == f"/v1/round-orders/{placed['id']}"
        assert placed["retry_of"] == 1
        await world.tick()
        again = await shown(world, "rounds/2")
        assert (again["retry_of"], again["phase"]) == (1, "selecting")
        (ada,) = await world.enrol("ada")
        plan = (await ada.check_in())["assignment"]["plan"]
        assert (plan["deadline_s"], plan["grid"]["clip_l2"], plan["n_block"]) == (40.0, 0.25, 5)

    async def test_twice_is_one_order(self, world: RoundWorld) -> None:
        await order(world)
        await world.tick()
        await abandon(world)
        sending = [world.server.post("/v1/rounds/1/retry", json={}) for _ in range(4)]
        answers = await asyncio.gather(*sending)
        assert {(one.status_code, one.json()["id"]) for one in answers} == {(202, 2)}
        await world.tick()
        after = (await world.server.post("/v1/rounds/1/retry")).json()
        assert (after["id"], after["status"], after["round"]) == (2, "fulfilled", 2)

    async def test_of_a_retry(self, world: RoundWorld) -> None:
        await order(world)
        await world.tick()
        for number in (1, 2):
            await abandon(world)
            await world.server.post(f"/v1/rounds/{number}/retry")
            await world.tick()
        assert [(await shown(world, f"rounds/{n}"))["retry_of"] for n in (1, 2, 3)] == [None, 1, 2]

    async def test_of_a_round_that_opened_by_itself(self, world: RoundWorld) -> None:
        await world.server.put("/v1/rounds/schedule", json={"automatic": True})
        await world.tick()
        await world.tick(after_s=61.0)
        assert (await shown(world, "rounds/1"))["reason"] == "below_quorum"
        placed = (await world.server.post("/v1/rounds/1/retry")).json()
        assert placed["settings"]["deadline_s"] == 60.0
