"""Steering rounds: who may not, what is malformed, and every move that a round cannot make."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.rounds.orders import WAITING_MAX
from app.rounds.steering import ABANDON, MOVES, PAUSE, RESUME, START
from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, DeviceAuth, put_items
from tests.app.round_world import RoundWorld, small_rounds
from tests.app.test_every_route import OPERATIONS, filled

Refused = Callable[..., Awaitable[dict[str, Any]]]
STEERING = [
    (method, path)
    for method, path, _ in OPERATIONS
    if path.startswith(("/v1/rounds", "/v1/round-orders")) and path != "/v1/rounds/check-in"
]
VERBS = [move.name for move in MOVES]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


def test_the_routes_are_found() -> None:
    assert {("post", "/v1/rounds"), ("put", "/v1/rounds/schedule")} < set(STEERING)
    assert {("post", f"/v1/rounds/{{round_id}}/{verb}") for verb in VERBS} < set(STEERING)


async def test_only_a_server_key_steers(
    world: RoundWorld, connect: Connect, publishable_key: str, mint: Any, refused: Refused
) -> None:
    (device,) = await world.enrol("ada")
    others = [connect(publishable_key), connect(mint("user", "ada")), device.client]
    born = await device.check_in()  # a token that the service itself gave
    others.append(connect(DeviceAuth(device.key, born["token"])))
    for method, path in STEERING:
        await refused(connect(None).request(method, filled(path, "1")), 401, "unauthorised")
    for client in others:
        for method, path in STEERING:
            answer = await client.request(method, filled(path, "1"), json={})
            assert answer.status_code in (401, 403), f"{method} {path}"
            assert answer.json()["reason"] in ("wrong_credential", "token_invalid")
    assert (await world.round()).state.phase == "selecting"


MALFORMED_ORDERS: list[tuple[Any, str]] = [
    ({"cohort": 3}, "cohort"),
    ({"enabled": False}, "enabled"),
    ({"pause_s": 1.0}, "pause_s"),
    ({"start": "yes"}, "start"),
    ({"start": None}, "start"),
    ({"cohort_target": 0}, "cohort_target"),
    ({"cohort_target": 2.5}, "cohort_target"),
    ({"cohort_target": True}, "cohort_target"),
    ({"cohort_target": "3"}, "cohort_target"),
    ({"cohort_target": 10**9}, "cohort_target"),
    ({"cohort_min": 0}, "cohort_min"),
    ({"deadline_s": 0}, "deadline_s"),
    ({"deadline_s": 1e300}, "deadline_s"),
    ({"lease_s": -1}, "lease_s"),
    ({"hold_s_max": 0}, "hold_s_max"),
    ({"clip_l2": 0}, "clip_l2"),
    ({"clip_l2": 1e13}, "clip_l2"),
    ({"clip_l2": float("nan")}, "clip_l2"),
    ({"block_rows": 0}, "block_rows"),
    ({"block_rows": 10**12}, "block_rows"),
]


async def test_malformed_orders(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, field in MALFORMED_ORDERS:
        with subtests.test(f"{body}"):
            headers = {"Content-Type": "application/json"}
            sending = client.post("/v1/rounds", content=json.dumps(body), headers=headers)
            await refused(sending, 422, "invalid_request", field)


@pytest.mark.parametrize(
    "body", [{"cohort_target": 4, "cohort_min": 5}, {"cohort_target": 1}, {"cohort_min": 4}]
)
async def test_a_quorum_above_the_target(
    client: httpx.AsyncClient, refused: Refused, body: dict[str, int]
) -> None:
    await refused(client.post("/v1/rounds", json=body), 422, "invalid_field", "cohort_min")


async def test_malformed_idempotency_keys(client: httpx.AsyncClient, refused: Refused) -> None:
    for key in ("", "x" * 256):
        sending = client.post("/v1/rounds", json={}, headers={"Idempotency-Key": key})
        await refused(sending, 422, "invalid_request", "Idempotency-Key")


async def test_an_idempotency_key_with_another_body(
    client: httpx.AsyncClient, refused: Refused
) -> None:
    headers = {"Idempotency-Key": "nightly"}
    assert (await client.post("/v1/rounds", json={}, headers=headers)).status_code == 202
    for body in ({"start": False}, {"lease_s": 7.0}):
        sending = client.post("/v1/rounds", json=body, headers=headers)
        await refused(sending, 409, "idempotency_key_reused")


async def test_too_many_orders(client: httpx.AsyncClient, refused: Refused) -> None:
    headers = {"Idempotency-Key": "the first"}
    first = await client.post("/v1/rounds", json={}, headers=headers)
    for _ in range(WAITING_MAX - 1):
        assert (await client.post("/v1/rounds", json={})).status_code == 202
    await refused(client.post("/v1/rounds", json={}), 409, "too_many_orders")
    again = await client.post("/v1/rounds", json={}, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())


MALFORMED_REASONS = [{"reason": "Not a code"}, {"reason": ""}, {"reason": "x" * 65}, {"why": "x"}]


async def test_malformed_moves(
    world: RoundWorld, refused: Refused, subtests: pytest.Subtests
) -> None:
    for verb in ("pause", "resume", "abandon"):
        for body in [*MALFORMED_REASONS, {"reason": "ends_in_a_line\n"}, {"reason": None}]:
            with subtests.test(f"{verb} {body}"):
                sending = world.server.post(f"/v1/rounds/1/{verb}", json=body)
                await refused(sending, 422, "invalid_request", next(iter(body)))
    for verb in ("start", "retry"):
        sending = world.server.post(f"/v1/rounds/1/{verb}", json={"reason": "because"})
        await refused(sending, 422, "invalid_request", "reason")
    for body in ({}, {"automatic": 1}, {"automatic": None}):
        sending = world.server.put("/v1/rounds/schedule", json=body)
        await refused(sending, 422, "invalid_request", "automatic")


async def test_unknown_rounds_and_orders(client: httpx.AsyncClient, refused: Refused) -> None:
    for verb in [*VERBS, "retry"]:
        await refused(client.post(f"/v1/rounds/1/{verb}"), 404, "not_found")
        for number in ("0", "-1", "x", 2**31):
            sending = client.post(f"/v1/rounds/{number}/{verb}")
            await refused(sending, 422, "invalid_request", "round_id")
    await refused(client.get("/v1/round-orders/1"), 404, "not_found")
    await refused(client.get("/v1/round-orders/x"), 422, "invalid_request", "order_id")
    await refused(client.get("/v1/round-orders?cursor=eA"), 422, "invalid_field", "cursor")


PAUSED_EARLY = "paused while it was scheduled"
IMPOSSIBLE = [
    ("paused", START, "round_paused"),
    (PAUSED_EARLY, START, "round_paused"),
    ("published", START, "unexpected_event"),
    ("published", PAUSE, "unexpected_event"),
    ("published", RESUME, "unexpected_event"),
    ("published", ABANDON, "unexpected_event"),
    ("abandoned", START, "unexpected_event"),
    ("abandoned", PAUSE, "unexpected_event"),
    ("abandoned", RESUME, "unexpected_event"),
]


async def bring(world: RoundWorld, phase: str) -> None:
    """Have round 1 stand in this phase."""
    if phase == "paused":
        await world.server.post("/v1/rounds/1/pause")
    elif phase == "published":
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            await world.deliver(device, seed)
        await world.tick()
    else:
        await world.server.post("/v1/rounds/1/abandon")


@pytest.mark.parametrize(
    ("phase", "move", "reason"), IMPOSSIBLE, ids=lambda v: getattr(v, "name", v)
)
async def test_impossible_moves(
    world: RoundWorld, refused: Refused, phase: str, move: Any, reason: str
) -> None:
    if phase == PAUSED_EARLY:
        await world.server.post("/v1/rounds/1/abandon")
        await world.server.post("/v1/rounds", json={"start": False})
        await world.tick()
        await world.server.post("/v1/rounds/2/pause")
        await refused(world.server.post(f"/v1/rounds/2/{move.name}"), 409, reason)
        return
    await bring(world, phase)
    await refused(world.server.post(f"/v1/rounds/1/{move.name}"), 409, reason)


@pytest.mark.parametrize("phase", ["selecting", "paused", "published"])
async def test_only_an_abandoned_round_is_retried(
    world: RoundWorld, refused: Refused, phase: str
) -> None:
    if phase != "selecting":
        await bring(world, phase)
    await refused(world.server.post("/v1/rounds/1/retry"), 409, "round_not_abandoned")


async def test_a_held_round_gives_no_work(world: RoundWorld) -> None:
    (device,) = await world.enrol("ada")
    await world.server.post("/v1/rounds/1/pause")
    found = await device.check_in()
    assert (found["assignment"], found["retry"] is None) == (None, False)


async def test_a_scheduled_round_gives_no_work(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> None:
    world = RoundWorld(state, clock, client, connect)
    await put_items(client, 12)
    await client.post("/v1/rounds", json={"start": False})
    await world.tick()
    await world.tick(after_s=1.0)
    assert (await world.round()).state.phase == "scheduled"
    (device,) = await world.enrol("ada")
    found = await device.check_in()
    assert (found["assignment"], found["retry"] is None) == (None, False)
