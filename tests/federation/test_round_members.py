"""What a round answers to its devices: refusals first."""

from typing import Any

import pytest

from federation.round_effects import (
    Accept,
    BeginReduce,
    ComeBack,
    Grant,
    Refuse,
    SameAssignment,
    SameReceipt,
)
from federation.round_engine import replay, step
from federation.round_events import CheckedIn, Event, LeasesExpired, Paused, UploadOffered
from federation.round_state import CLOSED, GATHERING, PHASES, RoundState

CHECK_IN = CheckedIn(1.0, assignment_open=False, account_assigned=False)
UPLOAD = UploadOffered(2.0, "open")
OPEN_PHASES = sorted(GATHERING)
CLOSED_PHASES = sorted(CLOSED)


def reason(state: RoundState, event: Event) -> str:
    after, (effect,) = step(state, event)
    assert after == state
    assert isinstance(effect, Refuse)
    return effect.refusal.reason


@pytest.mark.parametrize("phase", PHASES)
def test_upload_without_assignment(round_in: Any, phase: str) -> None:
    assert reason(round_in(phase), UploadOffered(2.0, "missing")) == "not_assigned"


@pytest.mark.parametrize("phase", OPEN_PHASES)
def test_upload_after_its_lease(round_in: Any, phase: str) -> None:
    assert reason(round_in(phase), UploadOffered(2.0, "expired")) == "assignment_expired"


@pytest.mark.parametrize("phase", OPEN_PHASES)
def test_upload_of_other_bytes(round_in: Any, phase: str) -> None:
    offered = UploadOffered(2.0, "accepted", same_bytes=False)
    assert reason(replay(round_in(phase), CHECK_IN, UPLOAD), offered) == "update_conflict"


@pytest.mark.parametrize("phase", CLOSED_PHASES)
def test_upload_to_a_closed_round(round_in: Any, phase: str) -> None:
    state = round_in(phase)
    assert reason(state, UPLOAD) == "round_closed"
    assert reason(state, UploadOffered(2.0, "expired")) == "round_closed"
    assert reason(state, UploadOffered(2.0, "accepted", same_bytes=False)) == "round_closed"
    assert reason(replay(state, Paused(3.0)), UPLOAD) == "round_closed"


@pytest.mark.parametrize("phase", ["scheduled", "selecting", "paused"])
def test_more_uploads_than_leases(round_in: Any, phase: str) -> None:
    assert reason(round_in(phase), UPLOAD) == "unexpected_event"


def test_more_expiries_than_leases(round_in: Any) -> None:
    state = replay(round_in("selecting"), CHECK_IN, CHECK_IN, UPLOAD)
    assert reason(state, LeasesExpired(3.0, 2)) == "unexpected_event"


@pytest.mark.parametrize("phase", ["selecting", "training", *CLOSED_PHASES])
def test_same_bytes_get_the_same_receipt_for_ever(round_in: Any, phase: str) -> None:
    state = replay(round_in(phase), CHECK_IN, UPLOAD)
    again = UploadOffered(900.0, "accepted", same_bytes=True)
    assert step(state, again) == (state, (SameReceipt(),))
    held = replay(state, Paused(3.0))
    assert step(held, again) == (held, (SameReceipt(),))


def test_check_in_is_granted_until_all_are_invited(round_in: Any) -> None:
    state = round_in("selecting")
    for granted in range(1, 5):
        state, emitted = step(state, CHECK_IN)
        assert emitted == (Grant(31.0),)
        assert state.granted == granted
    assert state.phase == "training"
    assert step(state, CHECK_IN) == (state, (ComeBack("round_full"),))


def test_lease_ends_with_the_round(round_in: Any) -> None:
    state = round_in("selecting")
    assert step(state, CheckedIn(90.0, False, False))[1] == (Grant(100.0),)
    assert step(state, CheckedIn(100.0, False, False)) == (state, (ComeBack("round_full"),))


@pytest.mark.parametrize("phase", OPEN_PHASES)
def test_check_in_is_idempotent(round_in: Any, phase: str) -> None:
    again = CheckedIn(2.0, assignment_open=True, account_assigned=True)
    assert step(round_in(phase), again) == (round_in(phase), (SameAssignment(),))


def test_one_lease_per_account(round_in: Any) -> None:
    second = CheckedIn(2.0, assignment_open=False, account_assigned=True)
    told = (ComeBack("took_part"),)
    assert step(round_in("selecting"), second) == (round_in("selecting"), told)


def test_who_was_counted_lately_rests(round_in: Any) -> None:
    resting = CheckedIn(2.0, assignment_open=False, account_assigned=False, resting=True)
    assert step(round_in("selecting"), resting) == (round_in("selecting"), (ComeBack("resting"),))


@pytest.mark.parametrize("phase", ["scheduled", "paused", *CLOSED_PHASES])
def test_check_in_while_nothing_is_granted(round_in: Any, phase: str) -> None:
    for open_lease in (True, False):
        event = CheckedIn(2.0, open_lease, open_lease)
        assert step(round_in(phase), event) == (round_in(phase), (ComeBack("no_round"),))


def test_expired_lease_reopens_selection(round_in: Any) -> None:
    state = replay(round_in("training"), UPLOAD)
    state, emitted = step(state, LeasesExpired(31.0, 2))
    assert (state.phase, state.outstanding, emitted) == ("selecting", 1, ())
    state = replay(state, CHECK_IN, CHECK_IN)
    assert (state.phase, state.granted, state.live) == ("training", 6, 4)


@pytest.mark.parametrize("phase", CLOSED_PHASES)
def test_leases_that_end_after_the_close_change_nothing(round_in: Any, phase: str) -> None:
    assert step(round_in(phase), LeasesExpired(200.0, 1)) == (round_in(phase), ())


def test_target_closes_the_round(round_in: Any) -> None:
    state = replay(round_in("training"), UPLOAD, UPLOAD)
    state, emitted = step(state, UPLOAD)
    assert (state.phase, state.accepted, state.attempts) == ("reducing", 3, 1)
    assert emitted == (Accept(2), BeginReduce(3))


def test_target_closes_a_round_that_still_selects(round_in: Any) -> None:
    state = replay(round_in("selecting"), *[CHECK_IN] * 3, UPLOAD, UPLOAD)
    assert step(state, UPLOAD)[0].phase == "reducing"
