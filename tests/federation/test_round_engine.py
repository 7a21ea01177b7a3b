"""The round engine, case by case: refusals first, then the way of a round."""

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
    Grant,
    OpenNext,
    Publish,
    Refuse,
    SameAssignment,
    SameReceipt,
)
from federation.round_engine import step
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
    SumReady,
    TimePassed,
    UploadOffered,
)
from federation.round_state import PHASES, TRANSITIONS, RoundState

SCHEDULED = RoundState(
    round_id=1,
    cohort_target=3,
    cohort_min=2,
    invitations=4,
    deadline_s=100.0,
    lease_s=30.0,
    work_deadline_s=10.0,
)
CHECK_IN = CheckedIn(1.0, assignment_open=False, account_assigned=False)
UPLOAD = UploadOffered(2.0, "open")


def run(state: RoundState, *events: Event) -> RoundState:
    for event in events:
        state, _ = step(state, event)
    return state


def effects(state: RoundState, event: Event) -> tuple[Effect, ...]:
    return step(state, event)[1]


def reason(state: RoundState, event: Event) -> str:
    after, (effect,) = step(state, event)
    assert after == state
    assert isinstance(effect, Refuse)
    return effect.refusal.reason


SELECTING = run(SCHEDULED, Opened(0.0))
TRAINING = run(SELECTING, *[CHECK_IN] * 4)
REDUCING = run(TRAINING, *[UPLOAD] * 3)
GATING = run(REDUCING, SumReady(3.0))
PUBLISHED = run(GATING, GatePassed(4.0))
ABANDONED = run(SELECTING, AbandonAsked(1.0, "operator"))
OPEN = [SELECTING, TRAINING]
CLOSED = [REDUCING, GATING, PUBLISHED, ABANDONED]
BY_PHASE = {s.phase: s for s in [SCHEDULED, *OPEN, *CLOSED, run(SELECTING, Paused(1.0))]}


