"""The audit chain: one record per model version, each naming the hash of all that came before."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from federation.canonical import canonical_json, digest, is_digest, raw_digest
from federation.strict_fields import (
    Scalar,
    frozen_scalars,
    read_object,
    require_digest,
    require_fields,
    require_int,
    require_text,
)

KINDS = ("genesis", "catalogue", "round", "rollback")
GENESIS_CHAIN = "sha256:" + "0" * 64
"""The parent chain of the first record."""
CHAIN_LABEL = b"twofold/chain/1"


@dataclass(frozen=True)
class AuditRecord:
    """What a model version was made from. Holds counts and digests, no update and no identity.

    version, parent: version numbers; the genesis has no parent. kind: what made it. parent_chain:
    chain digest of the parent. model: digest of the version's manifest. plan, sum: digests of the
    round's plan and of the exact sum's bytes. count: updates in the sum. members: salted digests of
    their accounts, sorted and distinct. metrics: the cohort's means. gate: outcome of the checks
    before publication. training_state: digest of the tower and optimiser that training goes on
    from. updates_root: Merkle root over the updates in the sum, in the order of their assignments.
    signatures_root: likewise over the envelopes that devices signed; null if none did. build: what
    the version's bytes depend on beside all this, such as the library's version and the number of
    threads. Only a round has plan, sum, members, gate and the two roots.

    base: the version that this one was made from, null if that is its parent; a change of the
    catalogue or a rollback may reach back. restored_row, restored_from: the one row that a rollback
    took, and the version that it took it from; null if it took all of its base.

    ValueError, naming the field, for anything that does not fit together.
    """

    version: int
    parent: int | None
    kind: str
    parent_chain: str
    model: str
    plan: str | None = None
    sum: str | None = None
    count: int = 0
    members: tuple[str, ...] = ()
    metrics: Mapping[str, Scalar] | None = None
    gate: str | None = None
    training_state: str | None = None
    base: int | None = None
    restored_from: int | None = None
    restored_row: int | None = None
    updates_root: str | None = None
    signatures_root: str | None = None
    build: Mapping[str, Scalar] | None = None

    def __post_init__(self) -> None:
        require_int(self.version, "version", 0)
        if self.kind not in KINDS:
            raise ValueError(f"kind: must be one of {', '.join(KINDS)}")
        if self.parent is not None:
            require_int(self.parent, "parent", 0)
        if self.parent != (None if self.kind == "genesis" else self.version - 1):
            raise ValueError("parent: must be the version before, and null for the genesis")
        require_digest(self.parent_chain, "parent_chain")
        require_digest(self.model, "model")
        if self.training_state is not None:
            require_digest(self.training_state, "training_state")
        for name in ("metrics", "build"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen_scalars(getattr(self, name), name))
        self._check_round()
        self._check_base()

    def _check_base(self) -> None:
        if self.base is not None:
            require_int(self.base, "base", 0)
            if self.kind not in ("catalogue", "rollback") or self.base >= (self.parent or 0):
                raise ValueError("base: before the parent, of a catalogue or rollback version")
        if (self.restored_from is None) != (self.restored_row is None):
            raise ValueError("restored_row: goes with restored_from")
        if self.restored_from is not None:
            require_int(self.restored_from, "restored_from", 0, self.version - 1)
            require_int(self.restored_row, "restored_row", 0)
            if self.kind != "rollback":
                raise ValueError("restored_from: only a rollback has one")

    def _check_round(self) -> None:
        require_int(self.count, "count", 0)
        if self.kind == "round":
            require_digest(self.plan, "plan")
            require_digest(self.sum, "sum")
            require_text(self.gate, "gate")
        for name in ("updates_root", "signatures_root"):
            if getattr(self, name) is not None:
                require_digest(getattr(self, name), name)
        for name in ("plan", "sum", "gate", "updates_root", "signatures_root"):
            if self.kind != "round" and getattr(self, name) is not None:
                raise ValueError(f"{name}: only a round has one")
        if (self.count > 0) != (self.kind == "round"):
            raise ValueError("count: a round has members, nothing else has")
        if not isinstance(self.members, tuple) or not all(map(is_digest, self.members)):
            raise ValueError("members: must be sha256 digests")
        if list(self.members) != sorted(set(self.members)) or len(self.members) != self.count:
            raise ValueError("members: must be sorted, distinct and as many as count")

    def to_mapping(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("metrics", "build"):
            plain[name] = None if plain[name] is None else dict(plain[name])
        return plain | {"members": list(self.members)}

    def to_json(self) -> bytes:
        """The canonical bytes, which the digest is taken of."""
        return canonical_json(self.to_mapping())

    @classmethod
    def from_json(cls, body: bytes) -> "AuditRecord":
        """The record in `body`; ValueError names the first field that is wrong."""
        plain = require_fields(read_object(body), [field.name for field in fields(cls)])
        if not isinstance(plain["members"], list):
            raise ValueError("members: must be a list")
        plain["members"] = tuple(plain["members"])
        return cls(**plain)

    @property
    def digest(self) -> str:
        """The digest of the canonical bytes."""
        return digest(self.to_json())

    @property
    def chain(self) -> str:
        """The chain digest up to and including this record."""
        return chain_digest(self.parent_chain, self.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only mapping inside cannot be pickled; the canonical bytes are the record.
        return AuditRecord.from_json, (self.to_json(),)


def chain_digest(parent_chain: str, record_digest: str) -> str:
    """The chain digest of a record: it fixes the record and, through its parent, all before it."""
    return digest(CHAIN_LABEL + raw_digest(parent_chain) + raw_digest(record_digest))


def member_digest(salt: bytes, member: str) -> str:
    """A member's salted digest, HMAC-SHA256(salt, member): whoever holds the salt can look it up.

    With the salt destroyed, it can no longer be tied to an account. ValueError under 16 bytes.
    """
    if len(salt) < 16:
        raise ValueError("salt: at least 16 bytes")
    return "sha256:" + hmac.new(salt, member.encode("utf-8"), hashlib.sha256).hexdigest()
