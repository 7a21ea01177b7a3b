"""Public keys of devices as they are sent and stored: bare P-256 JWKs (RFC 7517)."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)

from app.access.compact_jws import COORDINATE_BYTES, decode_base64url, encode_base64url

MEMBERS = {"kty", "crv", "x", "y"}
# A parsed key and its name take about 1 KB.
KEYS_MAX = 10_000


def thumbprint_of(jwk: object) -> str | None:
    """The RFC 7638 thumbprint of a JWK with exactly kty, crv, x and y; None for any other value."""
    if not isinstance(jwk, Mapping) or set(jwk) != MEMBERS:
        return None
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        return None
    if any(_coordinate(jwk[name]) is None for name in ("x", "y")):
        return None
    # RFC 7638, 3: the members in this order, without spaces. Base64url needs no escapes.
    spelt = f'{{"crv":"P-256","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return encode_base64url(hashlib.sha256(spelt.encode()).digest())


def _coordinate(value: Any) -> int | None:
    raw = decode_base64url(value) if isinstance(value, str) else None
    return int.from_bytes(raw) if raw is not None and len(raw) == COORDINATE_BYTES else None


class PublicKeys:
    """Keys that were parsed before; the one that was not asked for longest makes room."""

    def __init__(self) -> None:
        self._parsed: OrderedDict[str, EllipticCurvePublicKey] = OrderedDict()

    def get(self, jwk: Mapping[str, str]) -> EllipticCurvePublicKey | None:
        """The key of a JWK; None if it is none, or no point of the curve."""
        name = thumbprint_of(jwk)
        if name is None:
            return None
        if name not in self._parsed:
            x, y = _coordinate(jwk["x"]), _coordinate(jwk["y"])
            assert x is not None, "it has a thumbprint"
            assert y is not None, "it has a thumbprint"
            try:
                key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
            except ValueError:
                return None
            self._keep(name, key)
        self._parsed.move_to_end(name)
        return self._parsed[name]

    def _keep(self, name: str, key: EllipticCurvePublicKey) -> None:
        self._parsed[name] = key
        if len(self._parsed) > KEYS_MAX:
            self._parsed.popitem(last=False)
