"""A version that differs from its base in one row, which it takes from an earlier version."""

import copy
from collections.abc import Mapping

import numpy as np
import torch

from app.coordinator.candidate import Ancestry, Candidate, make_candidate
from app.coordinator.model import Model
from app.models.publish import VersionContent
from app.store.blobs import BlobStore
from recsys.item_table import ItemTable
from recsys.server_step import BY_ROW, ServerState

HEADS = ("target", "context_long", "context_short", "bias")


def make_row_rollback(
    blobs: BlobStore, parent: Model, base: Model, source: Model, row: int
) -> Candidate:
    """The base with one row of `source`, as the version that follows `parent`.

    The published row is copied and so equals the old one bit for bit.
    """
    content = VersionContent(
        version=parent.version + 1,
        parent=parent.version,
        kind="rollback",
        round_id=None,
        table=_with_row(base.table, source.table, row),
        scalars=base.state.scalars,
        event_types=base.event_types,
        catalogue=base.catalogue,
    )
    state = restored_row(base.state, source, row)
    ancestry = Ancestry("rollback", parent, base=base, row=(source.version, row))
    return make_candidate(blobs, content, state, ancestry)


def _with_row(base: ItemTable, source: ItemTable, row: int) -> ItemTable:
    heads = []
    for name in HEADS:
        head = getattr(base, name).copy()
        head[row] = getattr(source, name)[row]
        heads.append(head)
    return ItemTable(*heads)


@torch.no_grad()
def restored_row(state: ServerState, source: Model, row: int) -> ServerState:
    """The state with the row's own parameters and moments as `source` had them.

    The encoder and what the catalogue says of the item today stay. A row is its residual plus what
    these two and the latent say, so the residual is chosen to make the sum the published row of
    `source`, to the rounding of one addition. The row counts as trained from then on: a corrected
    title must not undo what the operator asked for.
    """
    tower, old = copy.deepcopy(state.tower), source.state.tower
    if tower.latent is not None and old.latent is not None:
        tower.latent[row] = old.latent[row]
    wanted = np.concatenate([np.atleast_1d(getattr(source.table, name)[row]) for name in HEADS])
    tower.residual[row] = 0
    tower.residual[row] = torch.from_numpy(wanted) - tower.rows()[row]
    tower.trained[row] = True
    moments = _with_moments(state.moments, source.state.moments, row)
    return ServerState(tower, state.scalars, moments, state.n_steps)


def _with_moments(
    moments: Mapping[str, torch.Tensor], old: Mapping[str, torch.Tensor], row: int
) -> dict[str, torch.Tensor]:
    """The optimiser's moments with one row of the old ones. Rows that they lack are zero."""
    found = {name: value.clone() for name, value in moments.items()}
    for name in BY_ROW:
        value, before = found.get(name), old.get(name)
        if value is not None and row < value.shape[1]:
            value[:, row] = 0 if before is None or row >= before.shape[1] else before[:, row]
    return found
