"""Short-lived tokens: HS256 JWTs that the service signs and verifies itself (RFC 7519)."""

from dataclasses import dataclass
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.clock import Clock

ALGORITHM = "HS256"
# A user id of 128 control characters is written as 768 bytes, twice in a token.
TOKEN_BYTES_MAX = 4096
TokenKind = Literal["user", "device"]


@dataclass(frozen=True)
class Claims:
    """What a verified token says. subject: user id or device id; user_id: the account.

    born: when the account was created, by which an erased account's tokens are told from those of
    the next account with the same id; None for devices, whose enrolment says the same. thumbprint:
    RFC 7638, of the key that a device's token is bound to (RFC 9449, 6.1); None for users.
    """

    kind: TokenKind
    subject: str
    user_id: str
    expires_at: float
    born: float | None = None
    thumbprint: str | None = None


@dataclass(frozen=True)
class TokenRefused:
    """Why a token was not accepted; `reason` is stable."""

    reason: Literal["token_invalid", "token_expired"]


class TokenSigner:
    """Mints and verifies tokens with one symmetric secret."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._key = OctKey.import_key(secret)
        self._clock = clock

    def mint(
        self,
        kind: TokenKind,
        subject: str,
        user_id: str,
        ttl_s: float,
        born: float | None = None,
        thumbprint: str | None = None,
    ) -> str:
        """A token for `subject` that ends after `ttl_s`; a device's needs a thumbprint."""
        now = self._clock()
        claims: dict[str, Any] = {
            "typ": kind,
            "sub": subject,
            "usr": user_id,
            "iat": now,
            "exp": now + ttl_s,
        }
        if born is not None:
            claims["born"] = born
        if thumbprint is not None:
            claims["cnf"] = {"jkt": thumbprint}
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def verify(self, token: str) -> Claims | TokenRefused:
        """The token's claims, or why not. `decode` does not look at `exp`: we do."""
        if len(token) > TOKEN_BYTES_MAX:
            return TokenRefused("token_invalid")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            return TokenRefused("token_invalid")
        kind, expires_at = claims.get("typ"), claims.get("exp")
        subject, user_id = claims.get("sub"), claims.get("usr")
        if kind not in ("user", "device") or not isinstance(expires_at, int | float):
            return TokenRefused("token_invalid")
        if not isinstance(subject, str) or not isinstance(user_id, str):
            return TokenRefused("token_invalid")
        if self._clock() >= expires_at:
            return TokenRefused("token_expired")
        born = claims.get("born")
        if not (born is None or isinstance(born, int | float)):
            return TokenRefused("token_invalid")
        thumbprint = _thumbprint(claims.get("cnf"))
        if (thumbprint is None) == (kind == "device"):
            return TokenRefused("token_invalid")
        return Claims(kind, subject, user_id, float(expires_at), born, thumbprint)


def _thumbprint(confirmation: object) -> str | None:
    found = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    return found if isinstance(found, str) and found else None
