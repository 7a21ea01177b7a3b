"""When a device without work should come back: from measured arrivals and measured rounds.

Who has its turn in the open round behind it is told a window behind the round's expected end.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.connection import CacheDown
from app.rounds import repository, views_repository
from app.wiring import State
from federation.pace import demand_per_s, expected_end_s, return_window, window_behind
from federation.round_effects import WaitReason
from federation.round_state import ENDED, GATHERING, RoundState

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
    """active: devices that take part; demand: check-ins per second that rounds need.

    usual: updates per second that the last rounds took. begun_at: when the newest round granted its
    first lease; 0 while it has granted none.
    """

    active: float
    demand: float
    usual: float
    begun_at: float = 0.0


async def retry_window(
    state: State, newest: RoundState | None, reason: WaitReason
) -> tuple[float, float]:
    """(after_s, before_s) for a device that gets no work now. newest: the newest round."""
    pace = await _kept(state)
    if pace is None:
        async with state["database"].read() as connection:
            pace = await measure(state, connection)
        await _keep(state, pace)
    bounds = state["settings"].retry_window_s
    window = return_window(pace.active, pace.demand, bounds)
    if newest is None or newest.phase not in GATHERING:
        return window
    wait_s = _wait_s(newest, reason, pace, state["clock"](), state["settings"].rounds.pause_s)
    return window_behind(window, wait_s, bounds)


def _wait_s(
    newest: RoundState, reason: WaitReason, pace: Pace, now: float, pause_s: float
) -> float:
    """How long at least there is nothing to do in a round that gathers; 0 if that is not known."""
    assert newest.opened_at is not None
    assert newest.deadline_at is not None
    if reason == "round_full" and newest.is_buffered:
        return 0.0  # each delivery frees a place
    end_s = expected_end_s(
        newest.cohort_target - newest.accepted,
        newest.accepted,
        # The silence before its first device says nothing of the rate at which they come since.
        max(0.0, now - max(newest.opened_at, pace.begun_at)),
        max(0.0, newest.deadline_at - now),
        pace.usual,
    )
    # Places are given again when leases have run out, and those of now have by then.
    return min(end_s, newest.lease_s) if reason == "round_full" else end_s + pause_s


async def measure(state: State, connection: AsyncConnection) -> Pace:
    """Count active devices and what the last rounds needed."""
    now = state["clock"]()
    newest = await repository.newest_round(connection)
    past = await views_repository.recent_rounds(connection, ROUNDS_MEASURED)
    demand = _demand(state, newest.state if newest else None, _mean_s(past), now)
    active = 0
    for span_s in ACTIVE_SPANS_S:
        active = await repository.count_seen_since(connection, now - span_s)
        if active / demand < span_s / 3:
            break
    begun_at = await views_repository.first_granted_at(connection, newest.id) if newest else None
    return Pace(active, demand, _usual(state, past), begun_at or 0.0)


def _mean_s(past: Sequence[tuple[RoundState, float]]) -> float:
    """What a round took, from opening to end."""
    durations = [ended - one.opened_at for one, ended in past if one.opened_at is not None]
    return max(sum(durations) / len(durations), 1e-3) if durations else FIRST_ROUND_S


def _demand(state: State, newest: RoundState | None, mean_s: float, now: float) -> float:
    if newest is None:
        return HEADROOM * demand_per_s(state["settings"].rounds.cohort_target, FIRST_ROUND_S)
    is_open = newest.opened_at is not None and newest.effective_phase not in ENDED
    open_s = now - newest.opened_at if is_open and newest.opened_at is not None else 0.0
    return HEADROOM * demand_per_s(newest.invitations, max(mean_s, open_s))


def _usual(state: State, past: Sequence[tuple[RoundState, float]]) -> float:
    """Updates per second of the last rounds: at least one in all their time."""
    if not past:
        return demand_per_s(state["settings"].rounds.cohort_target, FIRST_ROUND_S)
    accepted = max(1, sum(one.accepted for one, _ in past))
    return demand_per_s(accepted, len(past) * _mean_s(past))


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
    return Pace(kept["active"], kept["demand"], kept["usual"], kept["begun_at"])


async def _keep(state: State, pace: Pace) -> None:
    # Counting a large population is dear, and its windows are long: they may be a little older.
    until = state["clock"]() + min(max(KEPT_S, pace.active / pace.demand / 20), 60.0)
    text = json.dumps(asdict(pace) | {"until": until})
    try:
        await state["cache"].call(lambda redis: redis.set(KEY, text, ex=TIDIED_AFTER_S))
    except CacheDown:
        return
