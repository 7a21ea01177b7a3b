"""What a receipt says of an accepted update: the fields that the service signs, and no others.

The signature (a compact JWS, ES256, over these canonical bytes) is the edge's: `app/receipts` makes
it, a device checks it.
"""

from dataclasses import asdict, dataclass

from federation.canonical import canonical_json
from federation.strict_fields import (
    read_object,
    require_digest,
    require_fields,
    require_int,
    require_text,
)

JWS_TYPE = "twofold-receipt"
"""The `typ` of the JWS header: a key that signs other things signs none that passes for this."""


@dataclass(frozen=True)
class ReceiptClaims:
    """An update was stored, and counts once if its round publishes.

    round: the one that takes the update. plan_digest: of the plan that it was made for. staleness:
    model steps that it is behind its round, which lessen its weight. body_digest, size_bytes: of
    the update's bytes. accepted_at: RFC 3339. mode: the plan's; "plain"
    says that the service can read the update. ValueError names a field that is wrong.
    """

    assignment: str
    round: int
    plan_digest: str
    body_digest: str
    size_bytes: int
    staleness: int
    accepted_at: str
    mode: str

    def __post_init__(self) -> None:
        for name in ("assignment", "accepted_at", "mode"):
            require_text(getattr(self, name), name)
        for name in ("plan_digest", "body_digest"):
            require_digest(getattr(self, name), name)
        require_int(self.round, "round", 0)
        require_int(self.size_bytes, "size_bytes", 0)
        require_int(self.staleness, "staleness", 0)

    def to_json(self) -> bytes:
        """The canonical bytes, which are signed."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> "ReceiptClaims":
        """The claims in `body`; ValueError names the first field that is wrong."""
        return cls(**require_fields(read_object(body), list(cls.__dataclass_fields__)))
