"""The device's own key: P-256, made here, never sent. It signs proofs of possession (RFC 7515)."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from clients.python.durable_files import CorruptedStateError, replace_file
from federation.device_claims import APPROVAL_TYPE, UPLOAD_TYPE, ApprovalClaims, UploadClaims

CURVE = "P-256"
ALGORITHM = "ES256"
COORDINATE_BYTES = 32
# RFC 6979: no signature depends on random numbers, which give the key away when they are bad.
DETERMINISTIC = ECDSA(SHA256(), deterministic_signing=True)


class DeviceKey:
    """A P-256 key pair. The private part leaves this object only for the PEM file."""

    def __init__(self, key: ECKey) -> None:
        signer = key.get_op_key("sign")
        assert isinstance(signer, EllipticCurvePrivateKey), "the key is private"
        self._key, self._signer = key, signer

    @classmethod
    def open(cls, path: Path) -> Self:
        """The key in the PEM file.

        Raises: FileNotFoundError; CorruptedStateError when it holds no private P-256 key;
        PermissionError when others than its owner may read it.
        """
        pem = path.read_bytes()
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} must be readable by its owner alone (chmod 600)")
        try:
            key = ECKey.import_key(pem)
        except (JoseError, ValueError, TypeError) as error:
            raise CorruptedStateError(path, "it holds no key in PEM form") from error
        if not key.is_private or key.curve_name != CURVE:
            raise CorruptedStateError(path, "it holds no private P-256 key")
        return cls(key)

    @classmethod
    def open_or_create(cls, path: Path) -> Self:
        """The key in the file; when there is none, a fresh one that is stored first."""
        try:
            return cls.open(path)
        except FileNotFoundError:
            key = ECKey.generate_key(CURVE, private=True)
            replace_file(path, key.as_pem(private=True))
            return cls(key)

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key as a JWK: kty, crv, x, y."""
        jwk = self._key.as_dict(private=False)
        return {name: str(jwk[name]) for name in ("kty", "crv", "x", "y")}

    @property
    def thumbprint(self) -> str:
        """The name of the public key (RFC 7638)."""
        return self._key.thumbprint()

    def sign(self, claims: Mapping[str, object], header: Mapping[str, object] | None = None) -> str:
        """A compact ES256 JWS over the claims as JSON. header: its members beside `alg`."""
        return self.sign_bytes(json.dumps(dict(claims)).encode(), header or {})

    def sign_bytes(self, payload: bytes, header: Mapping[str, object]) -> str:
        """The same over bytes as they are."""
        whole = json.dumps({"alg": ALGORITHM, **header}).encode()
        signing_input = f"{_base64url(whole)}.{_base64url(payload)}"
        signature = self._signer.sign(signing_input.encode(), DETERMINISTIC)
        r, s = decode_dss_signature(signature)
        raw = r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
        return f"{signing_input}.{_base64url(raw)}"

    def upload_signature(self, claims: UploadClaims) -> str:
        """The envelope of an update."""
        return self.sign_bytes(claims.to_json(), {"typ": UPLOAD_TYPE})

    def approval(self, claims: ApprovalClaims) -> str:
        """Lets another device of the same user enrol."""
        return self.sign_bytes(claims.to_json(), {"typ": APPROVAL_TYPE})

    def enrolment_proof(self, code: str) -> str:
        """Shows that who redeems the code holds this key."""
        return self.sign({"code": code, "purpose": "enrol"})

    def token_proof(self, device_id: str, issued_at: float) -> str:
        """Buys a token for the device. issued_at: Unix seconds by the service's clock."""
        return self.sign({"device_id": device_id, "purpose": "token", "iat": issued_at})


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