def one_of_each(now: float = 5.0) -> list[Event]:
    return [
        Opened(now),
        CheckedIn(now, False, False),
        UploadOffered(now, "open"),
        LeasesExpired(now, 0),
        TimePassed(now),
        SumReady(now),
        SumFailed(now, "blob_missing"),
        GatePassed(now),
        GateFailed(now, "not_finite"),
        Paused(now),
        Resumed(now),
        AbandonAsked(now, "operator"),
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_missing_cell_is_refused(phase: str) -> None:
    state = BY_PHASE[phase]  # type: ignore[index]
    expected = "round_paused" if phase == "paused" else "unexpected_event"
    missing = [e for e in one_of_each() if (state.phase, type(e).__name__) not in TRANSITIONS]
    assert missing
    for event in missing:
        assert reason(state, event) == expected


@pytest.mark.parametrize("state", BY_PHASE.values(), ids=BY_PHASE)
def test_upload_without_assignment(state: RoundState) -> None:
    assert reason(state, UploadOffered(2.0, "missing")) == "not_assigned"


@pytest.mark.parametrize("state", OPEN)
def test_upload_after_its_lease(state: RoundState) -> None:
    assert reason(state, UploadOffered(2.0, "expired")) == "assignment_expired"


@pytest.mark.parametrize("state", OPEN)
def test_upload_of_other_bytes(state: RoundState) -> None:
    offered = UploadOffered(2.0, "accepted", same_bytes=False)
    assert reason(run(state, CHECK_IN, UPLOAD), offered) == "update_conflict"


@pytest.mark.parametrize("state", CLOSED)
def test_upload_to_a_closed_round(state: RoundState) -> None:
    assert reason(state, UPLOAD) == "round_closed"
    assert reason(state, UploadOffered(2.0, "expired")) == "round_closed"
    assert reason(state, UploadOffered(2.0, "accepted", same_bytes=False)) == "round_closed"
    assert reason(run(state, Paused(3.0)), UPLOAD) == "round_closed"


def test_more_uploads_than_leases() -> None:
    assert reason(SELECTING, UPLOAD) == "unexpected_event"
    assert reason(SCHEDULED, UPLOAD) == "unexpected_event"


def test_more_expiries_than_leases() -> None:
    state = run(SELECTING, CHECK_IN, CHECK_IN, UPLOAD)
    assert reason(state, LeasesExpired(3.0, 2)) == "unexpected_event"


@pytest.mark.parametrize(
    "make",
    [
        lambda: UploadOffered(1.0, "accepted"),
        lambda: UploadOffered(1.0, "stolen"),  # type: ignore[arg-type]
        lambda: LeasesExpired(1.0, -1),
        lambda: AbandonAsked(1.0, ""),
        lambda: GateFailed(1.0, "Not a code"),
    ],
)
def test_events_that_make_no_sense(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    "change",
    [
        {"accepted": 4},
        {"accepted": 1},
        {"granted": -1},
        {"granted": 5},
        {"expired": 1},
        {"cohort_min": 0},
        {"cohort_min": 4},
        {"invitations": 2},
        {"phase": "asleep"},
        {"phase": "paused"},
        {"phase": "abandoned"},
        {"phase": "selecting"},
        {"reason": "operator"},
        {"lease_s": 0.0},
    ],
)
def test_states_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(SCHEDULED, **change)


def test_same_bytes_get_the_same_receipt_for_ever() -> None:
    again = UploadOffered(900.0, "accepted", same_bytes=True)
    for state in [run(SELECTING, CHECK_IN, UPLOAD), *CLOSED, run(REDUCING, Paused(3.0))]:
        assert step(state, again) == (state, (SameReceipt(),))


def test_opening_sets_the_deadline() -> None:
    state, emitted = step(SCHEDULED, Opened(50.0))
    assert (state.phase, state.opened_at, state.deadline_at) == ("selecting", 50.0, 150.0)
    assert emitted == ()


def test_check_in_is_granted_until_all_are_invited() -> None:
    state = SELECTING
    for granted in range(1, 5):
        state, emitted = step(state, CHECK_IN)
        assert emitted == (Grant(31.0),)
        assert state.granted == granted
    assert state.phase == "training"
    assert step(state, CHECK_IN) == (state, (ComeBack(),))


def test_lease_ends_with_the_round() -> None:
    assert effects(SELECTING, CheckedIn(90.0, False, False)) == (Grant(100.0),)
    assert effects(SELECTING, CheckedIn(100.0, False, False)) == (ComeBack(),)


@pytest.mark.parametrize("state", OPEN)
def test_check_in_is_idempotent(state: RoundState) -> None:
    again = CheckedIn(2.0, assignment_open=True, account_assigned=True)
    assert step(state, again) == (state, (SameAssignment(),))


def test_one_lease_per_account() -> None:
    second = CheckedIn(2.0, assignment_open=False, account_assigned=True)
    assert step(SELECTING, second) == (SELECTING, (ComeBack(),))


@pytest.mark.parametrize("state", [SCHEDULED, *CLOSED])
def test_check_in_while_nothing_is_granted(state: RoundState) -> None:
    for open_lease in (True, False):
        assert step(state, CheckedIn(2.0, open_lease, open_lease)) == (state, (ComeBack(),))


def test_expired_lease_reopens_selection() -> None:
    state = run(TRAINING, UPLOAD)
    state, emitted = step(state, LeasesExpired(31.0, 2))
    assert (state.phase, state.outstanding, emitted) == ("selecting", 1, ())
    state = run(state, CHECK_IN, CHECK_IN)
    assert (state.phase, state.granted, state.live) == ("training", 6, 4)


def test_target_closes_the_round() -> None:
    state = run(TRAINING, UPLOAD, UPLOAD)
    state, emitted = step(state, UPLOAD)
    assert (state.phase, state.accepted, state.attempts) == ("reducing", 3, 1)
    assert emitted == (Accept(), BeginReduce())


def test_target_closes_a_round_that_still_selects() -> None:
    state = run(SELECTING, *[CHECK_IN] * 3, UPLOAD, UPLOAD)
    assert step(state, UPLOAD)[0].phase == "reducing"


@pytest.mark.parametrize("accepted", [0, 1])
def test_deadline_below_quorum(accepted: int) -> None:
    state = run(TRAINING, *[UPLOAD] * accepted)
    assert step(state, TimePassed(99.9)) == (state, ())
    after, emitted = step(state, TimePassed(100.0))
    assert (after.phase, after.reason) == ("abandoned", "below_quorum")
    assert emitted == (Discard("below_quorum"), OpenNext())


@pytest.mark.parametrize("state", OPEN)
def test_deadline_with_quorum(state: RoundState) -> None:
    state = run(state, *[CHECK_IN] * 3, UPLOAD, UPLOAD)
    after, emitted = step(state, TimePassed(100.0))
    assert (after.phase, after.accepted, emitted) == ("reducing", 2, (BeginReduce(),))


def test_upload_and_tick_at_the_deadline_in_both_orders() -> None:
    state = run(TRAINING, UPLOAD, UPLOAD)
    upload, tick = UploadOffered(100.0, "open"), TimePassed(100.0)
    first_upload = run(state, upload, tick)
    assert (first_upload.phase, first_upload.accepted) == ("reducing", 3)
    closed = run(state, tick)
    assert reason(closed, upload) == "round_closed"
    assert closed.accepted == 2


def test_leases_that_end_after_the_close_change_nothing() -> None:
    for state in CLOSED:
        assert step(state, LeasesExpired(200.0, 1)) == (state, ())


@pytest.mark.parametrize(
    ("state", "effect", "expected"),
    [(REDUCING, BeginReduce(), "reduction_failed"), (GATING, BeginGate(), "gate_failed")],
)
def test_work_is_begun_again_and_given_up(state: RoundState, effect: Effect, expected: str) -> None:
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


def test_gating_counts_its_own_attempts() -> None:
    late = run(REDUCING, TimePassed(50.0), TimePassed(60.0))
    assert late.attempts == 3
    state, emitted = step(late, SumReady(61.0))
    assert (state.phase, state.attempts, state.work_deadline_at) == ("gating", 1, 71.0)
    assert emitted == (BeginGate(),)


def test_sum_reported_twice_is_refused() -> None:
    assert reason(GATING, SumReady(4.0)) == "unexpected_event"
    assert reason(PUBLISHED, GatePassed(5.0)) == "unexpected_event"


def test_publication_opens_the_next_round() -> None:
    after, emitted = step(GATING, GatePassed(4.0))
    assert (after.phase, after.accepted) == ("published", 3)
    assert emitted == (Publish(), OpenNext())


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (REDUCING, SumFailed(4.0, "blob_missing")),
        (GATING, GateFailed(4.0, "not_finite")),
        (SCHEDULED, AbandonAsked(4.0, "operator")),
        (TRAINING, AbandonAsked(4.0, "operator")),
        (GATING, AbandonAsked(4.0, "operator")),
        (run(REDUCING, Paused(3.0)), AbandonAsked(4.0, "operator")),
    ],
)
def test_definite_failure_ends_the_round(state: RoundState, event: Any) -> None:
    after, emitted = step(state, event)
    assert (after.phase, after.reason) == ("abandoned", event.reason)
    assert emitted == (Discard(event.reason), OpenNext())


