"""The receipt of an accepted update: what was taken, for which plan, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime

from federation.canonical import canonical_json, digest
from federation.strict_fields import require_digest, require_int, require_number, require_text


@dataclass(frozen=True)
class Receipt:
    """Says that the update `body` is stored and counts if its round publishes.

    assignment: the assignment's id. round: the round's number. plan, body: digests.
    accepted_at: Unix seconds. mode: how the round sums; "plain" means the server can read it.
    """

    assignment: str
    round: int
    plan: str
    body: str
    accepted_at: float
    mode: str = "plain"

    def __post_init__(self) -> None:
        require_text(self.assignment, "assignment")
        require_int(self.round, "round", 0)
        require_digest(self.plan, "plan")
        require_digest(self.body, "body")
        require_number(self.accepted_at, "accepted_at", 0.0, 253402300799.0)  # until 9999
        require_text(self.mode, "mode")

    def to_mapping(self) -> dict[str, str | int]:
        """The receipt as it is shown; the time is RFC 3339 UTC, to the millisecond."""
        at = datetime.fromtimestamp(self.accepted_at, UTC).isoformat(timespec="milliseconds")
        return {
            "assignment": self.assignment,
            "round": self.round,
            "plan": self.plan,
            "body": self.body,
            "accepted_at": at.replace("+00:00", "Z"),
            "mode": self.mode,
        }

    def to_json(self) -> bytes:
        """The canonical bytes: the same receipt is the same bytes."""
        return canonical_json(self.to_mapping())

    @property
    def digest(self) -> str:
        """The digest of the canonical bytes."""
        return digest(self.to_json())
