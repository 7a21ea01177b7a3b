"""An operator's hold: nothing is lost, and nothing else moves."""

from dataclasses import replace
from typing import Any

import pytest

from federation.round_effects import (
    Accept,
    BeginGate,
    BeginReduce,
    ComeBack,
    Discard,
    Effect,
    OpenNext,
)
from federation.round_engine import replay, step
from federation.round_events import (
    CheckedIn,
    GatePassed,
    LeasesExpired,
    Paused,
    Resumed,
    SumFailed,
    SumReady,
    TimePassed,
    UploadOffered,
)
from tests.federation.round_steps import CHECK_IN, SUM, UPLOAD, reason


def test_hold_keeps_accepting_and_grants_nothing(round_in: Any) -> None:
    held = replay(round_in("training"), Paused(10.0))
    assert step(held, CheckedIn(11.0, True, True)) == (held, (ComeBack("no_round"),))
    assert step(held, CHECK_IN) == (held, (ComeBack("no_round"),))
    held, emitted = step(held, UPLOAD)
    assert (held.accepted, held.held_phase, emitted) == (1, "training", (Accept(0),))
    assert reason(held, UploadOffered(12.0, "expired")) == "assignment_expired"
    assert step(held, TimePassed(10.0 + held.hold_s_max - 1.0)) == (held, ())
    assert reason(held, Paused(12.0)) == "round_paused"


def test_hold_accepts_no_more_than_the_target(round_in: Any) -> None:
    held = replay(round_in("training"), Paused(10.0), *[UPLOAD] * 3)
    assert (held.phase, held.accepted) == ("paused", 3)
    assert reason(held, UPLOAD) == "round_closed"
    after, emitted = step(held, Resumed(20.0))
    assert (after.phase, after.work_deadline_at, emitted) == ("reducing", 30.0, (BeginReduce(3),))


def test_resuming_gives_back_the_time(round_in: Any) -> None:
    after, emitted = step(replay(round_in("training"), Paused(10.0)), Resumed(60.0))
    assert (after.phase, after.deadline_at, emitted) == ("training", 150.0, ())
    assert (after.held_phase, after.paused_at) == (None, None)
    backwards = replay(round_in("training"), Paused(10.0), Resumed(5.0))
    assert backwards.deadline_at == 100.0


def test_leases_that_end_during_a_hold_reopen_selection_afterwards(round_in: Any) -> None:
    held = replay(round_in("training"), Paused(10.0), LeasesExpired(35.0, 1))
    assert (held.phase, held.expired) == ("paused", 1)
    assert replay(held, Resumed(40.0)).phase == "selecting"


@pytest.mark.parametrize(
    ("phase", "effect"), [("reducing", BeginReduce(3)), ("gating", BeginGate())]
)
def test_resuming_work_begins_it_again(round_in: Any, phase: str, effect: Effect) -> None:
    state = round_in(phase)
    held = replay(state, Paused(10.0))
    for answer in (SumReady(11.0, SUM), GatePassed(11.0), SumFailed(11.0, "blob_missing")):
        assert reason(held, answer) == "round_paused"
    after, emitted = step(held, Resumed(500.0))
    assert (after.phase, after.attempts, after.work_deadline_at) == (phase, 1, 510.0)
    assert emitted == (effect,)


@pytest.mark.parametrize("phase", ["selecting", "training", "reducing", "gating"])
def test_a_hold_that_nobody_ends_is_given_up(round_in: Any, phase: str) -> None:
    held = replay(round_in(phase), Paused(10.0))
    assert held.hold_ends_at == 10.0 + held.hold_s_max
    assert step(held, TimePassed(held.hold_ends_at - 0.1)) == (held, ())
    after, emitted = step(held, TimePassed(held.hold_ends_at))
    assert (after.phase, after.reason) == ("abandoned", "hold_expired")
    assert emitted == (Discard("hold_expired"), OpenNext())
    assert after.hold_ends_at is None


def test_a_scheduled_round_that_nobody_opens_is_given_up(round_in: Any) -> None:
    scheduled = replace(round_in("scheduled"), scheduled_at=50.0, hold_s_max=20.0)
    assert step(scheduled, TimePassed(69.9)) == (scheduled, ())
    after, emitted = step(scheduled, TimePassed(70.0))
    assert (after.phase, after.reason) == ("abandoned", "hold_expired")
    assert emitted == (Discard("hold_expired"), OpenNext())


def test_an_opened_or_resumed_round_waits_for_nobody(round_in: Any) -> None:
    for state in (round_in("training"), replay(round_in("training"), Paused(5.0), Resumed(6.0))):
        assert state.hold_ends_at is None


def test_resuming_a_scheduled_round(round_in: Any) -> None:
    scheduled = round_in("scheduled")
    assert step(replay(scheduled, Paused(1.0)), Resumed(2.0)) == (scheduled, ())
