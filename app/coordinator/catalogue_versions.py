"""Versions that the catalogue makes: the genesis, and those of kind `catalogue`."""

import copy
import hashlib

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


def make_genesis(
    blobs: BlobStore,
    settings: Settings,
    items: list[ItemRow],
    catalogue: Catalogue,
    row_key: bytes,
) -> Candidate:
    """The first version: rows from a seed that the catalogue's key fixes, and from content."""
    shape = TowerShape(dim=settings.dim)
    found = features_by_row(items, shape.n_buckets)
    seed = int.from_bytes(hashlib.sha256(b"twofold/genesis/1" + row_key).digest()[:7], "little")
    tower = first_tower(shape, found, max(found) + 1, seed)
    scalars = SharedScalars.initial(settings.history_length, len(settings.event_types))
    content = VersionContent(
        version=FIRST_VERSION,
        parent=None,
        kind="genesis",
        round_id=None,
        table=tower.table(),
        scalars=scalars,
        event_types=settings.event_types,
        catalogue=catalogue,
    )
    state = ServerState.start(tower, scalars)
    return make_candidate(blobs, content, state, Ancestry("genesis", None))


def make_catalogue_version(
    blobs: BlobStore,
    parent: Model,
    changed: list[ItemRow],
    catalogue: Catalogue,
    event_types: tuple[str, ...],
) -> Candidate:
    """The parent with new rows appended from the encoder; every other row is bitwise the parent's.

    A row whose item is gone stays in the table: histories still hold it, and its item may return.
    """
    tower, moved = _changed_tower(parent.state.tower, changed)
    scalars = parent.state.scalars.with_types(len(event_types))
    state = ServerState(tower, scalars, parent.state.moments, parent.state.n_steps)
    content = VersionContent(
        version=parent.version + 1,
        parent=parent.version,
        kind="catalogue",
        round_id=None,
        table=_with_rows(parent.table, tower.table(), moved),
        scalars=scalars,
        event_types=event_types,
        catalogue=catalogue,
    )
    return make_candidate(blobs, content, state, Ancestry("catalogue", parent))


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


def _with_rows(parent: ItemTable, computed: ItemTable, rows: Ints) -> ItemTable:
    """The parent's table, grown to the computed height, with only `rows` taken from it."""
    heads = []
    for name in ("target", "context_long", "context_short", "bias"):
        old, new = getattr(parent, name), getattr(computed, name)
        head = np.zeros_like(new)
        head[: old.shape[0]] = old
        head[rows] = new[rows]
        heads.append(head)
    return ItemTable(*heads)
