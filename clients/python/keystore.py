"""The device's own key: P-256, made here, never sent. It signs proofs of possession (RFC 7515)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from clients.python.durable_files import CorruptedStateError, replace_file

CURVE = "P-256"
ALGORITHM = "ES256"


class DeviceKey:
    """A P-256 key pair. The private part leaves this object only for the PEM file."""

    def __init__(self, key: ECKey) -> None:
        self._key = key

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

    def sign(self, claims: Mapping[str, object]) -> str:
        """A compact ES256 JWS over the claims as JSON."""
        payload = json.dumps(dict(claims)).encode()
        return jws.serialize_compact({"alg": ALGORITHM}, payload, self._key, [ALGORITHM])

    def enrolment_proof(self, code: str) -> str:
        """Shows that who redeems the code holds this key."""
        return self.sign({"code": code, "purpose": "enrol"})

    def token_proof(self, device_id: str, issued_at: float) -> str:
        """Buys a token for the device. issued_at: Unix seconds by the service's clock."""
        return self.sign({"device_id": device_id, "purpose": "token", "iat": issued_at})
