"""Proofs of possession made claim by claim, so that a test can get each one wrong."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

from tests.app.device_by_hand import public_jwk

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: s and ORDER - s verify alike."""


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def segment(value: Any) -> str:
    return base64url(value if isinstance(value, bytes) else json.dumps(value).encode())


def compact(key: ECKey, header: Any, payload: Any, high_s: bool = False) -> str:
    """A JWS with any header and payload, signed with ES256 whatever the header says."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    signer: Any = key.get_op_key("sign")
    r, s = decode_dss_signature(signer.sign(signing_input.encode(), ECDSA(SHA256())))
    if high_s:
        s = max(s, ORDER - s)
    return f"{signing_input}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


def proof_header(key: ECKey) -> dict[str, Any]:
    return {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(key)}


def proof_claims(method: str, url: str, token: str, now: float, nonce: str) -> dict[str, Any]:
    """What a good proof says; the jti is drawn from all the rest."""
    ath = base64url(hashlib.sha256(token.encode()).digest())
    claims = {"htm": method, "htu": url, "iat": int(now), "ath": ath, "nonce": nonce}
    return {"jti": hashlib.sha256(json.dumps(claims).encode()).hexdigest()[:32], **claims}
