"""Refusals: the answers "no" of the protocol, as values with a stable reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_assigned": "The device holds no assignment under this address.",
        "assignment_expired": "The lease ran out before the update arrived.",
        "round_closed": "The round takes no more updates; check in for the next one.",
        "buffer_closed": "The buffer is full and being published; send the same bytes again soon.",
        "stale_update": "The update is further behind than its plan allows, or of another block.",
        "update_conflict": "Another body was already accepted for this assignment.",
        "wrong_length": "The body is not as long as its plan says.",
        "bad_magic": "The body does not begin with the mark of an update.",
        "wrong_layout": "The layout number or the flags are unknown.",
        "wrong_plan": "The update was made for another plan.",
        "off_grid": "A word lies outside the plan's grid.",
        "over_clip": "The update is longer than the plan's clip norm.",
        "metric_out_of_range": "A metric word is negative or above its maximum.",
        "device_revoked": "The device's enrolment was withdrawn.",
        "round_paused": "An operator holds the round.",
        "unexpected_event": "The event has no place in the round's present phase.",
    }
)
"""Reason code -> what it means, in one line. Codes are only ever added."""


@dataclass(frozen=True)
class Refusal:
    """One refusal. reason: a key of REASONS. detail: a sentence for whoever reads the answer."""

    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"reason: unknown code {self.reason!r}")
