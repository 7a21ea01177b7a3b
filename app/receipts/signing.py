"""Signed receipts: compact JWS (RFC 7515) with ES256, whose public key anybody may have.

Signed once, before the update is committed, and stored in its row: the same upload again gets the
same bytes, whichever replica answers, whatever became of the key since.
"""

from collections.abc import Mapping

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.access.secrets import read_or_create
from app.settings import Settings
from federation.canonical import canonical_json
from federation.receipt import JWS_TYPE, ReceiptClaims

ALGORITHM = "ES256"
ERASURE_TYPE = "twofold-erasure"
CURVE = "P-256"
PUBLIC_FIELDS = ("kty", "crv", "x", "y")


class ReceiptSigner:
    """Signs with one P-256 key, which its RFC 7638 thumbprint names."""

    def __init__(self, key: ECKey) -> None:
        self._key = key
        self._name = key.thumbprint()

    def sign(self, claims: ReceiptClaims) -> str:
        """The receipt: header, canonical claims and signature."""
        return self._sign(JWS_TYPE, claims.to_json())

    def sign_erasure(self, claims: Mapping[str, str | int]) -> str:
        """The proof of an erasure, likewise; its type says that it is no receipt."""
        return self._sign(ERASURE_TYPE, canonical_json(dict(claims)))

    def _sign(self, kind: str, claims: bytes) -> str:
        header = {"alg": ALGORITHM, "kid": self._name, "typ": kind}
        return jws.serialize_compact(header, claims, self._key, [ALGORITHM])

    @property
    def public_jwk(self) -> dict[str, str]:
        """What checks a receipt (RFC 7517)."""
        jwk = self._key.as_dict(private=False)
        public = {name: str(jwk[name]) for name in PUBLIC_FIELDS}
        return public | {"alg": ALGORITHM, "use": "sig", "kid": self._name}


def receipt_key(settings: Settings) -> ECKey:
    """The key that signs receipts: given, or made once into `data_dir`, which replicas share.

    Raises: RuntimeError when it is no private P-256 key.
    """
    path = settings.data_dir / "receipt-key"
    given = settings.receipt_key.get_secret_value()
    pem = given or read_or_create(path, _new_pem())
    try:
        key = ECKey.import_key(pem)
    except (JoseError, ValueError, TypeError) as error:
        raise RuntimeError(_refusal(settings)) from error
    if not key.is_private or key.curve_name != CURVE:
        raise RuntimeError(_refusal(settings))
    return key


def _new_pem() -> str:
    return ECKey.generate_key(CURVE, private=True).as_pem(private=True).decode()


def _refusal(settings: Settings) -> str:
    given = settings.receipt_key.get_secret_value()
    where = "TWOFOLD_RECEIPT_KEY" if given else str(settings.data_dir / "receipt-key")
    return f"{where} must hold a private P-256 key in PEM form"
