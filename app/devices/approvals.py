"""Approvals: by which an enrolled device lets another one of its user join."""

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from app.access.compact_jws import ALGORITHM, read_compact
from federation.device_claims import APPROVAL_TYPE, ApprovalClaims

APPROVAL_CHARS_MAX = 2048


def is_approval(approval: str, claims: ApprovalClaims, key: EllipticCurvePublicKey) -> bool:
    """Whether the key signed just these claims."""
    jws = read_compact(approval, APPROVAL_CHARS_MAX)
    return (
        jws is not None
        and jws.header == {"alg": ALGORITHM, "typ": APPROVAL_TYPE}
        and jws.payload == claims.to_json()
        and jws.is_signed_by(key)
    )
