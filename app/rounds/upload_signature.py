"""The envelope of an upload: the device's signature over what it sends, and under which plan.

A proof of possession names the address alone. This names the bytes, so that a body swapped on the
way is refused, and it can be shown later who sent what.
"""

from app.access.compact_jws import ALGORITHM, read_compact
from app.access.public_keys import PublicKeys
from app.errors import invalid_field
from app.rounds.offers import Offer
from federation.canonical import digest
from federation.device_claims import UPLOAD_TYPE, UploadClaims

HEADER = "Upload-Signature"
SIGNATURE_CHARS_MAX = 2048


def check_signature(signature: str | None, offer: Offer, body_digest: str, keys: PublicKeys) -> str:
    """The digest of the signature, if the enrolled key signed just this.

    body_digest: as declared; that the body has it is checked when the body has come.
    Raises: Problem 422 `signature_invalid`.
    """
    held = offer.lease.assignment
    claims = UploadClaims(offer.plan.digest, held.round_id, held.id, body_digest)
    jws = read_compact(signature or "", SIGNATURE_CHARS_MAX)
    key = keys.get(offer.device_key)
    is_ours = (
        signature is not None
        and jws is not None
        and key is not None
        and jws.header == {"alg": ALGORITHM, "typ": UPLOAD_TYPE}
        and jws.payload == claims.to_json()
        and jws.is_signed_by(key)
    )
    if not is_ours:
        message = "must be the device's own, over this plan, round, assignment and body"
        raise invalid_field(HEADER, message, "signature_invalid")
    assert signature is not None, "it was read"
    return digest(signature.encode())
