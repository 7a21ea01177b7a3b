"""What a round answers to its devices: check-ins, uploads, and leases that run out."""

from dataclasses import replace

from federation.refusals import Refusal
from federation.round_effects import (
    Accept,
    BeginReduce,
    ComeBack,
    Effect,
    Grant,
    Refuse,
    SameAssignment,
    SameReceipt,
)
from federation.round_events import CheckedIn, LeasesExpired, UploadOffered
from federation.round_state import CLOSED, GATHERING, Phase, RoundState

Step = tuple[RoundState, tuple[Effect, ...]]


def refuse(state: RoundState, reason: str, detail: str) -> Step:
    """Nothing changes, and the answer says why."""
    return state, (Refuse(Refusal(reason, detail)),)


def on_checked_in(state: RoundState, event: CheckedIn) -> Step:
    """Grant while invitations are left; idempotent for a device that holds an assignment."""
    if state.phase not in GATHERING:
        return state, (ComeBack(),)
    if event.assignment_open:
        return state, (SameAssignment(),)
    assert state.deadline_at is not None
    # One lease per account: whoever has many devices must not count many times.
    if event.account_assigned or state.phase == "training" or event.now >= state.deadline_at:
        return state, (ComeBack(),)
    # A lease that outlived the round would promise what cannot be kept.
    expires_at = min(event.now + state.lease_s, state.deadline_at)
    after = replace(state, granted=state.granted + 1)
    return replace(after, phase=gathering_phase(after)), (Grant(expires_at),)


def gathering_phase(state: RoundState) -> Phase:
    """Whether the round still invites, or only waits for those it has invited."""
    return "selecting" if state.live < state.invitations else "training"


def on_upload_offered(state: RoundState, event: UploadOffered) -> Step:
    """Accept an update whose lease is open; give every repetition the first one's answer.

    The phase decides, not the clock: until the round's close is recorded, an update of an open
    lease counts, even past the deadline. So one writer, whoever commits first, settles the race.
    """
    if event.assignment == "missing":
        return refuse(state, "not_assigned", "No assignment of this round has this address.")
    if event.assignment == "accepted" and event.same_bytes:
        return state, (SameReceipt(),)
    # A held round may have reached its target without closing yet.
    if state.effective_phase in CLOSED or state.accepted == state.cohort_target:
        return refuse(state, "round_closed", f"Round {state.round_id} takes no more updates.")
    if event.assignment == "accepted":
        return refuse(state, "update_conflict", "Another body was accepted before.")
    if event.assignment == "expired":
        return refuse(state, "assignment_expired", "The lease has run out.")
    if state.outstanding == 0:
        return refuse(state, "unexpected_event", "The round has no open lease.")
    return _accept(state, event.now)


def _accept(state: RoundState, now: float) -> Step:
    after = replace(state, accepted=state.accepted + 1)
    if after.accepted < after.cohort_target or state.phase == "paused":
        return after, (Accept(),)
    return begin_work(after, "reducing", now), (Accept(), BeginReduce())


def begin_work(state: RoundState, phase: Phase, now: float) -> RoundState:
    """The state at the first attempt of reducing or gating."""
    return replace(state, phase=phase, attempts=1, work_deadline_at=now + state.work_deadline_s)


def on_leases_expired(state: RoundState, event: LeasesExpired) -> Step:
    """Count leases that ran out, and invite others in their place.

    A closed round's counts stand as they were at its close: its devices were cut off, not lost.
    """
    if state.effective_phase in CLOSED:
        return state, ()
    if event.count > state.outstanding:
        return refuse(state, "unexpected_event", "More leases expired than are open.")
    after = replace(state, expired=state.expired + event.count)
    if state.phase in GATHERING:
        after = replace(after, phase=gathering_phase(after))
    return after, ()
