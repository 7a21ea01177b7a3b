"""Versions that take their rows as they are: the genesis, and a version over today's catalogue."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from app.coordinator.candidate import Ancestry, Candidate, make_candidate
from app.coordinator.item_features import features_by_row
from app.coordinator.model import Model
from app.coordinator.repository import ItemRow
from app.models.publish import Catalogue, VersionContent
from app.settings import Settings
from app.store.blobs import BlobStore
from recsys.arrays import Ints
from recsys.item_table import ItemTable
from recsys.item_tower import ItemTower, TowerShape, first_tower
from recsys.server_step import ServerState
from recsys.shared_scalars import SharedScalars

FIRST_VERSION = 1


@dataclass(frozen=True)
class Today:
    """The catalogue as a new version will have it.

    changed: items that changed since the version that it is made from; event_types: of the version
    to be.
    """

    catalogue: Catalogue
    changed: list[ItemRow]
    event_types: tuple[str, ...]


def make_genesis(blobs: BlobStore, settings: Settings, today: Today, row_key: bytes) -> Candidate:
    """The first version: rows from a seed that the catalogue's key fixes, and from content."""
    shape = TowerShape(dim=settings.dim)
    live = [item for item in today.changed if item.is_live]
    found = features_by_row(live, shape.n_buckets)
    seed = int.from_bytes(hashlib.sha256(b"twofold/genesis/1" + row_key).digest()[:7], "little")
    tower = first_tower(shape, found, max(found) + 1, seed)
    scalars = SharedScalars.initial(settings.history_length, len(today.event_types))
    content = VersionContent(
        version=FIRST_VERSION,
        parent=None,
        kind="genesis",
        round_id=None,
        table=tower.table(),
        scalars=scalars,
        event_types=today.event_types,
        catalogue=today.catalogue,
    )
    state = ServerState.start(tower, scalars)
    return make_candidate(blobs, content, state, Ancestry("genesis", None))


def make_version_today(
    blobs: BlobStore, kind: str, parent: Model, base: Model, today: Today
) -> Candidate:
    """The base over today's catalogue, as the version that follows `parent`.

    New rows are appended from the encoder; every other row is bitwise the base's. A row whose item
    is gone stays in the table: histories still hold it, and its item may return.
    """
    tower, moved = _changed_tower(base.state.tower, today.changed)
    scalars = base.state.scalars.with_types(len(today.event_types))
    state = ServerState(tower, scalars, base.state.moments, base.state.n_steps)
    content = VersionContent(
        version=parent.version + 1,
        parent=parent.version,
        kind=kind,
        round_id=None,
        table=_with_rows(base.table, tower.table(), moved),
        scalars=scalars,
        event_types=today.event_types,
        catalogue=today.catalogue,
    )
    return make_candidate(blobs, content, state, Ancestry(kind, parent, base=base))


def _changed_tower(before: ItemTower, changed: list[ItemRow]) -> tuple[ItemTower, Ints]:
    """A copy of the tower that knows the changed items, and which rows have moved."""
    tower = copy.deepcopy(before)
    found = features_by_row([item for item in changed if item.is_live], tower.shape.n_buckets)
    held = {row for row in found if row < tower.height and _holds_item(tower, row)}
    tower.describe({row: ids for row, ids in found.items() if row in held})
    tower.extend({row: ids for row, ids in found.items() if row not in held})
    moved = [row for row in sorted(found) if not bool(tower.trained[row])]
    return tower, np.asarray(moved, np.int64)


def _holds_item(tower: ItemTower, row: int) -> bool:
    return tower.features(row).size > 0 or bool(torch.any(tower.residual[row] != 0))


def _with_rows(base: ItemTable, computed: ItemTable, rows: Ints) -> ItemTable:
    """The base's table, grown to the computed height, with only `rows` taken from it."""
    heads = []
    for name in ("target", "context_long", "context_short", "bias"):
        old, new = getattr(base, name), getattr(computed, name)
        head = np.zeros_like(new)
        head[: old.shape[0]] = old
        head[rows] = new[rows]
        heads.append(head)
    return ItemTable(*heads)
