"""The round engine under every sequence of events: all small rounds, and many long random ones."""

from collections import Counter, deque
from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

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
    SumLost,
    SumReady,
    TimePassed,
    UploadOffered,
)
from federation.round_state import CLOSED, ENDED, TRANSITIONS, RoundState
from tests.federation.round_steps import SUM

ALL_EFFECTS = {
    Grant,
    SameAssignment,
    ComeBack,
    Accept,
    SameReceipt,
    Refuse,
    BeginReduce,
    BeginGate,
    Publish,
    Discard,
    OpenNext,
}
ALL_REASONS = {
    "not_assigned",
    "assignment_expired",
    "round_closed",
    "update_conflict",
    "buffer_closed",
    "stale_update",
    "round_paused",
    "unexpected_event",
}
SMALL = RoundState(
    round_id=1,
    cohort_target=2,
    cohort_min=1,
    invitations=3,
    deadline_s=2.0,
    lease_s=1.0,
    work_deadline_s=1.0,
    work_attempts_max=2,
    hold_s_max=3.0,
)
BUFFERED = replace(SMALL, invitations=2, refill=2, deadline_s=1.0, max_staleness=1)
LAST = 5.0  # small worlds end here


def events_at(now: float) -> list[Event]:
    uploads: list[Event] = [
        UploadOffered(now, "open"),
        UploadOffered(now, "expired"),
        UploadOffered(now, "missing"),
        UploadOffered(now, "accepted", same_bytes=True),
        UploadOffered(now, "accepted", same_bytes=False),
        UploadOffered(now, "open", carried=True),
        UploadOffered(now, "open", carried=True, staleness=1),
        UploadOffered(now, "open", carried=True, staleness=2),
        UploadOffered(now, "left_behind"),
    ]
    return [
        *uploads,
        CheckedIn(now, False, False),
        CheckedIn(now, False, True),
        CheckedIn(now, True, True),
        CheckedIn(now, False, False, resting=True),
        LeasesExpired(now, 1),
        LeasesExpired(now, 0, carried=1),
        Opened(now),
        Opened(now, carried=1),
        Opened(now, carried=2),
        TimePassed(now),
        SumReady(now, SUM),
        SumFailed(now, "blob_missing"),
        SumLost(now),
        GatePassed(now),
        GateFailed(now, "not_finite"),
        Paused(now),
        Resumed(now),
        AbandonAsked(now, "operator"),
        LeasesExpired(now, 0),
    ]


Move = tuple[RoundState, Event, RoundState, tuple[Effect, ...]]


@cache
def small_world() -> tuple[Move, ...]:
    """Every step that a small round of either kind can take, breadth-first over (time, state)."""
    moves: list[Move] = []
    starts = [(0.0, SMALL), (0.0, BUFFERED)]
    seen, waiting = set(starts), deque(starts)
    while waiting:
        now, state = waiting.popleft()
        for event in events_at(now):
            after, effects = step(state, event)
            moves.append((state, event, after, effects))
            if after.granted <= (2 if after.is_buffered else 4) and (now, after) not in seen:
                seen.add((now, after))
                waiting.append((now, after))
        if now < (3 if state.is_buffered else LAST) and (now + 1, state) not in seen:
            seen.add((now + 1, state))
            waiting.append((now + 1, state))
    return tuple(moves)


def test_table_is_exactly_what_happens() -> None:
    observed: dict[tuple[str, str], set[str]] = {}
    for state, event, after, effects in small_world():
        cell = (state.phase, type(event).__name__)
        if cell in TRANSITIONS:
            observed.setdefault(cell, set()).add(after.phase)
        else:
            assert isinstance(effects[0], Refuse)
    assert observed == {cell: set(phases) for cell, phases in TRANSITIONS.items()}


def test_every_effect_and_refusal_occurs() -> None:
    effects = [effect for *_, emitted in small_world() for effect in emitted]
    assert {type(effect) for effect in effects} == ALL_EFFECTS
    assert {e.refusal.reason for e in effects if isinstance(e, Refuse)} == ALL_REASONS


