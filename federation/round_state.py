"""The state of a round and the table of its transitions.

Two rules. Everything that decides a round is here, in counts and times: no device, no vector, no
row. And what TRANSITIONS does not list does not happen: the engine refuses it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from federation.plan import Plan
from federation.strict_fields import require_fields

Phase = Literal[
    "scheduled", "selecting", "training", "reducing", "gating", "published", "abandoned", "paused"
]
PHASES: tuple[Phase, ...] = get_args(Phase)
GATHERING: frozenset[Phase] = frozenset({"selecting", "training"})
CLOSED: frozenset[Phase] = frozenset({"reducing", "gating", "published", "abandoned"})
ENDED: frozenset[Phase] = frozenset({"published", "abandoned"})

BELOW_QUORUM = "below_quorum"
REDUCTION_FAILED = "reduction_failed"
GATE_FAILED = "gate_failed"
HOLD_EXPIRED = "hold_expired"
SUM_LOST = "sum_lost"


def _to(*phases: Phase) -> frozenset[Phase]:
    return frozenset(phases)


TRANSITIONS: Mapping[tuple[Phase, str], frozenset[Phase]] = {
    ("scheduled", "Opened"): _to("scheduled", "selecting", "training"),
    ("scheduled", "CheckedIn"): _to("scheduled"),
    ("scheduled", "UploadOffered"): _to("scheduled"),
    ("scheduled", "TimePassed"): _to("scheduled", "abandoned"),
    ("scheduled", "Paused"): _to("paused"),
    ("scheduled", "AbandonAsked"): _to("abandoned"),
    ("selecting", "CheckedIn"): _to("selecting", "training"),
    ("selecting", "UploadOffered"): _to("selecting", "reducing"),
    ("selecting", "LeasesExpired"): _to("selecting"),
    ("selecting", "TimePassed"): _to("selecting", "reducing", "abandoned"),
    ("selecting", "Paused"): _to("paused"),
    ("selecting", "AbandonAsked"): _to("abandoned"),
    ("training", "CheckedIn"): _to("training"),
    ("training", "UploadOffered"): _to("training", "selecting", "reducing"),
    ("training", "LeasesExpired"): _to("training", "selecting"),
    ("training", "TimePassed"): _to("training", "reducing", "abandoned"),
    ("training", "Paused"): _to("paused"),
    ("training", "AbandonAsked"): _to("abandoned"),
    ("reducing", "CheckedIn"): _to("reducing"),
    ("reducing", "UploadOffered"): _to("reducing"),
    ("reducing", "LeasesExpired"): _to("reducing"),
    ("reducing", "TimePassed"): _to("reducing", "abandoned"),
    ("reducing", "SumReady"): _to("gating"),
    ("reducing", "SumFailed"): _to("abandoned"),
    ("reducing", "Paused"): _to("paused"),
    ("reducing", "AbandonAsked"): _to("abandoned"),
    ("gating", "CheckedIn"): _to("gating"),
    ("gating", "UploadOffered"): _to("gating"),
    ("gating", "LeasesExpired"): _to("gating"),
    ("gating", "TimePassed"): _to("gating", "abandoned"),
    ("gating", "SumLost"): _to("reducing", "abandoned"),
    ("gating", "GatePassed"): _to("published"),
    ("gating", "GateFailed"): _to("abandoned"),
    ("gating", "Paused"): _to("paused"),
    ("gating", "AbandonAsked"): _to("abandoned"),
    ("published", "CheckedIn"): _to("published"),
    ("published", "UploadOffered"): _to("published"),
    ("published", "LeasesExpired"): _to("published"),
    ("published", "TimePassed"): _to("published"),
    ("abandoned", "CheckedIn"): _to("abandoned"),
    ("abandoned", "UploadOffered"): _to("abandoned"),
    ("abandoned", "LeasesExpired"): _to("abandoned"),
    ("abandoned", "TimePassed"): _to("abandoned"),
    ("paused", "CheckedIn"): _to("paused"),
    ("paused", "UploadOffered"): _to("paused"),
    ("paused", "LeasesExpired"): _to("paused"),
    ("paused", "TimePassed"): _to("paused", "abandoned"),
    ("paused", "Resumed"): _to("scheduled", "selecting", "training", "reducing", "gating"),
    ("paused", "AbandonAsked"): _to("abandoned"),
}
"""(phase, name of the event) -> phases that may follow."""


@dataclass(frozen=True)
class RoundState:
    """All that the engine knows of a round. Times are Unix seconds, None where not yet set.

    cohort_target .. scheduled_at: fixed when the round is scheduled. invitations: in a synchronous
    round the most leases that have delivered or still may; in a buffered one the most that still
    may at once (FedBuff's concurrency). refill: free places that it takes to invite again.
    max_staleness: above 0 the round is buffered. hold_s_max: how long it may wait for an operator,
    to be opened or to be resumed. granted: leases given out; accepted: updates taken, `late` of
    them on leases of earlier rounds; expired: leases that ran out before the round closed. carried:
    open leases of earlier rounds. attempts: times that the present phase's work (reducing, gating)
    was begun. summed: times that the sum was stored, at most work_attempts_max; sum: digest of the
    one that stands. reason: why it was abandoned.
    """

    round_id: int
    cohort_target: int
    cohort_min: int
    invitations: int
    deadline_s: float
    lease_s: float
    work_deadline_s: float = 120.0
    work_attempts_max: int = 5
    max_staleness: int = 0
    refill: int = 1
    hold_s_max: float = 7 * 86400.0
    scheduled_at: float = 0.0
    phase: Phase = "scheduled"
    held_phase: Phase | None = None
    opened_at: float | None = None
    deadline_at: float | None = None
    paused_at: float | None = None
    work_deadline_at: float | None = None
    attempts: int = 0
    granted: int = 0
    accepted: int = 0
    expired: int = 0
    late: int = 0
    carried: int = 0
    summed: int = 0
    sum: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        for name, holds in self._invariants().items():
            if not holds:
                raise ValueError(f"{name}: does not hold in {self}")

    def _invariants(self) -> dict[str, bool]:
        past_opening = self.effective_phase not in ("scheduled", "abandoned")
        return {
            "phase": self.phase in PHASES,
            "cohort": 1 <= self.cohort_min <= self.cohort_target,
            "invitations": self.invitations >= (1 if self.is_buffered else self.cohort_target),
            "refill": 1 <= self.refill <= self.invitations,
            "max_staleness": self.max_staleness >= 0,
            "times": min(self._limits_s) > 0,
            "work_attempts_max": self.work_attempts_max >= 1,
            "counts": min(self.granted, self.accepted, self.expired, self.late, self.carried) >= 0,
            "outstanding": self.outstanding >= 0 and self.late <= self.accepted,
            "accepted": self.accepted <= self.cohort_target,
            "live": self.is_buffered or self.live <= self.invitations,
            "carried": self.is_buffered or self.carried == self.late == 0,
            "held_phase": (self.held_phase is not None) == (self.phase == "paused"),
            "paused_at": (self.paused_at is not None) == (self.phase == "paused"),
            "reason": (self.reason is not None) == (self.phase == "abandoned"),
            "sum": self.sum is not None or self.effective_phase not in ("gating", "published"),
            "summed": 0 <= self.summed <= self.work_attempts_max,
            "deadline_at": self.deadline_at is not None or not past_opening,
        }

    @classmethod
    def of_plan(cls, round_id: int, plan: Plan, invitations: int, **more: Any) -> "RoundState":
        """A scheduled round of `plan`.

        more: may set refill, work_deadline_s, work_attempts_max, hold_s_max and scheduled_at.
        """
        is_buffered = plan.max_staleness > 0
        return cls(
            round_id=round_id,
            cohort_target=plan.cohort_target,
            cohort_min=plan.cohort_min,
            invitations=invitations if is_buffered else max(invitations, plan.cohort_target),
            deadline_s=plan.deadline_s,
            lease_s=plan.lease_s,
            max_staleness=plan.max_staleness,
            **more,
        )

    @property
    def is_buffered(self) -> bool:
        """Whether leases outlive the round, and their updates count in a later one."""
        return self.max_staleness > 0

    @property
    def _limits_s(self) -> tuple[float, ...]:
        return self.deadline_s, self.lease_s, self.work_deadline_s, self.hold_s_max

    @property
    def hold_ends_at(self) -> float | None:
        """When a round that waits for an operator is given up; None while it waits for none."""
        since = self.scheduled_at if self.phase == "scheduled" else self.paused_at
        return None if since is None else since + self.hold_s_max

    @property
    def live(self) -> int:
        """Leases that have delivered or still may."""
        return self.granted - self.expired

    @property
    def outstanding(self) -> int:
        """Leases of this round that still may deliver."""
        return self.live - (self.accepted - self.late)

    @property
    def free(self) -> int:
        """Places for further leases; below 0 when more were taken over than there are places."""
        if self.is_buffered:
            return self.invitations - self.outstanding - self.carried
        return self.invitations - self.live

    @property
    def effective_phase(self) -> Phase:
        """The phase, or the one that a hold keeps."""
        return self.held_phase or self.phase

    def to_mapping(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: object) -> "RoundState":
        """The state that `to_mapping` gave; ValueError if fields are unknown or missing."""
        return cls(**require_fields(mapping, [field.name for field in fields(cls)]))
