"""Compact JWS (RFC 7515) with ES256, read strictly: every value has one spelling.

A signature is r and s, 32 bytes each, as WebCrypto makes it (RFC 7518, 3.4). With s also n - s
verifies: a signature shows who signed, and never stands for what was signed.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from federation.strict_fields import read_object

ALGORITHM = "ES256"
COORDINATE_BYTES = 32
BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class CompactJws:
    """A JWS taken apart; nothing of it is verified yet."""

    header: Mapping[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes

    def is_signed_by(self, key: EllipticCurvePublicKey) -> bool:
        """Whether the signature is this key's, by ES256 whatever the header says."""
        if len(self.signature) != 2 * COORDINATE_BYTES:
            return False
        r, s = self.signature[:COORDINATE_BYTES], self.signature[COORDINATE_BYTES:]
        der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
        try:
            key.verify(der, self.signing_input, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def read_compact(text: str, chars_max: int) -> CompactJws | None:
    """The parts of a compact JWS; None for all else. Longer text is not looked at."""
    if len(text) > chars_max or text.count(".") != 2:
        return None
    parts = text.split(".")
    header, payload, signature = map(decode_base64url, parts)
    if header is None or payload is None or signature is None:
        return None
    try:
        fields = read_object(header)
    except ValueError:
        return None
    return CompactJws(fields, payload, f"{parts[0]}.{parts[1]}".encode(), signature)


def decode_base64url(text: str) -> bytes | None:
    """The bytes of base64url without padding (RFC 4648, 5); None for any other spelling."""
    if BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        return None
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The last character may hold bits that belong to no byte.
    return raw if encode_base64url(raw) == text else None


def encode_base64url(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
