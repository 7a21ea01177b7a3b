"""What devices sign: claims whose purpose keeps a signature for one from passing for another.

Each is a compact JWS (RFC 7515, ES256) over the canonical bytes, with the `typ` given here.
"""

from dataclasses import asdict, dataclass

from federation.canonical import canonical_json
from federation.strict_fields import require_digest, require_int, require_text

UPLOAD_TYPE = "twofold-upload"
APPROVAL_TYPE = "twofold-approval"


@dataclass(frozen=True)
class UploadClaims:
    """This device sent these bytes, for this assignment, made under this plan.

    round: the one that granted the assignment. ValueError names a field that is wrong.
    """

    plan_digest: str
    round: int
    assignment: str
    body_digest: str

    def __post_init__(self) -> None:
        require_digest(self.plan_digest, "plan_digest")
        require_digest(self.body_digest, "body_digest")
        require_int(self.round, "round", 0)
        require_text(self.assignment, "assignment")

    def to_json(self) -> bytes:
        """The canonical bytes, which are signed."""
        return canonical_json(asdict(self) | {"purpose": "upload"})


@dataclass(frozen=True)
class ApprovalClaims:
    """Whoever holds the key with this thumbprint may join the account with this code."""

    code: str
    thumbprint: str

    def __post_init__(self) -> None:
        require_text(self.code, "code")
        require_text(self.thumbprint, "thumbprint")

    def to_json(self) -> bytes:
        """The canonical bytes, which are signed."""
        return canonical_json(asdict(self) | {"purpose": "approve"})
