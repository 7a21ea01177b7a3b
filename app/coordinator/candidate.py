"""A version before it is published: its blobs are stored and its record is written."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.coordinator.build import present_build
from app.coordinator.model import FOLDER, Model
from app.models.publish import VersionContent, write_version
from app.store.blobs import BlobStore, digest_of
from federation.audit import GENESIS_CHAIN, AuditRecord
from recsys.server_state import to_bytes
from recsys.server_step import ServerState


@dataclass(frozen=True)
class RoundEvidence:
    """What a round's record holds beside the version: digests, counts, means. No identity."""

    plan: str
    sum: str
    count: int
    members: tuple[str, ...]
    metrics: Mapping[str, int | float | str]
    updates_root: str
    signatures_root: str | None
    gate: str = "passed"


@dataclass(frozen=True)
class Candidate:
    """model: the version as it will be; the rest is what its row holds."""

    model: Model
    kind: str
    round_id: int | None
    manifest: bytes
    model_digest: str
    record: AuditRecord

    def row(self, now: float) -> dict[str, Any]:
        """The row of `versions`."""
        return {
            "id": self.record.version,
            "parent": self.record.parent,
            "kind": self.kind,
            "round_id": self.round_id,
            "catalogue_revision": self.model.catalogue.revision,
            "manifest": self.manifest,
            "manifest_digest": self.model.manifest_digest,
            "model_digest": self.model_digest,
            "record": self.record.to_json(),
            "chain": self.record.chain,
            "published_at": now,
            "origin": self.model.origin,
            "standing": "candidate",
        }


@dataclass(frozen=True)
class Ancestry:
    """Where a version comes from: its kind, its parent (None: the genesis), its round.

    base: the version that it was made from, None if that is the parent. row: all that it took of
    another one, (version, row).
    """

    kind: str
    parent: Model | None
    round_id: int | None = None
    evidence: RoundEvidence | None = None
    base: Model | None = None
    row: tuple[int, int] | None = None

    def origin(self, version: int) -> int:
        """The version whose training made the rows: `version` itself if a round did."""
        made_from = self.base or self.parent
        return version if self.kind == "round" or made_from is None else made_from.origin

    @property
    def base_version(self) -> int | None:
        """Number of the base, as the record names it."""
        if self.base is None or self.parent is None or self.base.version == self.parent.version:
            return None
        return self.base.version


def make_candidate(
    blobs: BlobStore, content: VersionContent, state: ServerState, ancestry: Ancestry
) -> Candidate:
    """Store the blobs of a version and write its record. Repeating it changes nothing."""
    manifest = write_version(blobs, content)
    manifest_digest = digest_of(manifest)
    model_digest = blobs.put_content(FOLDER, to_bytes(state))
    parent = ancestry.parent
    evidence = dataclasses.asdict(ancestry.evidence) if ancestry.evidence else {}
    record = AuditRecord(
        version=content.version,
        parent=content.parent,
        kind=ancestry.kind,
        parent_chain=parent.chain if parent else GENESIS_CHAIN,
        model=manifest_digest,
        training_state=model_digest,
        base=ancestry.base_version,
        restored_from=ancestry.row[0] if ancestry.row else None,
        restored_row=ancestry.row[1] if ancestry.row else None,
        build=present_build(),
        **evidence,
    )
    model = Model(
        version=content.version,
        origin=ancestry.origin(content.version),
        chain=record.chain,
        manifest_digest=manifest_digest,
        catalogue_digest=json.loads(manifest)["catalogue"]["digest"],
        event_types=tuple(content.event_types),
        catalogue=content.catalogue,
        table=content.table,
        state=state,
    )
    return Candidate(model, ancestry.kind, ancestry.round_id, manifest, model_digest, record)
