"""Check-in: refusals first, and every refusal leaves the database as it was."""

import asyncio

import httpx
import pytest

from app.settings import Settings
from app.wiring import State
from federation.plan import Plan
from tests.app.device_by_hand import Connect, DeviceAuth, HandDevice, enrol, put_user
from tests.app.round_world import RoundWorld, Snapshot, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
async def ada(world: RoundWorld) -> HandDevice:
    return (await world.enrol("ada"))[0]


class TestCheckIn:
    async def test_credentials(
        self, world: RoundWorld, anonymous: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        assert (await anonymous.post("/v1/rounds/check-in", json={})).status_code == 401
        wrong = await client.post("/v1/rounds/check-in", json={})
        assert (wrong.status_code, wrong.json()["reason"]) == (403, "wrong_credential")

    async def test_unknown_field(self, ada: HandDevice, snapshot: Snapshot) -> None:
        before = await snapshot()
        answer = await ada.client.post("/v1/rounds/check-in", json={"round": 1})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "round"
        assert await snapshot() == before

    async def test_hosted_users_take_part_on_the_server(
        self, world: RoundWorld, snapshot: Snapshot
    ) -> None:
        device = await enrol(world.server, world.connect, "eve")
        await put_user(world.server, "eve", "hosted")
        before = await snapshot()
        answer = await device.client.post("/v1/rounds/check-in", json={})
        assert (answer.status_code, answer.json()["reason"]) == (409, "history_is_hosted")
        assert await snapshot() == before

    async def test_before_the_first_version(
        self, state: State, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        device = await enrol(client, connect, "ada")
        found = await device.check_in()
        assert found["assignment"] is None
        assert found["model_version"] is None
        assert found["retry"]["after_s"] < found["retry"]["before_s"]

    async def test_assignment_holds_all_that_a_device_needs(
        self, world: RoundWorld, ada: HandDevice
    ) -> None:
        found = await ada.check_in()
        assignment = found["assignment"]
        plan = Plan.from_mapping(assignment["plan"])
        assert plan.digest == assignment["plan_digest"]
        assert found["retry"] is None
        assert found["model_version"] == plan.model_version == 1
        bundle = await ada.download(assignment)
        assert bundle.catalogue == found["catalogue"]
        assert bundle.block.size == plan.n_block == 12
        renewed = world.connect(DeviceAuth(ada.key, found["token"]))
        assert (await renewed.get(assignment["bundle_url"])).status_code == 200

    async def test_asking_again_gives_the_same_assignment_without_a_write(
        self, ada: HandDevice, snapshot: Snapshot
    ) -> None:
        first = await ada.check_in()
        before = await snapshot()
        again = await asyncio.gather(*(ada.check_in() for _ in range(8)))
        assert {found["assignment"]["id"] for found in again} == {first["assignment"]["id"]}
        assert await snapshot() == before

    async def test_racing_check_ins_of_one_device_get_one_lease(
        self, world: RoundWorld, ada: HandDevice
    ) -> None:
        found = await asyncio.gather(*(ada.check_in() for _ in range(8)))
        assert len({one["assignment"]["id"] for one in found}) == 1
        assert (await world.round()).state.granted == 1

    async def test_one_lease_per_account(self, world: RoundWorld, ada: HandDevice) -> None:
        (second,) = await world.enrol("ada")
        found = await asyncio.gather(ada.check_in(), second.check_in())
        assert [one["assignment"] is None for one in found].count(True) == 1
        waiting = next(one for one in found if one["assignment"] is None)
        assert waiting["retry"]["before_s"] > 0

    async def test_no_more_than_invited(self, world: RoundWorld) -> None:
        devices = await world.enrol(*(f"user-{i}" for i in range(8)))
        found = await asyncio.gather(*(device.check_in() for device in devices))
        granted = [one for one in found if one["assignment"] is not None]
        stored = await world.round()
        assert len(granted) == stored.state.granted == min(8, stored.state.invitations)
