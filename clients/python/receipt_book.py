"""The receipts that a device was given, and the keys that they were checked with, on its disk.

    receipt-keys.json    the service's public keys, each as it was first seen
    receipts/            one file per receipt, the compact JWS as it came, by round
    chain.json           the newest version of the audit chain that was checked, and its digest

The keys are believed when they are first seen, as the service is when the device enrols. A key that
was seen once is kept: what it signed can be checked when the service has taken another.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from clients.python.answers import Failure
from clients.python.durable_files import CorruptedStateError, make_private_folder, replace_file
from clients.python.objections import Objection
from clients.python.receipt_checks import check_receipt, key_name, read_keys
from federation.receipt import ReceiptClaims
from federation.strict_fields import read_object, require_digest, require_fields, require_int

RECEIPTS_MAX = 1000


class ReceiptBook:
    """Reads and writes the receipts of one device. folder: the device's."""

    def __init__(self, folder: Path) -> None:
        self._keys_path = folder / "receipt-keys.json"
        self._head_path = folder / "chain.json"
        self._receipts = folder / "receipts"
        self._keys: dict[str, dict[str, str]] | None = None

    def knows_key_of(self, signed: str) -> bool:
        """Whether the key that a receipt names was seen before."""
        return key_name(signed) in self.keys()

    def keys(self) -> dict[str, dict[str, str]]:
        """The keys by their thumbprints. Raises: CorruptedStateError."""
        if self._keys is None:
            found = _read(self._keys_path)
            try:
                self._keys = {} if found is None else read_keys(read_object(found))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise CorruptedStateError(self._keys_path, str(error)) from error
        return self._keys

    def add_keys(self, document: dict[str, Any]) -> Failure | None:
        """Keep the keys of a JWK set beside those that are here; a failure if it is none."""
        try:
            found = read_keys(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Failure(None, "malformed_answer", f"receipt keys: {error}")
        keys = self.keys() | found
        body = json.dumps({"keys": list(keys.values())}).encode()
        replace_file(self._keys_path, body)
        self._keys = keys
        return None

    def check(self, signed: str) -> ReceiptClaims | Objection:
        """What a receipt says, if a known key signed it."""
        return check_receipt(signed, self.keys())

    def keep(self, signed: str, claims: ReceiptClaims) -> None:
        """Store a checked receipt; it is on the disk when this returns. The oldest ones go."""
        make_private_folder(self._receipts)
        # The service chose the assignment's id: it is no file name.
        mark = hashlib.sha256(claims.assignment.encode()).hexdigest()[:16]
        replace_file(self._receipts / f"{claims.round:016d}-{mark}.jws", signed.encode())
        for old in sorted(self._receipts.glob("*.jws"))[:-RECEIPTS_MAX]:
            old.unlink(missing_ok=True)

    def read(self) -> list[ReceiptClaims]:
        """All receipts, oldest round first, each checked again. Raises: CorruptedStateError."""
        found = []
        for path in sorted(self._receipts.glob("*.jws")):
            claims = self.check(path.read_bytes().decode("ascii", "replace"))
            if isinstance(claims, Objection):
                raise CorruptedStateError(path, claims.detail)
            found.append(claims)
        return found

    def head(self) -> tuple[int, str] | None:
        """The newest version whose chain digest was checked, with that digest."""
        body = _read(self._head_path)
        if body is None:
            return None
        try:
            fields = require_fields(read_object(body), ["version", "chain"])
            version = require_int(fields["version"], "version", 0)
            return version, require_digest(fields["chain"], "chain")
        except ValueError as error:
            raise CorruptedStateError(self._head_path, str(error)) from error

    def save_head(self, version: int, chain: str) -> None:
        """Note how far the chain was checked: the service can never tell another past."""
        replace_file(self._head_path, json.dumps({"version": version, "chain": chain}).encode())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
