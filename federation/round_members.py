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
    WaitReason,
)
from federation.round_events import CheckedIn, LeasesExpired, UploadOffered
from federation.round_state import CLOSED, GATHERING, Phase, RoundState

Step = tuple[RoundState, tuple[Effect, ...]]


def refuse(state: RoundState, reason: str, detail: str) -> Step:
    """Nothing changes, and the answer says why."""
    return state, (Refuse(Refusal(reason, detail)),)


def on_checked_in(state: RoundState, event: CheckedIn) -> Step:
    """Grant while invitations are left; idempotent for a device that holds an assignment."""
    reason = _wait_reason(state, event)
    if state.phase in GATHERING and event.assignment_open:
        return state, (SameAssignment(),)
    if reason is not None:
        return state, (ComeBack(reason),)
    assert state.deadline_at is not None
    expires_at = event.now + state.lease_s
    if not state.is_buffered:
        # A lease that outlived the round would promise what cannot be kept.
        expires_at = min(expires_at, state.deadline_at)
    after = replace(state, granted=state.granted + 1)
    return replace(after, phase=gathering_phase(after)), (Grant(expires_at),)


def _wait_reason(state: RoundState, event: CheckedIn) -> WaitReason | None:
    if state.phase not in GATHERING:
        return "no_round"
    # One lease per account: whoever has many devices must not count many times.
    if event.account_assigned:
        return "took_part"
    if event.resting:
        return "resting"
    assert state.deadline_at is not None
    if state.phase == "training" or event.now >= state.deadline_at:
        return "round_full"
    return None


def gathering_phase(state: RoundState) -> Phase:
    """Whether the round still invites, or only waits for those it has invited.

    Once full it invites again when `refill` places are free: one at a time, or in waves.
    """
    enough = state.refill if state.phase == "training" else 1
    return "selecting" if state.free >= enough else "training"


def on_upload_offered(state: RoundState, event: UploadOffered) -> Step:
    """Accept an update whose lease is open; give every repetition the first one's answer.

    The phase decides, not the clock: until the round's close is recorded, an update of an open
    lease counts, even past the deadline. So one writer, whoever commits first, settles the race.
    """
    if event.assignment == "missing":
        return refuse(state, "not_assigned", "No assignment of this round has this address.")
    if event.assignment == "accepted" and event.same_bytes:
        return state, (SameReceipt(),)
    reason = _refusal(state, event)
    if reason is not None:
        return refuse(state, *reason)
    return _accept(state, event)


def _refusal(state: RoundState, event: UploadOffered) -> tuple[str, str] | None:
    # A held round may have reached its target without closing yet.
    is_closed = state.effective_phase in CLOSED or state.accepted == state.cohort_target
    if event.assignment == "accepted":
        closed = "round_closed" if is_closed else "update_conflict"
        return closed, "Another body was accepted before."
    if event.assignment == "expired" and not (is_closed and not state.is_buffered):
        return "assignment_expired", "The lease has run out."
    if state.is_buffered:
        return _stale_refusal(state, event, is_closed)
    if is_closed or event.assignment == "left_behind":
        return "round_closed", f"Round {state.round_id} takes no more updates."
    if state.outstanding == 0 or event.carried:
        return "unexpected_event", "The round has no such open lease."
    return None


def _stale_refusal(
    state: RoundState, event: UploadOffered, is_closed: bool
) -> tuple[str, str] | None:
    if event.assignment == "left_behind" or event.staleness > state.max_staleness:
        detail = f"Later rounds count no update that is more than {state.max_staleness} steps old."
        return "stale_update", detail
    if is_closed:
        return "buffer_closed", "The buffer is full; the next one will take the same bytes."
    if (state.carried if event.carried else state.outstanding) == 0:
        return "unexpected_event", "The round has no such open lease."
    return None


def _accept(state: RoundState, event: UploadOffered) -> Step:
    late = int(event.carried)
    after = replace(
        state,
        accepted=state.accepted + 1,
        late=state.late + late,
        carried=state.carried - late,
    )
    accept = Accept(position=state.accepted)
    if state.phase == "paused":
        return after, (accept,)
    if after.accepted < after.cohort_target:
        return replace(after, phase=gathering_phase(after)), (accept,)
    return begin_work(after, "reducing", event.now), (accept, BeginReduce(after.accepted))


def begin_work(state: RoundState, phase: Phase, now: float) -> RoundState:
    """The state at the first attempt of reducing or gating."""
    return replace(state, phase=phase, attempts=1, work_deadline_at=now + state.work_deadline_s)


def on_leases_expired(state: RoundState, event: LeasesExpired) -> Step:
    """Count leases that ran out, and invite others in their place.

    A closed round's counts stand as they were at its close: its devices were cut off, not lost.
    """
    if state.effective_phase in CLOSED:
        return state, ()
    if event.count > state.outstanding or event.carried > state.carried:
        return refuse(state, "unexpected_event", "More leases expired than are open.")
    after = replace(
        state, expired=state.expired + event.count, carried=state.carried - event.carried
    )
    if state.phase in GATHERING:
        after = replace(after, phase=gathering_phase(after))
    return after, ()
