"""When devices without work are told to come back, by measured rounds and the open one's end."""

import json
from typing import Any

import pytest

from app.rounds.pace import KEY, retry_window
from app.settings import Settings
from app.store.blobs import digest_of
from app.wiring import State
from federation.round_effects import WaitReason
from federation.round_state import Phase, RoundState
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import HandDevice, update_body
from tests.app.round_world import RoundWorld, small_rounds

DEADLINE_S = 600.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings, deadline_s=DEADLINE_S, lease_s=120.0)


@pytest.fixture
async def kept_pace(state: State, clock: FakeClock) -> None:
    """A measured pace: ten devices, all of them wanted every two seconds."""
    kept = {"active": 10.0, "demand": 5.0, "usual": 0.5, "begun_at": 0.0, "until": clock.now + 1e6}
    await state["cache"].redis.set(KEY, json.dumps(kept))


async def test_a_kept_pace_is_as_old_as_the_clock_says(state: State, clock: FakeClock) -> None:
    kept = {"active": 1e6, "demand": 100.0, "usual": 1.0, "begun_at": 0.0}
    kept["until"] = clock.now + 5.0
    await state["cache"].redis.set(KEY, json.dumps(kept))
    clock.now += 4.0
    assert await retry_window(state, None, "no_round") == (8_000.0, 12_000.0)
    clock.now += 1.0
    after_s, before_s = await retry_window(state, None, "no_round")
    assert before_s < 10.0, "there are no devices"
    assert await retry_window(state, None, "no_round") == (after_s, before_s)


def gathering(clock: FakeClock, **changes: object) -> RoundState:
    """A round of ten that has taken four updates in its first 50 seconds, 550 before its end."""
    opened_at = clock.now - 50.0
    fields: dict[str, Any] = {
        "lease_s": 120.0,
        "phase": "training",
        "granted": 12,
        "accepted": 4,
        "sum": digest_of(b""),
        "opened_at": opened_at,
        "deadline_at": opened_at + DEADLINE_S,
    }
    return RoundState(1, 10, 5, 12, DEADLINE_S, **fields | changes)


@pytest.mark.usefixtures("kept_pace")
class TestOfAnOpenRound:
    @pytest.mark.parametrize("reason", ["took_part", "resting", "round_full"])
    async def test_nobody_is_told_to_come_before_its_expected_end(
        self, reason: WaitReason, state: State, clock: FakeClock
    ) -> None:
        after_s, before_s = await retry_window(state, gathering(clock), reason)
        # One usual update and four of its own in 52 seconds: six more take 62.4.
        assert after_s == pytest.approx(62.4)
        assert before_s > 1.15 * after_s

    async def test_the_deadline_bounds_it(self, state: State, clock: FakeClock) -> None:
        late = gathering(clock, opened_at=clock.now - 590.0, deadline_at=clock.now + 10.0)
        assert (await retry_window(state, late, "took_part"))[0] == 10.0

    async def test_who_finds_it_full_is_told_when_leases_will_have_run_out(
        self, state: State, clock: FakeClock
    ) -> None:
        slow = gathering(clock, lease_s=30.0)
        assert (await retry_window(state, slow, "round_full"))[0] == 30.0
        assert (await retry_window(state, slow, "took_part"))[0] > 60.0

    async def test_a_full_buffer_has_places_as_soon_as_one_delivers(
        self, state: State, clock: FakeClock
    ) -> None:
        buffered = gathering(clock, max_staleness=2)
        assert await retry_window(state, buffered, "round_full") == (1.6, 2.4)
        assert (await retry_window(state, buffered, "took_part"))[0] > 60.0

    @pytest.mark.parametrize("phase", ["reducing", "gating"])
    async def test_a_closed_one_is_about_to_be_followed(
        self, phase: Phase, state: State, clock: FakeClock
    ) -> None:
        closed = gathering(clock, phase=phase)
        assert await retry_window(state, closed, "no_round") == (1.6, 2.4)


async def wait_of(device: HandDevice) -> tuple[float, float]:
    found = await device.check_in()
    assert found["retry"]["reason"] == "took_part"
    return found["retry"]["after_s"], found["retry"]["before_s"]


async def test_a_device_that_delivered_is_told_the_end_of_its_round(world: RoundWorld) -> None:
    ada, bob = await world.enrol("ada", "bob")
    world.clock.now += 400.0  # nobody was there, which says nothing of those who come now
    assignment = (await ada.check_in())["assignment"]
    world.clock.now += 60.0
    await ada.put(assignment["upload_url"], update_body(assignment, 1))
    slow = await wait_of(ada)
    # One usual update and one of its own in 60.7 seconds; two are missing.
    assert slow[0] == pytest.approx(60.7, abs=0.1)
    await world.deliver(bob, 2)
    assert (await wait_of(ada))[0] < slow[0], "the round is nearer to its end"


async def test_a_round_that_ended_at_its_target_is_the_measure_of_the_next(
    world: RoundWorld,
) -> None:
    devices = await world.enrol("ada", "bob", "cyd")
    world.clock.now += 300.0
    for seed, device in enumerate(devices):
        await world.deliver(device, seed)
    await world.tick()
    assert (await world.round()).id == 2
    await world.deliver(devices[0], 4)
    assert (await wait_of(devices[0]))[0] > 90.0
