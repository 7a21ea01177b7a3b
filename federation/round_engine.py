"""The round engine: `step(state, event) -> (state, effects)`, and nothing else.

It does no I/O, reads no clock and draws no randomness. The edge commits the new state and the
records of its effects together; a crash in between is a step that never happened. Nothing waits for
ever: gathering ends at the round's deadline, reducing and gating are begun again when their own
deadline passes and abandoned after the last attempt. An operator's hold stops these clocks, and has
one of its own: a round that nobody opens or resumes is given up.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from federation.round_effects import BeginGate, BeginReduce, Discard, Effect, OpenNext, Publish
from federation.round_events import (
    AbandonAsked,
    CheckedIn,
    Event,
    GateFailed,
    GatePassed,
    LeasesExpired,
    Opened,
    Paused,
    Resumed,
    SumFailed,
    SumLost,
    SumReady,
    TimePassed,
    UploadOffered,
)
from federation.round_members import (
    Step,
    begin_work,
    gathering_phase,
    on_checked_in,
    on_leases_expired,
    on_upload_offered,
    refuse,
)
from federation.round_state import (
    BELOW_QUORUM,
    GATE_FAILED,
    GATHERING,
    HOLD_EXPIRED,
    REDUCTION_FAILED,
    SUM_LOST,
    TRANSITIONS,
    Phase,
    RoundState,
)

WORK: Mapping[Phase, str] = {"reducing": REDUCTION_FAILED, "gating": GATE_FAILED}
"""Phase of work -> the reason if it never ends."""


def _work_of(state: RoundState) -> Effect:
    return BeginReduce(state.accepted) if state.phase == "reducing" else BeginGate()


def step(state: RoundState, event: Event) -> Step:
    """The state after `event` and what must be done; a Refuse effect leaves the state as it was."""
    name = type(event).__name__
    allowed = TRANSITIONS.get((state.phase, name))
    if allowed is None:
        reason = "round_paused" if state.phase == "paused" else "unexpected_event"
        return refuse(state, reason, f"{name} has no place while the round is {state.phase}.")
    after, effects = HANDLERS[type(event)](state, event)
    if after.phase not in allowed:
        raise AssertionError(f"{state.phase} --{name}--> {after.phase} is not in the table")
    return after, effects


def replay(state: RoundState, *events: Event) -> RoundState:
    """The state after all of `events`, in order; their effects are not wanted."""
    for event in events:
        state, _ = step(state, event)
    return state


def _on_opened(state: RoundState, event: Opened) -> Step:
    if event.carried and not state.is_buffered:
        return refuse(state, "unexpected_event", "A synchronous round takes over no leases.")
    deadline_at = event.now + state.deadline_s
    opened = replace(
        state,
        phase="selecting",
        opened_at=event.now,
        deadline_at=deadline_at,
        carried=event.carried,
    )
    return replace(opened, phase=gathering_phase(opened)), ()


def _on_time_passed(state: RoundState, event: TimePassed) -> Step:
    if state.phase in WORK:
        return _retry_work(state, event.now)
    if state.phase in GATHERING:
        return _close_if_due(state, event.now)
    if state.hold_ends_at is not None and event.now >= state.hold_ends_at:
        return _abandon(state, HOLD_EXPIRED)
    return state, ()


def _close_if_due(state: RoundState, now: float) -> Step:
    assert state.deadline_at is not None
    if now < state.deadline_at:
        return state, ()
    if state.accepted < state.cohort_min:
        return _abandon(state, BELOW_QUORUM)
    return begin_work(state, "reducing", now), (BeginReduce(state.accepted),)


def _retry_work(state: RoundState, now: float) -> Step:
    assert state.work_deadline_at is not None
    if now < state.work_deadline_at:
        return state, ()
    if state.attempts >= state.work_attempts_max:
        return _abandon(state, WORK[state.phase])
    again = begin_work(state, state.phase, now)
    return replace(again, attempts=state.attempts + 1), (_work_of(again),)


def _on_sum_ready(state: RoundState, event: SumReady) -> Step:
    summed = replace(state, summed=state.summed + 1, sum=event.digest)
    return begin_work(summed, "gating", event.now), (BeginGate(),)


def _on_sum_lost(state: RoundState, event: SumLost) -> Step:
    """Sum again what is still there; a disk that loses every sum is given up."""
    if state.summed >= state.work_attempts_max:
        return _abandon(state, SUM_LOST)
    again = replace(begin_work(state, "reducing", event.now), sum=None)
    return again, (BeginReduce(state.accepted),)


def _on_gate_passed(state: RoundState, _: GatePassed) -> Step:
    return replace(state, phase="published"), (Publish(), OpenNext())


def _on_ending(state: RoundState, event: SumFailed | GateFailed | AbandonAsked) -> Step:
    return _abandon(state, event.reason)


def _abandon(state: RoundState, reason: str) -> Step:
    ended = replace(state, phase="abandoned", held_phase=None, paused_at=None, reason=reason)
    return ended, (Discard(reason), OpenNext())


def _on_paused(state: RoundState, event: Paused) -> Step:
    return replace(state, phase="paused", held_phase=state.phase, paused_at=event.now), ()


def _on_resumed(state: RoundState, event: Resumed) -> Step:
    assert state.held_phase is not None
    assert state.paused_at is not None
    held_phase = state.held_phase
    after = replace(state, phase=held_phase, held_phase=None, paused_at=None)
    if held_phase in WORK:
        # Answers that came during the hold were refused: ask for the work once more.
        after = replace(after, work_deadline_at=event.now + state.work_deadline_s)
        return after, (_work_of(after),)
    if held_phase not in GATHERING:
        return after, ()
    return _resume_gathering(after, event.now, max(0.0, event.now - state.paused_at))


def _resume_gathering(state: RoundState, now: float, held_s: float) -> Step:
    assert state.deadline_at is not None
    after = replace(state, deadline_at=state.deadline_at + held_s)
    if after.accepted == after.cohort_target:
        return begin_work(after, "reducing", now), (BeginReduce(after.accepted),)
    return replace(after, phase=gathering_phase(after)), ()


HANDLERS: Mapping[type[Event], Callable[[RoundState, Any], Step]] = {
    Opened: _on_opened,
    CheckedIn: on_checked_in,
    UploadOffered: on_upload_offered,
    LeasesExpired: on_leases_expired,
    TimePassed: _on_time_passed,
    SumReady: _on_sum_ready,
    SumFailed: _on_ending,
    SumLost: _on_sum_lost,
    GatePassed: _on_gate_passed,
    GateFailed: _on_ending,
    Paused: _on_paused,
    Resumed: _on_resumed,
    AbandonAsked: _on_ending,
}
