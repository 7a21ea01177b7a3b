"""What is deleted when a round has ended, and when versions have become old.

Records, manifests, plans and digests of updates stay; `retention` says what else does. A blob goes
only when nothing in the database names it and newer blobs of its folder are at least GRACE_S
younger: another coordinator may have written it for a version that it is about to publish.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import repository, retention_repository
from app.coordinator.model import FOLDER as MODELS
from app.coordinator.reducing import SUMS
from app.coordinator.retention import Retention
from app.crash_points import crash_point
from app.models.bundle import FOLDER as BUNDLES
from app.models.publish import CATALOGUES
from app.models.shards import ENCODINGS
from app.models.shards import FOLDER as SHARDS
from app.rounds.uploads import FOLDER as UPDATES
from app.store.blobs import BlobStore
from app.wiring import State
from federation.plan import Plan

GRACE_S = 30.0
UNFINISHED_S = 3600.0
# The encoding that every other one follows from.
EXACT = "float32"


async def sweep(state: State) -> None:
    """Delete the updates of ended rounds, and the blobs of old versions and plans."""
    blobs, settings = state["blobs"], state["settings"]
    names = blobs.names(UPDATES)
    async with state["database"].read() as connection:
        wanted = await repository.assignments_of_open_rounds(connection)
        retention = await retention_repository.find_retention(
            connection, settings.audit_versions, settings.rankable_versions
        )
        kept = await _blobs_in_use(connection, retention)
        base = retention.base if retention else 0
        first_round = await retention_repository.first_round_kept(connection, base)
    crash_point("sweep_before_delete")
    await asyncio.to_thread(delete_updates, blobs, names, wanted)
    await asyncio.to_thread(prune, blobs, kept)
    await asyncio.to_thread(_prune_sums, blobs, first_round or 0)
    # File times are the file system's: compare them with its clock, not with the service's.
    await asyncio.to_thread(blobs.forget_unfinished, time.time() - UNFINISHED_S)


def delete_updates(blobs: BlobStore, names: list[str], wanted: set[str]) -> int:
    """Delete update blobs whose assignment is not wanted any more; how many went.

    names: listed before `wanted` was read, so that a later assignment's blob is not among them.
    """
    gone = [name for name in names if name.split(".", 1)[0] not in wanted]
    for name in gone:
        blobs.delete(UPDATES, name)
    return len(gone)


async def _blobs_in_use(
    connection: AsyncConnection, retention: Retention | None
) -> dict[str, set[str]]:
    """Folder -> names that the open rounds and the versions that stay need."""
    kept: dict[str, set[str]] = {folder: set() for folder in (SHARDS, CATALOGUES, MODELS, BUNDLES)}
    plans = [body for _, body in await repository.open_plans(connection)]
    if retention is not None:
        for version in await retention_repository.whole_versions(connection, retention):
            manifest = json.loads(version.manifest)
            kept[CATALOGUES].add(manifest["catalogue"]["digest"])
            kept[SHARDS] |= shard_names(manifest, retention.is_rankable(version.id))
            if retention.keeps_state(version.id, version.kind):
                kept[MODELS].add(version.model_digest)
        plans += await retention_repository.evidence_plans(connection, retention.base)
    kept[BUNDLES] = {Plan.from_json(body).bundle for body in plans}
    return kept


def shard_names(manifest: Mapping[str, Any], every_encoding: bool) -> set[str]:
    """Digests of a manifest's shards: all of them, or those that the others are made from."""
    encodings = ENCODINGS if every_encoding else (EXACT,)
    heads = manifest["heads"].values()
    return {shard["digest"] for head in heads for name in encodings for shard in head[name]}


def prune(blobs: BlobStore, kept: dict[str, set[str]]) -> int:
    """Delete old blobs that are not kept; how many went."""
    return sum(_prune_folder(blobs, folder, names) for folder, names in kept.items())


def _prune_sums(blobs: BlobStore, first_round: int) -> None:
    """Keep the sums of the rounds from `first_round` on."""
    for name in blobs.names(SUMS):
        if int(name.rsplit("-", 1)[1]) < first_round:
            blobs.delete(SUMS, name)


def _prune_folder(blobs: BlobStore, folder: str, kept: set[str]) -> int:
    written = {}
    for name in blobs.names(folder):
        try:
            written[name] = blobs.path(folder, name).stat().st_mtime
        except FileNotFoundError:  # another coordinator prunes as well
            continue
    newest = max(written.values(), default=0.0)
    gone = [name for name, at in written.items() if name not in kept and newest - at > GRACE_S]
    for name in gone:
        blobs.delete(folder, name)
    return len(gone)
