"""Bodies and answers of the device routes."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.schemas import StrictBody

Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 bytes in base64url without padding (RFC 7518, section 6.2.1)."""

Proof = Annotated[str, Field(min_length=1, max_length=2048)]
"""A compact ES256 JWS."""


class PublicKey(StrictBody):
    """A public P-256 JWK. What WebCrypto adds on export is accepted and not kept."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
    alg: Literal["ES256"] | None = None
    use: Literal["sig"] | None = None
    ext: bool | None = None
    key_ops: list[Literal["verify"]] | None = Field(None, max_length=1)
    kid: str | None = Field(None, max_length=128)

    def bare(self) -> dict[str, str]:
        """The members that make the key."""
        return {"kty": self.kty, "crv": self.crv, "x": self.x, "y": self.y}


class Enrolment(StrictBody):
    """`proof` signs {"code": the code, "purpose": "enrol"} with the key that is enrolled.

    approval: an enrolled device of the user signs {"code", "purpose": "approve", "thumbprint"} of
    this key; needed where the user has such a device, unless the code replaces devices.
    """

    code: Annotated[str, Field(min_length=1, max_length=128)]
    public_key: PublicKey
    proof: Proof
    approval: Proof | None = None


class CodeRequest(StrictBody):
    """replaces: for somebody whose devices are lost, and cannot approve another one."""

    replaces: bool = False


class TokenRequest(StrictBody):
    """`proof` signs {"device_id", "purpose": "token", "iat": Unix seconds}."""

    proof: Proof


class EnrolmentCode(BaseModel):
    """A code, shown once."""

    code: str
    expires_at: str


class EnrolledDevice(BaseModel):
    """An enrolled device with its first token."""

    device_id: str
    user_id: str
    token: str
    expires_at: str


class DeviceToken(BaseModel):
    """A renewed token."""

    token: str
    expires_at: str


class DeviceView(BaseModel):
    """What the service knows of a device."""

    id: str
    user_id: str
    created_at: str
    seen_at: str
    revoked_at: str | None
