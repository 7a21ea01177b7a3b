"""What a version's record says against what is stored: rows, sum, bundle, model. Reads only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.audit.repository import PublishedRound, StoredVersion
from app.coordinator.audited_blobs import exact_shards
from app.coordinator.model import FOLDER as MODELS
from app.coordinator.reducing import read_sum
from app.coordinator.repository import VersionRow
from app.coordinator.retention import Retention
from app.coordinator.round_version import signatures_root, updates_root
from app.models.bundle import FOLDER as BUNDLES
from app.models.publish import CATALOGUES
from app.models.shards import FOLDER as SHARDS
from app.store.blobs import BlobStore, digest_of
from federation.audit import AuditRecord
from federation.audit_chain import BrokenLink
from federation.plan import Plan


@dataclass(frozen=True)
class Evidence:
    """A version with its record, what it is loaded by, and its round if it has one."""

    row: StoredVersion
    source: VersionRow
    record: AuditRecord
    round: PublishedRound | None

    def broken(self, what: str) -> BrokenLink:
        """A break at this version."""
        return BrokenLink(self.row.id, what)


def check_evidence(blobs: BlobStore, evidence: Evidence, retention: Retention) -> BrokenLink | None:
    """None if all that is kept of the version is what its record names; else the first difference.

    What `retention` keeps must be there. What else is there must be what its name says.
    """
    broken = _check_row(evidence) or _check_round(evidence)
    if broken is None and evidence.round is not None and retention.keeps_evidence(evidence.row.id):
        broken = _check_sum(blobs, evidence, evidence.round)
    return broken or _check_model(blobs, evidence, retention)


def _check_row(evidence: Evidence) -> BrokenLink | None:
    row, record = evidence.row, evidence.record
    for name in ("parent", "kind"):
        if getattr(row, name) != getattr(record, name):
            return evidence.broken(f"{name}: the row and its record differ")
    if digest_of(row.manifest) != record.model or row.manifest_digest != record.model:
        return evidence.broken("model: the manifest is not the one of the record")
    if row.model_digest != record.training_state:
        return evidence.broken("training_state: the row and its record differ")
    manifest = json.loads(row.manifest)
    said = (manifest["version"], manifest["parent"], manifest["kind"], manifest["round"])
    if said != (row.id, row.parent, row.kind, row.round_id):
        return evidence.broken("model: the manifest speaks of another version")
    return None


def _check_round(evidence: Evidence) -> BrokenLink | None:
    record, found = evidence.record, evidence.round
    if record.kind != "round":
        return None
    if found is None or found.published_version != record.version:
        return evidence.broken("round: no round published this version")
    if digest_of(found.plan) != record.plan or found.plan_digest != record.plan:
        return evidence.broken("plan: not the one of the record")
    if len(found.members) != record.count:
        return evidence.broken(f"count: the round accepted {len(found.members)} updates")
    if updates_root(found.members) != record.updates_root:
        return evidence.broken("updates_root: not that of the accepted updates")
    if signatures_root(found.members) != record.signatures_root:
        return evidence.broken("signatures_root: not that of the accepted updates")
    return None


def _check_sum(blobs: BlobStore, evidence: Evidence, found: PublishedRound) -> BrokenLink | None:
    plan = Plan.from_json(found.plan)
    stored = read_sum(blobs, plan, found.id)
    if stored is None:
        return evidence.broken("sum: it is gone, or is none")
    summed, name = stored
    if name != evidence.record.sum:
        return evidence.broken("sum: not the one of the record")
    if summed.count != evidence.record.count:
        return evidence.broken(f"sum: it holds {summed.count} updates")
    return _check_blob(blobs, evidence, "bundle", (BUNDLES, plan.bundle), needed=True)


def _check_model(blobs: BlobStore, evidence: Evidence, retention: Retention) -> BrokenLink | None:
    row, manifest = evidence.row, json.loads(evidence.row.manifest)
    must_be = retention.keeps_whole(row.id, row.kind)
    exact = exact_shards(manifest) if must_be else set()
    named = [
        ("training_state", MODELS, row.model_digest, must_be),
        ("catalogue", CATALOGUES, manifest["catalogue"]["digest"], must_be),
        *(("shard", SHARDS, name, name in exact) for name in sorted(_shards(manifest))),
    ]
    for what, folder, name, needed in named:
        broken = _check_blob(blobs, evidence, what, (folder, name), needed)
        if broken is not None:
            return broken
    return None


def _shards(manifest: Mapping[str, Any]) -> set[str]:
    heads = manifest["heads"].values()
    return {shard["digest"] for head in heads for shards in head.values() for shard in shards}


def _check_blob(
    blobs: BlobStore, evidence: Evidence, what: str, at: tuple[str, str], needed: bool
) -> BrokenLink | None:
    body, place = blobs.get(*at), "/".join(at)
    if body is None:
        return evidence.broken(f"{what}: {place} is gone") if needed else None
    if digest_of(body) != at[1]:
        return evidence.broken(f"{what}: {place} is damaged")
    return None
