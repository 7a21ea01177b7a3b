"""With Redis stopped a round still runs from enrolment to publication; only its count is gone."""

import httpx
import pytest

from app.cache.embedded import EmbeddedRedis
from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect
from tests.app.round_world import TARGET, RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
def redis_server(own_redis: EmbeddedRedis) -> EmbeddedRedis:
    return own_redis


async def test_uploads_are_untouched(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
    redis_server: EmbeddedRedis,
) -> None:
    world = RoundWorld(state, clock, client, connect)
    await world.begin()
    redis_server.stop()
    devices = await world.enrol(*(f"user-{n}" for n in range(TARGET)))
    for seed, device in enumerate(devices):
        assignment = (await device.check_in())["assignment"]
        await device.download(assignment)
        body, answer = await world.deliver(device, seed)
        assert answer.status_code == 201
        again = await device.put(assignment["upload_url"], body)
        assert (again.status_code, again.json()) == (200, answer.json())
    for _ in range(4):
        await world.tick()
    ended = (await client.get("/v1/rounds")).json()["data"][-1]
    assert (ended["phase"], ended["accepted"]) == ("published", TARGET)
    assert ended["requests_per_update"] is None
    ready = (await client.get("/readyz")).json()
    assert (ready["status"], ready["stores"]["cache"]) == ("degraded", "down")
