"""What a device signs for each request: a DPoP proof (RFC 9449, section 4.2)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from clients.python.answers import Answer, Failure
from clients.python.keystore import DeviceKey

TYPE = "dpop+jwt"
NONCE_HEADER = "dpop-nonce"


def new_jti() -> str:
    """128 random bits, by which the service knows a proof again."""
    return secrets.token_urlsafe(16)


class RequestProofs:
    """Makes the proofs of one device, with the newest nonce and the service's time.

    clock: the device's, in Unix seconds; new_jti: a fresh identifier of 16 to 64 characters.
    """

    def __init__(
        self,
        key: DeviceKey,
        clock: Callable[[], float],
        nonce: str | None = None,
        new_jti: Callable[[], str] = new_jti,
    ) -> None:
        self._key, self._clock, self._new_jti = key, clock, new_jti
        self._nonce = nonce
        self._correction_s = 0.0

    @property
    def now(self) -> float:
        """The service's time, as far as it has told it."""
        return self._clock() + self._correction_s

    def headers(self, method: str, url: str, token: str) -> dict[str, str]:
        """`Authorization` and `DPoP` of one request; url: absolute."""
        digest = hashlib.sha256(token.encode()).digest()
        claims: dict[str, object] = {
            "jti": self._new_jti(),
            "htm": method,
            "htu": _target(url),
            "iat": int(self.now),
            "ath": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }
        if self._nonce is not None:
            claims["nonce"] = self._nonce
        header = {"typ": TYPE, "jwk": self._key.public_jwk}
        return {"Authorization": f"DPoP {token}", "DPoP": self._key.sign(claims, header)}

    def learn(self, answer: Answer | Failure) -> bool:
        """Keep what an answer says of nonce and time; whether the same request is worth repeating.

        That is so when the proof alone was refused, for what the answer has just told.
        """
        nonce = answer.headers.get(NONCE_HEADER)
        self._nonce = nonce or self._nonce
        if not isinstance(answer, Failure):
            return False
        if answer.reason in ("dpop_expired", "proof_expired"):
            return self._set_clock(answer.document.get("server_time"))
        return answer.reason == "dpop_nonce" and nonce is not None

    def _set_clock(self, server_time: object) -> bool:
        try:
            at = datetime.fromisoformat(server_time) if isinstance(server_time, str) else None
        except ValueError:
            return False
        if at is None:
            return False
        self._correction_s = at.timestamp() - self._clock()
        return True


def _target(url: str) -> str:
    split = urlsplit(url)
    return urlunsplit((split.scheme, split.netloc, split.path, "", ""))
