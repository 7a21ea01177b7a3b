"""What the service says, read strictly: typed values, or a failure that can be acted upon."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.strict_fields import (
    read_object,
    require_digest,
    require_int,
    require_number,
    require_text,
)

# Asked to slow down, or the fault is the service's own: the same request may succeed later.
TRANSIENT_STATUSES = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answer:
    """A successful response. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Failure:
    """A request that did not succeed.

    status: None when no answer came. reason: stable code of the service's problem document, or
    "no_answer", "malformed_answer", "body_too_large", "http_<status>". errors: (field, message).
    retry_after_s: how long the service asks to wait. headers: names in lower case.
    """

    status: int | None
    reason: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    retry_after_s: float | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        if self.status is None:
            return True
        return self.status >= 500 or self.status in TRANSIENT_STATUSES


@dataclass(frozen=True)
class Assignment:
    """A lease on a round. plan: as received, not yet checked; lease_s: what is left of it."""

    id: str
    round: int
    plan_digest: str
    plan: Mapping[str, Any]
    bundle_url: str
    upload_url: str
    lease_s: float


@dataclass(frozen=True)
class CheckIn:
    """The answer to a check-in: an assignment, or a window (seconds from now) to come back in."""

    assignment: Assignment | None
    retry: tuple[float, float] | None
    model_version: int | None
    catalogue: str | None
    token: str


@dataclass(frozen=True)
class Receipt:
    """The service's word that an update is stored and counts if its round publishes.

    outcome: "pending", "counted" or "discarded"; accepted_at: RFC 3339, as the service wrote it;
    signed: a compact JWS that says the same, not yet checked. staleness: model steps that the
    update is behind its round.
    """

    assignment: str
    round: int
    body_digest: str
    accepted_at: str
    outcome: str
    signed: str
    staleness: int = 0


def read_check_in(answer: Answer) -> CheckIn | Failure:
    """The check-in answer; fields that a newer service may add are left alone."""
    try:
        fields = read_object(answer.body)
        server_time = _instant(fields["server_time"])
        version, catalogue = fields["model_version"], fields["catalogue"]
        return CheckIn(
            assignment=_assignment(fields["assignment"], server_time),
            retry=_window(fields["retry"]),
            model_version=None if version is None else require_int(version, "model_version", 0),
            catalogue=None if catalogue is None else require_digest(catalogue, "catalogue"),
            token=require_text(fields["token"], "token"),
        )
    except (ValueError, KeyError, TypeError) as error:
        return malformed(answer, error)


def read_receipt(answer: Answer) -> Receipt | Failure:
    """The receipt of an upload."""
    try:
        fields = read_object(answer.body)
        return Receipt(
            assignment=require_text(fields["assignment"], "assignment"),
            round=require_int(fields["round"], "round", 0),
            body_digest=require_digest(fields["body_digest"], "body_digest"),
            accepted_at=require_text(fields["accepted_at"], "accepted_at"),
            outcome=require_text(fields["outcome"], "outcome"),
            signed=require_text(fields["signed"], "signed"),
            staleness=require_int(fields["staleness"], "staleness", 0),
        )
    except (ValueError, KeyError, TypeError) as error:
        return malformed(answer, error)


def read_json(answer: Answer) -> dict[str, Any] | Failure:
    """The JSON object of an answer."""
    try:
        return read_object(answer.body)
    except ValueError as error:
        return malformed(answer, error)


def malformed(answer: Answer, error: Exception) -> Failure:
    """An answer that is not what the protocol says; status None: nothing is decided by it."""
    why = f"answer {answer.status}: {type(error).__name__}: {error}"
    return Failure(None, "malformed_answer", why)


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Failure:
    """A failure from a response that is no success; `now` (Unix seconds) dates Retry-After."""
    document = _problem_document(headers, body)
    reason = document.get("reason")
    errors = document.get("errors")
    pairs = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    return Failure(
        status,
        reason if isinstance(reason, str) and reason else f"http_{status}",
        str(document.get("detail", "")),
        tuple((str(e.get("field", "")), str(e.get("message", ""))) for e in pairs),
        retry_after_s(headers.get("retry-after"), now),
        document,
        headers,
    )


def retry_after_s(value: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value.strip())
    try:
        at = datetime.strptime(value.strip(), "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        return None
    return max(0.0, (at - datetime(1970, 1, 1)).total_seconds() - now)


def _problem_document(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if "json" not in headers.get("content-type", ""):
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _assignment(value: Any, server_time: float) -> Assignment | None:
    if value is None:
        return None
    if not isinstance(value["plan"], dict):
        raise ValueError("plan: must be an object")
    return Assignment(
        id=require_text(value["id"], "id"),
        round=require_int(value["round"], "round", 0),
        plan_digest=require_digest(value["plan_digest"], "plan_digest"),
        plan=value["plan"],
        bundle_url=require_text(value["bundle_url"], "bundle_url"),
        upload_url=require_text(value["upload_url"], "upload_url"),
        lease_s=max(0.0, _instant(value["expires_at"]) - server_time),
    )


def _window(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    after_s = require_number(value["after_s"], "after_s", 0.0)
    return after_s, require_number(value["before_s"], "before_s", after_s)


def _instant(value: Any) -> float:
    """Unix seconds of an RFC 3339 time."""
    at = datetime.fromisoformat(require_text(value, "time"))
    if at.tzinfo is None:
        raise ValueError("time: must name its zone")
    return at.timestamp()
