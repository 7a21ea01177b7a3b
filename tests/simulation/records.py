"""The rows of the simulated service, and the messages between it and its devices."""

from dataclasses import dataclass

from federation.plan import Plan
from federation.round_effects import WaitReason
from federation.round_state import RoundState


@dataclass(frozen=True)
class RoundRow:
    """A round. seed: of its noise, drawn when it was scheduled, before any sum is known."""

    state: RoundState
    plan: Plan
    seed: bytes
    published_version: int | None = None
    ended_at: float = 0.0

    @property
    def id(self) -> int:
        return self.state.round_id


@dataclass(frozen=True)
class Assignment:
    """A lease. counts_in: the round that takes its update, perhaps a later one."""

    id: str
    round_id: int
    counts_in: int
    device: int
    account: int
    expires_at: float
    expired: bool = False


@dataclass(frozen=True)
class Update:
    """An accepted update; its bytes are a blob."""

    assignment_id: str
    round_id: int
    position: int
    staleness: int
    body_digest: str


@dataclass(frozen=True)
class VersionRow:
    """A published version. record: of the audit chain; model: float32 values."""

    id: int
    kind: str
    round_id: int | None
    record: bytes
    chain: str
    model: bytes


@dataclass(frozen=True)
class JobRow:
    """Updates first .. last - 1 to sum, or a gate. digest: of what it left, once it is done."""

    first: int
    last: int
    holder: str = ""
    lease_expires_at: float = 0.0
    digest: str | None = None


@dataclass(frozen=True)
class Participation:
    """How often an account was counted, and in which round last."""

    counted: int
    last_round: int


@dataclass(frozen=True)
class CheckInRequest:
    device: int


@dataclass(frozen=True)
class UploadRequest:
    """claimed_staleness: what the device says of itself, which no server may believe."""

    device: int
    assignment_id: str
    body: bytes
    claimed_staleness: int | None = None


@dataclass(frozen=True)
class Work:
    """The answer to a check-in that has work."""

    assignment_id: str
    round_id: int
    plan: Plan
    expires_at: float


@dataclass(frozen=True)
class Wait:
    reason: WaitReason


@dataclass(frozen=True)
class Receipt:
    """An acknowledgement: this body of this assignment was taken by this round."""

    assignment_id: str
    round_id: int
    body_digest: str


@dataclass(frozen=True)
class Refused:
    reason: str


Request = CheckInRequest | UploadRequest
Answer = Work | Wait | Receipt | Refused


@dataclass(frozen=True)
class Reply:
    """An answer on its way back to a device."""

    device: int
    answer: Answer
    request: Request
