"""The way of a round, from its opening to its end: refusals first."""

from typing import Any

import pytest

from federation.round_effects import (
    BeginGate,
    BeginReduce,
    Discard,
    Effect,
    OpenNext,
    Publish,
)
from federation.round_engine import replay, step
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
from federation.round_state import GATHERING, PHASES, TRANSITIONS
from tests.federation.round_steps import CHECK_IN, SUM, UPLOAD, reason


def one_of_each(now: float = 5.0) -> list[Event]:
    return [
        Opened(now),
        CheckedIn(now, False, False),
        UploadOffered(now, "open"),
        LeasesExpired(now, 0),
        TimePassed(now),
        SumReady(now, SUM),
        SumFailed(now, "blob_missing"),
        SumLost(now),
        GatePassed(now),
        GateFailed(now, "not_finite"),
        Paused(now),
        Resumed(now),
        AbandonAsked(now, "operator"),
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_missing_cell_is_refused(round_in: Any, phase: str) -> None:
    state = round_in(phase)
    expected = "round_paused" if phase == "paused" else "unexpected_event"
    missing = [e for e in one_of_each() if (state.phase, type(e).__name__) not in TRANSITIONS]
    assert missing
    for event in missing:
        assert reason(state, event) == expected


def test_opening_sets_the_deadline(round_in: Any) -> None:
    state, emitted = step(round_in("scheduled"), Opened(50.0))
    assert (state.phase, state.opened_at, state.deadline_at) == ("selecting", 50.0, 150.0)
    assert emitted == ()


@pytest.mark.parametrize("accepted", [0, 1])
def test_deadline_below_quorum(round_in: Any, accepted: int) -> None:
    state = replay(round_in("training"), *[UPLOAD] * accepted)
    assert step(state, TimePassed(99.9)) == (state, ())
    after, emitted = step(state, TimePassed(100.0))
    assert (after.phase, after.reason) == ("abandoned", "below_quorum")
    assert emitted == (Discard("below_quorum"), OpenNext())


@pytest.mark.parametrize("phase", sorted(GATHERING))
def test_deadline_with_quorum(round_in: Any, phase: str) -> None:
    state = replay(round_in(phase), *[CHECK_IN] * 3, UPLOAD, UPLOAD)
    after, emitted = step(state, TimePassed(100.0))
    assert (after.phase, after.accepted, emitted) == ("reducing", 2, (BeginReduce(2),))


def test_upload_and_tick_at_the_deadline_in_both_orders(round_in: Any) -> None:
    state = replay(round_in("training"), UPLOAD, UPLOAD)
    upload, tick = UploadOffered(100.0, "open"), TimePassed(100.0)
    first_upload = replay(state, upload, tick)
    assert (first_upload.phase, first_upload.accepted) == ("reducing", 3)
    closed = replay(state, tick)
    assert reason(closed, upload) == "round_closed"
    assert closed.accepted == 2


@pytest.mark.parametrize(
    ("phase", "effect", "expected"),
    [("reducing", BeginReduce(3), "reduction_failed"), ("gating", BeginGate(), "gate_failed")],
)
def test_work_is_begun_again_and_given_up(
    round_in: Any, phase: str, effect: Effect, expected: str
) -> None:
    state = round_in(phase)
    now = state.work_deadline_at
    assert now is not None
    assert step(state, TimePassed(now - 0.1)) == (state, ())
    for attempt in range(2, 6):
        state, emitted = step(state, TimePassed(now))
        assert (emitted, state.attempts, state.work_deadline_at) == ((effect,), attempt, now + 10)
        now += 10
    after, emitted = step(state, TimePassed(now))
    assert (after.phase, after.reason) == ("abandoned", expected)
    assert emitted == (Discard(expected), OpenNext())


def test_gating_counts_its_own_attempts(round_in: Any) -> None:
    late = replay(round_in("reducing"), TimePassed(50.0), TimePassed(60.0))
    assert late.attempts == 3
    state, emitted = step(late, SumReady(61.0, SUM))
    assert (state.phase, state.attempts, state.work_deadline_at) == ("gating", 1, 71.0)
    assert emitted == (BeginGate(),)


def test_sum_reported_twice_is_refused(round_in: Any) -> None:
    assert reason(round_in("gating"), SumReady(4.0, SUM)) == "unexpected_event"
    assert reason(round_in("published"), GatePassed(5.0)) == "unexpected_event"


def test_a_sum_needs_its_digest() -> None:
    with pytest.raises(ValueError, match="digest"):
        SumReady(3.0, "the sum")


def test_a_lost_sum_is_made_again_and_given_up_in_the_end(round_in: Any) -> None:
    state = round_in("gating")
    for times in range(1, 5):
        assert (state.sum, state.summed) == (SUM, times)
        lost, emitted = step(state, SumLost(5.0))
        assert (lost.phase, lost.sum, lost.accepted) == ("reducing", None, 3)
        assert emitted == (BeginReduce(3),)
        assert lost.work_deadline_at == 15.0
        assert reason(lost, SumLost(5.0)) == "unexpected_event"
        state = replay(lost, SumReady(6.0, SUM))
    after, emitted = step(state, SumLost(7.0))
    assert (after.phase, after.reason) == ("abandoned", "sum_lost")
    assert emitted == (Discard("sum_lost"), OpenNext())


def test_publication_opens_the_next_round(round_in: Any) -> None:
    after, emitted = step(round_in("gating"), GatePassed(4.0))
    assert (after.phase, after.accepted) == ("published", 3)
    assert emitted == (Publish(), OpenNext())


@pytest.mark.parametrize(
    ("phase", "event"),
    [
        ("reducing", SumFailed(4.0, "blob_missing")),
        ("gating", GateFailed(4.0, "not_finite")),
        ("scheduled", AbandonAsked(4.0, "operator")),
        ("training", AbandonAsked(4.0, "operator")),
        ("gating", AbandonAsked(4.0, "operator")),
        ("paused", AbandonAsked(4.0, "operator")),
    ],
)
def test_definite_failure_ends_the_round(round_in: Any, phase: str, event: Any) -> None:
    state = round_in(phase)
    after, emitted = step(state, event)
    assert (after.phase, after.reason) == ("abandoned", event.reason)
    assert emitted == (Discard(event.reason), OpenNext())