def test_hold_keeps_accepting_and_grants_nothing() -> None:
    held = run(TRAINING, Paused(10.0))
    assert effects(held, CheckedIn(11.0, True, True)) == (ComeBack(),)
    assert effects(held, CHECK_IN) == (ComeBack(),)
    held, emitted = step(held, UPLOAD)
    assert (held.accepted, held.held_phase, emitted) == (1, "training", (Accept(),))
    assert reason(held, UploadOffered(12.0, "expired")) == "assignment_expired"
    assert step(held, TimePassed(1e9)) == (held, ())
    assert reason(held, Paused(12.0)) == "round_paused"


def test_hold_accepts_no_more_than_the_target() -> None:
    held = run(TRAINING, Paused(10.0), *[UPLOAD] * 3)
    assert (held.phase, held.accepted) == ("paused", 3)
    assert reason(held, UPLOAD) == "round_closed"
    after, emitted = step(held, Resumed(20.0))
    assert (after.phase, after.work_deadline_at, emitted) == ("reducing", 30.0, (BeginReduce(),))


def test_resuming_gives_back_the_time() -> None:
    after, emitted = step(run(TRAINING, Paused(10.0)), Resumed(60.0))
    assert (after.phase, after.deadline_at, emitted) == ("training", 150.0, ())
    assert (after.held_phase, after.paused_at) == (None, None)
    backwards = run(TRAINING, Paused(10.0), Resumed(5.0))
    assert backwards.deadline_at == 100.0


def test_leases_that_end_during_a_hold_reopen_selection_afterwards() -> None:
    held = run(TRAINING, Paused(10.0), LeasesExpired(35.0, 1))
    assert (held.phase, held.expired) == ("paused", 1)
    assert run(held, Resumed(40.0)).phase == "selecting"


@pytest.mark.parametrize(("state", "effect"), [(REDUCING, BeginReduce()), (GATING, BeginGate())])
def test_resuming_work_begins_it_again(state: RoundState, effect: Effect) -> None:
    held = run(state, Paused(10.0))
    for answer in (SumReady(11.0), GatePassed(11.0), SumFailed(11.0, "blob_missing")):
        assert reason(held, answer) == "round_paused"
    after, emitted = step(held, Resumed(500.0))
    assert (after.phase, after.attempts, after.work_deadline_at) == (state.phase, 1, 510.0)
    assert emitted == (effect,)


def test_resuming_a_scheduled_round() -> None:
    assert step(run(SCHEDULED, Paused(1.0)), Resumed(2.0)) == (SCHEDULED, ())


def test_state_comes_from_a_plan_and_survives_storage(make_plan: Any) -> None:
    state = RoundState.of_plan(4, make_plan(), invitations=13, work_deadline_s=5.0)
    assert (state.cohort_target, state.cohort_min, state.invitations) == (10, 4, 13)
    assert (state.deadline_s, state.lease_s, state.work_deadline_s) == (600.0, 120.0, 5.0)
    for stored in [state, *BY_PHASE.values()]:
        assert RoundState.from_mapping(stored.to_mapping()) == stored
    with pytest.raises(ValueError, match="extra"):
        RoundState.from_mapping(state.to_mapping() | {"extra": 1})
