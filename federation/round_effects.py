"""What must be done because of an event. The edge carries effects out; the engine only names them.

BeginReduce and BeginGate may be named again for the same round, so what they start must be
idempotent: a worker may have died over the first one.
"""

from dataclasses import dataclass
from typing import Literal

from federation.refusals import Refusal


@dataclass(frozen=True)
class Grant:
    """Lease an assignment to the device until `expires_at` (Unix seconds)."""

    expires_at: float


@dataclass(frozen=True)
class SameAssignment:
    """Answer with the assignment that the device already holds."""


WaitReason = Literal["round_full", "took_part", "resting", "no_round"]
"""Why there is no work: enough are invited; the account has its turn behind it; it was counted too
recently or too often; no round gathers."""


@dataclass(frozen=True)
class ComeBack:
    """No work now: answer with a return window."""

    reason: WaitReason


@dataclass(frozen=True)
class Accept:
    """Record the update as accepted, in the same transaction as the state, and give a receipt.

    position: how many the round had accepted before, so that no two updates share one.
    """

    position: int


@dataclass(frozen=True)
class SameReceipt:
    """Answer with the receipt that was given before."""


@dataclass(frozen=True)
class Refuse:
    """Answer with a refusal; nothing has changed."""

    refusal: Refusal


@dataclass(frozen=True)
class BeginReduce:
    """Sum the accepted updates, outside of any transaction. count: how many, now for ever."""

    count: int


@dataclass(frozen=True)
class BeginGate:
    """Make the candidate version and check it, outside of any transaction."""


@dataclass(frozen=True)
class Publish:
    """Publish the candidate: version, audit record and optimiser state in one transaction."""


@dataclass(frozen=True)
class Discard:
    """The round ends without a version: delete what it gathered. reason: a stable code."""

    reason: str


@dataclass(frozen=True)
class OpenNext:
    """Schedule the next round."""


Effect = (
    Grant
    | SameAssignment
    | ComeBack
    | Accept
    | SameReceipt
    | Refuse
    | BeginReduce
    | BeginGate
    | Publish
    | Discard
    | OpenNext
)
