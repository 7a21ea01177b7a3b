"""When a device without work should come back: from measured arrivals and measured rounds."""

import json
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.connection import CacheDown
from app.rounds import repository, views_repository
from app.wiring import State
from federation.pace import demand_per_s, return_window

# Devices whose last check-in is noted within such a span count as active: the shortest span that
# is well above the return window that follows from it, so that those told to wait still count.
ACTIVE_SPANS_S = (180.0, 1800.0, 4 * 3600.0, 48 * 3600.0)
ROUNDS_MEASURED = 5
# With arrivals equal to what the last rounds took in, any pace would confirm itself, however slow.
# Twice as many let rounds shorten until the devices' own work bounds them.
HEADROOM = 2.0
# What the first round is assumed to take; optimistic, since the measured time replaces it.
FIRST_ROUND_S = 2.0
KEY = "tf:pace"
KEPT_S = 1.0
# Redis tidies up; whether a kept pace is too old, the service's own clock says.
TIDIED_AFTER_S = 600


@dataclass(frozen=True)
class Pace:
    """active: devices that take part; demand: check-ins per second that rounds need."""

    active: float
    demand: float


async def retry_window(state: State) -> tuple[float, float]:
    """(after_s, before_s) for a device that gets no work now."""
    pace = await _kept(state)
    if pace is None:
        async with state["database"].read() as connection:
            pace = await measure(state, connection)
        await _keep(state, pace)
    least_s, most_s = state["settings"].retry_window_s
    return return_window(pace.active, pace.demand, (least_s, most_s))


async def measure(state: State, connection: AsyncConnection) -> Pace:
    """Count active devices and what the last rounds needed."""
    now = state["clock"]()
    demand = await _demand(state, connection, now)
    active = 0
    for span_s in ACTIVE_SPANS_S:
        active = await repository.count_seen_since(connection, now - span_s)
        if active / demand < span_s / 3:
            break
    return Pace(active, demand)


async def _demand(state: State, connection: AsyncConnection, now: float) -> float:
    newest = await repository.newest_round(connection)
    if newest is None:
        return HEADROOM * demand_per_s(state["settings"].rounds.cohort_target, FIRST_ROUND_S)
    times = [FIRST_ROUND_S]
    past = await views_repository.recent_rounds(connection, ROUNDS_MEASURED)
    durations = [ended - past_state.opened_at for past_state, ended in past if past_state.opened_at]
    if durations:
        times = [max(sum(durations) / len(durations), 1e-3)]
    if newest.state.opened_at is not None and newest.state.effective_phase not in (
        "published",
        "abandoned",
    ):
        times.append(now - newest.state.opened_at)
    return HEADROOM * demand_per_s(newest.state.invitations, max(times))


async def _kept(state: State) -> Pace | None:
    try:
        text = await state["cache"].call(lambda redis: redis.get(KEY))
    except CacheDown:
        return None
    if text is None:
        return None
    kept = json.loads(text)
    if state["clock"]() >= kept["until"]:
        return None
    return Pace(kept["active"], kept["demand"])


async def _keep(state: State, pace: Pace) -> None:
    # Counting a large population is dear, and its windows are long: they may be a little older.
    until = state["clock"]() + min(max(KEPT_S, pace.active / pace.demand / 20), 60.0)
    text = json.dumps({"active": pace.active, "demand": pace.demand, "until": until})
    try:
        await state["cache"].call(lambda redis: redis.set(KEY, text, ex=TIDIED_AFTER_S))
    except CacheDown:
        return