def test_a_refusal_changes_nothing() -> None:
    for state, _, after, effects in small_world():
        if any(isinstance(effect, Refuse) for effect in effects):
            assert after == state
            assert len(effects) == 1


def test_membership_is_frozen_at_the_close() -> None:
    for state, _, after, _ in small_world():
        if state.effective_phase in CLOSED:
            counts = (state.granted, state.accepted, state.expired, state.late)
            assert counts == (after.granted, after.accepted, after.expired, after.late)


def test_nothing_is_summed_or_published_below_quorum() -> None:
    for *_, after, effects in small_world():
        if after.effective_phase in {"reducing", "gating", "published"}:
            assert after.accepted >= after.cohort_min
        for effect in effects:
            if isinstance(effect, BeginReduce):
                assert (after.phase, after.accepted) == ("reducing", effect.count)
        assert (Publish() in effects) == (OpenNext() in effects and after.phase == "published")


def test_every_end_opens_the_next_round_once() -> None:
    for state, _, after, effects in small_world():
        ends = after.phase in ENDED and state.phase not in ENDED
        assert effects.count(OpenNext()) == int(ends)
        if state.phase in ENDED:
            assert after == state


def test_every_grant_ends_by_the_deadline() -> None:
    for _, event, after, effects in small_world():
        for effect in effects:
            if isinstance(effect, Grant):
                assert after.deadline_at is not None
                assert event.now < effect.expires_at
                assert after.is_buffered or effect.expires_at <= after.deadline_at


def test_time_alone_ends_every_round() -> None:
    """Liveness: from any state, held or not yet opened, ticks lead to an end."""
    for state in {after for *_, after, _ in small_world()}:
        now = LAST
        work_s = state.work_deadline_s * state.work_attempts_max
        bound_s = 2 * LAST + state.deadline_s + state.hold_s_max + work_s
        while now <= LAST + bound_s and state.phase not in ENDED:
            now += 1.0
            state, _ = step(state, TimePassed(now))
        assert state.phase in ENDED


ROUND = replace(SMALL, cohort_target=6, cohort_min=3, invitations=9, deadline_s=40.0, lease_s=9.0)
ROUNDS = [ROUND, replace(ROUND, invitations=4, refill=2, max_staleness=3)]
N_EVENTS = len(events_at(0.0))
WEIGHTED = [0, 0, 0, 0, 5, 6, 9, 9, 9, 9, 9, *range(N_EVENTS)]  # uploads, check-ins more often


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ROUNDS),
    st.lists(st.tuples(st.sampled_from(WEIGHTED), st.floats(0, 4)), max_size=120),
)
def test_counts_are_the_ledger_of_effects(
    start: RoundState, choices: list[tuple[int, float]]
) -> None:
    carried = 3 if start.is_buffered else 0
    state, now = step(start, Opened(0.0, carried))[0], 0.0
    ledger: Counter[type[Effect]] = Counter()
    accepted_at_close = None
    for choice, elapsed_s in choices:
        now += elapsed_s
        state, effects = step(state, events_at(now)[choice])
        ledger.update(map(type, effects))
        assert ledger[Grant] == state.granted
        assert ledger[Accept] == state.accepted <= state.cohort_target
        assert state.carried + state.late <= carried
        assert state.is_buffered or state.live <= state.invitations
        if state.effective_phase in CLOSED and accepted_at_close is None:
            accepted_at_close = state.accepted
    assert accepted_at_close in (None, state.accepted)
    assert ledger[Publish] + ledger[Discard] == ledger[OpenNext] == int(state.phase in ENDED)


@given(
    st.sampled_from(ROUNDS),
    st.lists(st.tuples(st.integers(0, N_EVENTS - 1), st.floats(0, 4)), max_size=40),
)
def test_same_events_same_round(start: RoundState, choices: list[tuple[int, float]]) -> None:
    def play() -> list[tuple[RoundState, tuple[Effect, ...]]]:
        steps, state, now = [], start, 0.0
        for choice, elapsed_s in choices:
            now += elapsed_s
            # Through storage and back: the state is all there is.
            state = RoundState.from_mapping(state.to_mapping())
            state, effects = step(state, events_at(now)[choice])
            steps.append((state, effects))
        return steps

    assert play() == play()
