"""What a device checks of the service's word: receipt, inclusion proof, audit record and chain.

A receipt says that an update was stored. The proof says that it is one leaf of the tree whose root
stands in the audit record of its round's version; the record, that its sum holds as many updates as
the tree has leaves. The chain fixes the record. Values only: no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from clients.python.objections import Objection
from federation.audit import AuditRecord
from federation.audit_chain import BrokenLink, StoredRecord, check_link, read_stored
from federation.canonical import canonical_json
from federation.merkle import root_from_path, update_leaf
from federation.receipt import JWS_TYPE, ReceiptClaims
from federation.strict_fields import require_digest, require_int

ALGORITHM = "ES256"
SIGNED_CHARS_MAX = 4096
PATH_MAX = 64  # of a tree with more leaves than there are people

Keys = Mapping[str, Mapping[str, str]]
"""Public keys (RFC 7517) by their RFC 7638 thumbprints."""


@dataclass(frozen=True)
class Proof:
    """Where the service says that an update stands. chain: up to and including `record`."""

    leaf_index: int
    tree_size: int
    path: tuple[str, ...]
    record: AuditRecord
    chain: str


def key_name(signed: str) -> str | None:
    """Which key a receipt says that it was signed with; None if it is no receipt."""
    if len(signed) > SIGNED_CHARS_MAX:
        return None
    try:
        header = jws.extract_compact(signed.encode()).headers()
    except (JoseError, ValueError):
        return None
    name = header.get("kid")
    return name if header.get("typ") == JWS_TYPE and isinstance(name, str) else None


def read_keys(document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The P-256 keys of a JWK set by their thumbprints, whatever names it gives them.

    ValueError for a key that is none; other fields and other kinds of keys are left alone.
    """
    keys = {}
    for jwk in document["keys"]:
        if (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256"):
            public = {name: str(jwk[name]) for name in ("kty", "crv", "x", "y")}
            keys[ECKey.import_key(dict(public)).thumbprint()] = public
    return keys


def check_receipt(signed: str, keys: Keys) -> ReceiptClaims | Objection:
    """What a receipt says, if one of `keys` signed it."""
    name = key_name(signed)
    if name is None or name not in keys:
        return Objection("receipt_invalid", "no key of this service is named in it")
    key = ECKey.import_key(dict(keys[name]))
    try:
        payload = jws.deserialize_compact(signed, key, [ALGORITHM]).payload
        return ReceiptClaims.from_json(payload)
    except (JoseError, ValueError) as error:
        return Objection("receipt_invalid", f"{type(error).__name__}: {error}")


def read_proof(fields: Mapping[str, Any]) -> Proof:
    """The service's answer; ValueError, KeyError or TypeError if it is none."""
    path = fields["path"]
    if not isinstance(path, list) or len(path) > PATH_MAX:
        raise ValueError("path: must be a short list")
    return Proof(
        leaf_index=require_int(fields["leaf_index"], "leaf_index", 0),
        tree_size=require_int(fields["tree_size"], "tree_size", 1),
        path=tuple(require_digest(name, "path") for name in path),
        record=AuditRecord.from_json(canonical_json(fields["record"])),
        chain=require_digest(fields["chain"], "chain"),
    )


def check_proof(claims: ReceiptClaims, proof: Proof) -> Objection | None:
    """None if the update of the receipt is exactly one of those that the record's sum holds.

    One leaf at one place of a tree with as many leaves as the sum has updates, from as many
    distinct members: whoever counted it twice had to leave another one out.
    """
    record = proof.record
    if record.chain != proof.chain:
        return Objection("proof_invalid", "the chain digest is not that of the record")
    if record.updates_root is None or proof.tree_size != record.count:
        found = f"the tree has {proof.tree_size} leaves, the sum {record.count} updates"
        return Objection("proof_invalid", found)
    leaf = update_leaf(claims.assignment, claims.body_digest)
    try:
        root = root_from_path(leaf, proof.leaf_index, proof.tree_size, proof.path)
    except ValueError as error:
        return Objection("proof_invalid", str(error))
    if root != record.updates_root:
        return Objection("proof_invalid", "the update is not in the tree of the record")
    return None


class ChainCheck:
    """Follows the chain record by record, from its genesis."""

    def __init__(self) -> None:
        self._newest: AuditRecord | None = None
        self.chains: dict[int, str] = {}
        """Version -> chain digest, of all records so far."""

    def add(self, entries: Sequence[Mapping[str, Any]]) -> Objection | None:
        """The next records as the service lists them; the first that does not follow, or None.

        ValueError, KeyError or TypeError if they are no records.
        """
        for entry in entries:
            body = canonical_json(entry["record"])
            version = require_int(entry["version"], "version", 0)
            record = read_stored(StoredRecord(version, body, entry["chain"]))
            broken = record if isinstance(record, BrokenLink) else check_link(self._newest, record)
            if broken is not None:
                return Objection("chain_broken", f"version {broken.version}: {broken.what}")
            assert isinstance(record, AuditRecord)
            self._newest, self.chains[version] = record, record.chain
        return None

    @property
    def head(self) -> tuple[int, str] | None:
        """The newest version with its chain digest."""
        return None if self._newest is None else (self._newest.version, self._newest.chain)
