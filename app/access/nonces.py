"""Nonces that the service gives out and need not remember (RFC 9449, section 8).

A nonce is its window of time, the epoch of the memory that vouches for the window, and a MAC over
both: any worker can tell the service's own from others, after a restart as well.
"""

import hashlib
import hmac
from dataclasses import dataclass

from app.access.compact_jws import decode_base64url, encode_base64url

WINDOW_S = 60
EPOCH_BYTES = 8
WINDOW_BYTES = 5
MAC_BYTES = 16
KEY_LABEL = b"twofold/dpop-nonce/1"


@dataclass(frozen=True)
class Stamp:
    """What a genuine nonce says. window: minutes since 1970."""

    window: int
    epoch: bytes


class Nonces:
    """Makes and reads nonces. secret: the service's; nonces have a key of their own from it."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, KEY_LABEL, "sha256")

    def make(self, stamp: Stamp) -> str:
        """The nonce of a window in an epoch."""
        body = stamp.window.to_bytes(WINDOW_BYTES) + stamp.epoch
        return encode_base64url(body + self._mac(body))

    def read(self, nonce: str, now: float) -> Stamp | None:
        """The stamp of our own nonce, in its window or the next; None for any other text."""
        raw = decode_base64url(nonce)
        if raw is None or len(raw) != WINDOW_BYTES + EPOCH_BYTES + MAC_BYTES:
            return None
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        stamp = Stamp(int.from_bytes(body[:WINDOW_BYTES]), body[WINDOW_BYTES:])
        return stamp if window_at(now) - stamp.window in (0, 1) else None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:MAC_BYTES]


def window_at(now: float) -> int:
    """The window of a moment in Unix seconds."""
    return int(now // WINDOW_S)
