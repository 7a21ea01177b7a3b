"""What can happen to a round. `now` is Unix seconds, always given, never read from a clock."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from federation.strict_fields import require_digest

AssignmentStanding = Literal["open", "expired", "missing", "accepted", "left_behind"]
"""How an upload's assignment stands in the records: leased, run out, unknown, already delivered, or
leased by an earlier round from which no later one took it over."""

REASON_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Opened:
    """The scheduled round begins. carried: open leases that it takes over from the one before."""

    now: float
    carried: int = 0


@dataclass(frozen=True)
class CheckedIn:
    """A device asks for work.

    assignment_open: it already holds an open assignment that counts in this round.
    account_assigned: its account has, or had, an assignment that counts in this round.
    resting: its account was counted too recently, or too often, to be asked again.
    """

    now: float
    assignment_open: bool
    account_assigned: bool
    resting: bool = False


@dataclass(frozen=True)
class UploadOffered:
    """A well-formed update has arrived whole.

    assignment: how its assignment stands. same_bytes: for an assignment that was already accepted,
    whether this is the same body; else None. carried: the assignment is of an earlier round, whose
    open leases this one took over. staleness: model steps between the assignment's version and this
    round's, by the server's records; a device is never asked for it.
    """

    now: float
    assignment: AssignmentStanding
    same_bytes: bool | None = None
    carried: bool = False
    staleness: int = 0

    def __post_init__(self) -> None:
        if self.assignment not in get_args(AssignmentStanding):
            raise ValueError(f"assignment: unknown standing {self.assignment!r}")
        if self.assignment == "accepted" and self.same_bytes is None:
            raise ValueError("same_bytes: required for an accepted assignment")
        if self.staleness < 0 or (self.staleness > 0 and not self.carried):
            raise ValueError("staleness: only a carried assignment is behind")


@dataclass(frozen=True)
class LeasesExpired:
    """`count` open leases of this round, and `carried` taken over, ran out and are so recorded."""

    now: float
    count: int
    carried: int = 0

    def __post_init__(self) -> None:
        if self.count < 0 or self.carried < 0:
            raise ValueError("count: must not be negative")


@dataclass(frozen=True)
class TimePassed:
    """A tick; nothing else need have happened."""

    now: float


@dataclass(frozen=True)
class SumReady:
    """The updates are summed and the sum is stored. digest: of its bytes, before they were."""

    now: float
    digest: str

    def __post_init__(self) -> None:
        require_digest(self.digest, "digest")


@dataclass(frozen=True)
class SumLost:
    """The stored sum is gone, or its bytes are not those of the digest."""

    now: float


@dataclass(frozen=True)
class _Reasoned:
    now: float
    reason: str

    def __post_init__(self) -> None:
        if not REASON_PATTERN.fullmatch(self.reason):
            raise ValueError("reason: must be a snake_case code")


@dataclass(frozen=True)
class SumFailed(_Reasoned):
    """The updates cannot be summed, and trying again would not help."""


@dataclass(frozen=True)
class GatePassed:
    """The candidate version passed its checks."""

    now: float


@dataclass(frozen=True)
class GateFailed(_Reasoned):
    """The candidate version did not pass its checks."""


@dataclass(frozen=True)
class Paused:
    """An operator holds the round."""

    now: float


@dataclass(frozen=True)
class Resumed:
    """An operator lets the round go on."""

    now: float


@dataclass(frozen=True)
class AbandonAsked(_Reasoned):
    """An operator, or a change that the round cannot survive, ends it."""


Event = (
    Opened
    | CheckedIn
    | UploadOffered
    | LeasesExpired
    | TimePassed
    | SumReady
    | SumFailed
    | SumLost
    | GatePassed
    | GateFailed
    | Paused
    | Resumed
    | AbandonAsked
)
