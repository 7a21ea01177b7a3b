"""Proofs of possession that go along with each request of a device: DPoP (RFC 9449).

A proof shows that whoever sends the token holds the key that it is bound to, and names the request
that it was made for. It does not sign the body: an upload's own signature does.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.access.compact_jws import ALGORITHM, CompactJws, encode_base64url, read_compact
from app.access.htu import same_target
from app.access.public_keys import PublicKeys, thumbprint_of
from federation.strict_fields import read_object, require_number, require_text

TYPE = "dpop+jwt"
PROOF_CHARS_MAX = 8192
JTI_CHARS = (16, 64)
NONCE_CHARS_MAX = 128
# Nonces bound a proof's life. Its time only shows a clock that is far off, which is told the time.
CLOCK_ERROR_S_MAX = 300.0

Reason = Literal["dpop_required", "dpop_invalid", "dpop_expired", "dpop_nonce", "dpop_replayed"]


@dataclass(frozen=True)
class Bound:
    """What a proof must be for. path: as it was sent, without a query; thumbprint: the token's."""

    method: str
    public_url: str
    path: str
    token: str
    thumbprint: str


@dataclass(frozen=True)
class Proof:
    """A proof that verified; whether it is fresh, and new, is for its nonce and jti to show."""

    jti: str
    nonce: str


@dataclass(frozen=True)
class ProofRefused:
    """Why a proof was not accepted. detail: for the device's author."""

    reason: Reason
    detail: str


def token_hash(token: str) -> str:
    """The `ath` of a token."""
    return encode_base64url(hashlib.sha256(token.encode()).digest())


def verify_proof(text: str, bound: Bound, keys: PublicKeys, now: float) -> Proof | ProofRefused:
    """What the proof says, if the token's key signed it for this very request.

    dpop_expired and dpop_nonce are only told to who holds the key.
    """
    jws = read_compact(text, PROOF_CHARS_MAX)
    if jws is None:
        return _invalid("It is no compact JWS.")
    claims = _signed_claims(jws, bound.thumbprint, keys)
    if isinstance(claims, ProofRefused):
        return claims
    try:
        return _judge(claims, bound, now)
    except (ValueError, KeyError) as error:
        return _invalid(f"A claim is missing or wrong: {error}")


def _signed_claims(
    jws: CompactJws, thumbprint: str, keys: PublicKeys
) -> Mapping[str, Any] | ProofRefused:
    """The claims, if the key in the header is the token's and signed them.

    The header's other members are refused, known ones too: `crit`, `jku`, `x5u` and their like
    would be instructions from whoever has not proved anything yet.
    """
    header = jws.header
    if set(header) != {"typ", "alg", "jwk"} or (header["typ"], header["alg"]) != (TYPE, ALGORITHM):
        return _invalid(f"Its header must be typ {TYPE}, alg {ALGORITHM} and jwk.")
    if thumbprint_of(header["jwk"]) != thumbprint:
        return _invalid("It shows another key than the token's.")
    key = keys.get(header["jwk"])
    if key is None or not jws.is_signed_by(key):
        return _invalid("The signature does not verify.")
    try:
        return read_object(jws.payload)
    except ValueError as error:
        return _invalid(f"Its payload is no claims: {error}")


def _judge(claims: Mapping[str, Any], bound: Bound, now: float) -> Proof | ProofRefused:
    """The proof; ValueError or KeyError name a claim that is none."""
    jti = _text(claims, "jti", *JTI_CHARS)
    issued_at = require_number(claims["iat"], "iat", 0.0, 1e12)
    if _text(claims, "htm", 1, 16) != bound.method:
        return _invalid("htm: it was made for another method.")
    if not same_target(_text(claims, "htu", 1, 4096), bound.public_url, bound.path):
        return _invalid("htu: it was made for another address.")
    if _text(claims, "ath", 1, 64) != token_hash(bound.token):
        return _invalid("ath: it was made for another token.")
    nonce = _text(claims, "nonce", 1, NONCE_CHARS_MAX) if "nonce" in claims else ""
    if abs(now - issued_at) > CLOCK_ERROR_S_MAX:
        return ProofRefused("dpop_expired", "The proof was not made just now.")
    return Proof(jti, nonce)


def _text(claims: Mapping[str, Any], name: str, least: int, most: int) -> str:
    text = require_text(claims[name], name)
    if not least <= len(text) <= most:
        raise ValueError(f"{name}: must have {least} to {most} characters")
    return text


def _invalid(detail: str) -> ProofRefused:
    return ProofRefused("dpop_invalid", detail)
