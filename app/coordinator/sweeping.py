"""What is deleted when a round has ended, and when versions have become old.

Records, manifests, plans and the digests of updates stay; `retention` says what stays beside what
is in use. A blob that nothing in the database names may be of a version that another coordinator
is about to publish: it goes when newer blobs of its folder are GRACE_S younger. The training state
of a version that is published and not in use waits for nobody but a coordinator that is reading it:
it goes when it is GRACE_S old, and at once when there is no room for the next one.

File times are the file system's, so they are compared with its clock and not with the service's.
"""

import asyncio
import json
import math
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator import repository
from app.coordinator.audited_blobs import find_audited
from app.coordinator.model import FOLDER as MODELS
from app.coordinator.reducing import PARTIALS, SUMS
from app.crash_points import crash_point
from app.models.bundle import FOLDER as BUNDLES
from app.models.publish import CATALOGUES
from app.models.shards import FOLDER as SHARDS
from app.rounds.uploads import FOLDER as UPDATES
from app.store.blobs import BlobStore
from app.wiring import State
from federation.plan import Plan

GRACE_S = 30.0
UNFINISHED_S = 3600.0


async def sweep(state: State, files_now: float, is_full: bool = False) -> None:
    """Delete the updates of ended rounds, and the blobs of old versions and plans.

    files_now: Unix seconds by the clock of the blobs' file system. is_full: it has no room left.
    """
    blobs, n_versions = state["blobs"], state["settings"].rankable_versions
    names, partials = blobs.names(UPDATES), blobs.names(PARTIALS)
    models = blobs.names(MODELS)
    async with state["database"].read() as connection:
        published = await repository.published_models(connection, models)
        wanted = await repository.assignments_in_use(connection)
        open_rounds = await repository.open_rounds(connection)
        kept = await _blobs_in_use(connection, n_versions, state["clock"]())
        audited = await find_audited(connection, state["settings"].audit_versions)
    for folder, needed in audited.blobs.items():
        kept[folder] |= needed
    crash_point("sweep_before_delete")
    await asyncio.to_thread(delete_unwanted, blobs, UPDATES, names, wanted)
    await asyncio.to_thread(delete_unwanted, blobs, PARTIALS, partials, set(map(str, open_rounds)))
    await asyncio.to_thread(prune, blobs, kept)
    before = math.inf if is_full else files_now - GRACE_S
    await asyncio.to_thread(_prune_models, blobs, published - kept[MODELS], before)
    await asyncio.to_thread(_prune_sums, blobs, audited.first_round)
    await asyncio.to_thread(blobs.forget_unfinished, files_now - UNFINISHED_S)


def delete_unwanted(blobs: BlobStore, folder: str, names: list[str], wanted: set[str]) -> int:
    """Delete blobs whose assignment, or round, is not wanted any more; how many went.

    names: "<wanted>.<rest>", listed before `wanted` was read, so that a later one's blob is not
    among them.
    """
    gone = [name for name in names if name.split(".", 1)[0] not in wanted]
    for name in gone:
        blobs.delete(folder, name)
    return len(gone)


async def _blobs_in_use(
    connection: AsyncConnection, n_versions: int, now: float
) -> dict[str, set[str]]:
    """Folder -> names that versions in use, the open rounds and running leases need."""
    used = await repository.manifests_in_use(connection, n_versions)
    kept: dict[str, set[str]] = {folder: set() for folder in (SHARDS, CATALOGUES, MODELS, BUNDLES)}
    # Training states as well: whatever is ranked with can be gone back to.
    kept[MODELS] = {model_digest for _, model_digest in used}
    for body, _ in used:
        manifest = json.loads(body)
        kept[CATALOGUES].add(manifest["catalogue"]["digest"])
        kept[SHARDS] |= _shards(manifest)
    wanted = await repository.wanted_plans(connection, now)
    kept[BUNDLES] = {Plan.from_json(body).bundle for body in wanted}
    return kept


def _shards(manifest: dict[str, Any]) -> set[str]:
    heads = manifest["heads"].values()
    return {shard["digest"] for head in heads for shards in head.values() for shard in shards}


def prune(blobs: BlobStore, kept: dict[str, set[str]]) -> int:
    """Delete old blobs that are not kept; how many went."""
    return sum(_prune_folder(blobs, folder, names) for folder, names in kept.items())


def _prune_models(blobs: BlobStore, names: set[str], before: float) -> None:
    """Delete those of these training states that were written before `before`."""
    for name in names:
        try:
            if blobs.path(MODELS, name).stat().st_mtime < before:
                blobs.delete(MODELS, name)
        except FileNotFoundError:  # another coordinator prunes as well
            continue


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
