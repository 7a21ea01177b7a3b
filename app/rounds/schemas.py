"""Bodies and answers of the round routes."""

from typing import Any

from pydantic import BaseModel

from app.schemas import StrictBody


class CheckInBody(StrictBody):
    """Empty: the token says all that a check-in needs."""


class AssignmentView(BaseModel):
    """A lease on a round, and where to go with it."""

    id: str
    round: int
    plan_digest: str
    plan: dict[str, Any]
    bundle_url: str
    upload_url: str
    expires_at: str


class RetryView(BaseModel):
    """Come back at a moment drawn evenly between these two, in seconds from now.

    reason: "round_full", "took_part", "resting" or "no_round".
    """

    after_s: float
    before_s: float
    reason: str


class CheckInAnswer(BaseModel):
    """Work, or when to ask again; the model version to rank with; a renewed token."""

    assignment: AssignmentView | None
    retry: RetryView | None
    model_version: int | None
    catalogue: str | None
    token: str
    token_expires_at: str
    server_time: str


class ReceiptView(BaseModel):
    """Proof that an update is stored; `mode` "plain" means that the server can read it.

    round: the one whose sum it is in; staleness: model steps that it is behind; outcome: "pending"
    until the round ends, then "counted" or "discarded". signed: the same fields but the outcome, as
    a compact JWS (ES256); its key is at `/.well-known/jwks.json`.
    """

    assignment: str
    round: int
    plan_digest: str
    body_digest: str
    size_bytes: int
    staleness: int
    accepted_at: str
    mode: str
    outcome: str
    signed: str


class RoundMetrics(BaseModel):
    """How the round's base version did on its devices' own last events, before training."""

    n: int
    loss: float
    hits_at_10: float
    loss_squared: float


class RoundView(BaseModel):
    """A round for operators.

    opened_at: null while it is scheduled. held_phase: the phase that a hold keeps. hold_reason: why
    it was held last. hold_ends_at: when it is abandoned unless it is started or resumed before.
    retry_of: the abandoned round whose settings it repeats.
    """

    id: int
    phase: str
    reason: str | None
    model_version: int
    published_version: int | None
    plan_digest: str
    opened_at: str | None
    ended_at: str | None
    deadline_at: str | None
    held_phase: str | None
    paused_at: str | None
    hold_reason: str | None
    hold_ends_at: str | None
    retry_of: int | None
    granted: int
    accepted: int
    expired: int
    cohort_target: int
    cohort_min: int
    requests_per_update: float | None
    metrics: RoundMetrics | None


class RoundList(BaseModel):
    """A page of rounds, newest first."""

    data: list[RoundView]
    next_cursor: str | None
