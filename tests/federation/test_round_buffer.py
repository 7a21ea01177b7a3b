"""Buffered rounds: leases outlive the round that gave them, and staleness is bounded."""

from dataclasses import replace

import pytest

from federation.round_effects import Accept, BeginReduce, Grant
from federation.round_engine import replay, step
from federation.round_events import CheckedIn, LeasesExpired, Opened, TimePassed, UploadOffered
from federation.round_state import RoundState
from tests.federation.round_steps import CHECK_IN, UPLOAD, reason

SCHEDULED = RoundState(
    round_id=4,
    cohort_target=3,
    cohort_min=2,
    invitations=4,
    deadline_s=100.0,
    lease_s=30.0,
    max_staleness=2,
)
LATE = UploadOffered(2.0, "open", carried=True, staleness=1)


def opened(carried: int = 2, **changes: int) -> RoundState:
    return replay(replace(SCHEDULED, **changes), Opened(0.0, carried))


def test_staleness_is_bounded() -> None:
    too_old = UploadOffered(2.0, "open", carried=True, staleness=3)
    assert reason(opened(), too_old) == "stale_update"
    assert reason(opened(), UploadOffered(2.0, "left_behind")) == "stale_update"


def test_a_full_buffer_asks_for_the_same_bytes_again() -> None:
    closed = replay(opened(), *[CHECK_IN] * 2, LATE, UPLOAD, UPLOAD)
    assert closed.phase == "reducing"
    assert reason(closed, LATE) == "buffer_closed"
    assert reason(closed, UploadOffered(99.0, "expired")) == "assignment_expired"


def test_no_more_late_updates_than_leases_taken_over() -> None:
    state = replay(opened(carried=1), LATE)
    assert reason(state, LATE) == "unexpected_event"
    assert reason(state, LeasesExpired(3.0, 0, carried=1)) == "unexpected_event"


def test_staleness_without_an_earlier_round_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="staleness"):
        UploadOffered(1.0, "open", staleness=1)


def test_late_and_fresh_updates_fill_one_buffer() -> None:
    state = replay(opened(), CHECK_IN, LATE)
    assert (state.accepted, state.late, state.carried, state.outstanding) == (1, 1, 1, 1)
    state = replay(state, UPLOAD)
    after, emitted = step(state, LATE)
    assert (after.phase, after.late, after.carried) == ("reducing", 2, 0)
    assert emitted == (Accept(2), BeginReduce(3))


def test_a_lease_outlives_its_round() -> None:
    after_close = CheckedIn(95.0, assignment_open=False, account_assigned=False)
    assert step(opened(), after_close)[1] == (Grant(125.0),)


def test_delivered_leases_make_room_at_once() -> None:
    state = replay(opened(carried=0), *[CHECK_IN] * 4)
    assert (state.phase, state.free) == ("training", 0)
    state = replay(state, UPLOAD)
    assert (state.phase, state.free) == ("selecting", 1)


def test_refill_invites_in_waves() -> None:
    state = replay(opened(carried=0, refill=2), *[CHECK_IN] * 4, UPLOAD)
    assert state.phase == "training"
    state = replay(state, UPLOAD)
    assert state.phase == "selecting"
    assert replay(state, CHECK_IN).phase == "selecting"
    assert replay(state, CHECK_IN, CHECK_IN).phase == "training"


@pytest.mark.parametrize(("carried", "phase"), [(3, "selecting"), (4, "training"), (9, "training")])
def test_leases_taken_over_use_up_places(carried: int, phase: str) -> None:
    assert opened(carried).phase == phase


def test_expired_leases_of_both_kinds_make_room() -> None:
    state = replay(opened(carried=2), *[CHECK_IN] * 2)
    assert state.phase == "training"
    after = replay(state, LeasesExpired(31.0, 1, carried=2))
    assert (after.phase, after.carried, after.expired, after.free) == ("selecting", 0, 1, 3)


def test_quorum_and_deadline_hold_as_ever() -> None:
    few = replay(opened(), LATE)
    assert replay(few, TimePassed(100.0)).reason == "below_quorum"
    enough = replay(few, LATE)
    assert step(enough, TimePassed(100.0))[1] == (BeginReduce(2),)
