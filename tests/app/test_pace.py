"""A measured pace is kept for a while: how long, the service's own clock says."""

import json

from app.rounds.pace import KEY, retry_window
from app.wiring import State
from tests.app.conftest import FakeClock


async def test_a_kept_pace_is_as_old_as_the_clock_says(state: State, clock: FakeClock) -> None:
    kept = {"active": 1e6, "demand": 100.0, "until": clock.now + 5.0}
    await state["cache"].redis.set(KEY, json.dumps(kept))
    clock.now += 4.0
    assert await retry_window(state) == (8_000.0, 12_000.0)
    clock.now += 1.0
    after_s, before_s = await retry_window(state)
    assert before_s < 10.0, "there are no devices"
    assert await retry_window(state) == (after_s, before_s)
