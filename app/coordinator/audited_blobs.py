"""The blobs that the audit needs beside those in use, so that sweeping leaves them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import retention_repository as repository
from app.coordinator.model import FOLDER as MODELS
from app.models.bundle import FOLDER as BUNDLES
from app.models.publish import CATALOGUES
from app.models.shards import FOLDER as SHARDS
from federation.plan import Plan

# The encoding that every other one follows from.
EXACT = "float32"


@dataclass(frozen=True)
class AuditedBlobs:
    """blobs: folder -> names; first_round: sums of rounds from this one on stay."""

    blobs: Mapping[str, set[str]]
    first_round: int


async def find_audited(connection: AsyncConnection, n_audited: int) -> AuditedBlobs:
    """What rebuilding the newest `n_audited` versions takes."""
    retention = await repository.find_retention(connection, n_audited)
    if retention is None:
        return AuditedBlobs({}, 0)
    kept: dict[str, set[str]] = {folder: set() for folder in (MODELS, CATALOGUES, SHARDS)}
    for checkpoint in await repository.checkpoints(connection, retention.base):
        manifest = json.loads(checkpoint.manifest)
        kept[MODELS].add(checkpoint.model_digest)
        kept[CATALOGUES].add(manifest["catalogue"]["digest"])
        kept[SHARDS] |= exact_shards(manifest)
    plans = await repository.evidence_plans(connection, retention.base)
    kept[BUNDLES] = {Plan.from_json(body).bundle for body in plans}
    return AuditedBlobs(kept, await repository.first_round_kept(connection, retention.base))


def exact_shards(manifest: Mapping[str, Any]) -> set[str]:
    """Digests of a manifest's float32 shards, of all heads."""
    return {shard["digest"] for head in manifest["heads"].values() for shard in head[EXACT]}
