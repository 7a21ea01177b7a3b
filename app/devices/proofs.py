"""Proofs of possession: compact ES256 JWS (RFC 7515) signed with the device's own P-256 key.

A proof is bound to its purpose by its payload, so that one made for enrolment buys no token.
"""

import binascii
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHMS = ["ES256"]
PROOF_BYTES_MAX = 2048


def import_public_key(jwk: Mapping[str, str]) -> ECKey:
    """The key of a JWK with exactly `kty`, `crv`, `x` and `y`.

    Raises: ValueError when it is not a point of P-256.
    """
    if set(jwk) != {"kty", "crv", "x", "y"}:
        raise ValueError("must hold kty, crv, x and y only")
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise ValueError("must be an EC key on P-256")
    try:
        key = ECKey.import_key(dict(jwk))
        key.get_op_key("verify")
    except (JoseError, binascii.Error, ValueError, TypeError) as error:
        raise ValueError("is not a point on P-256") from error
    return key


def proof_payload(proof: str, key: ECKey) -> dict[str, Any] | None:
    """The JSON object that the proof signs, or None when anything about it is wrong."""
    if len(proof) > PROOF_BYTES_MAX:
        return None
    try:
        payload = jws.deserialize_compact(proof, key, algorithms=ALGORITHMS).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
